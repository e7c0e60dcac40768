import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDocument } from '../document.js';
import { makeFolder } from '../folders.js';
import { loadImage } from '../image/image-file.js';
import { readUserlandTable } from '../initramfs/userland-table.js';
import { setFromPolicy } from '../modules/policy.js';
import { imagesDir, scenariosDir } from '../paths.js';
import { loadScenarios } from '../scenarios/load.js';
import { expandMatrix } from '../scenarios/matrix.js';
import { scenarioFileSchema } from '../scenarios/schema.js';
import type { Room, TargetMaker } from './target.js';

const WORDS = [
  '- ',
  ': ',
  '[',
  '{',
  '"',
  '&a ',
  '*a',
  '<<: *a',
  '? ',
  '---\n',
  '...\n',
  '!!binary ',
  '|\n',
  '>\n',
  '%YAML 1.2\n',
  '0x10',
  '.inf',
  'null',
  `\${a}`,
  '\u2028',
  '\ud83d\ude00',
];

const inFolder = (folder: string, pattern: RegExp) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => readFileSync(join(folder, name)));

const document =
  (
    name: string,
    seeds: (room: Room) => Buffer[],
    file: string,
    read: (path: string, room: Room) => unknown,
  ): TargetMaker =>
  async (room) => {
    const path = join(room.folder, file);
    await makeFolder(join(path, '..'));
    return {
      name,
      seeds: seeds(room),
      words: WORDS,
      read(bytes) {
        writeFileSync(path, bytes);
        return read(path, room);
      },
    };
  };

/** The document and its matrix alone: sh's check of the steps would start a process for each input. */
export const scenarioFile = document(
  'scenario',
  () => inFolder(scenariosDir, /\.ya?ml$/),
  'scenario.yaml',
  async (path) => expandMatrix(await readDocument(path, scenarioFileSchema), []),
);
/** All of it, as a run reads it. */
export const scenarioFolder = document(
  'scenarios',
  () => inFolder(scenariosDir, /\.ya?ml$/).slice(0, 8),
  'scenarios/area/name.yaml',
  (path) => loadScenarios(join(path, '../..')),
);
export const imageFile = document(
  'image',
  () => inFolder(imagesDir, /^debian.*\.yaml$/),
  'image.yaml',
  (path) => loadImage(path),
);
export const policy = document(
  'policy',
  () => inFolder(join(imagesDir, 'policies'), /\.yaml$/),
  'policy.yaml',
  (path, { index }) => setFromPolicy(index, path),
);
export const userland = document(
  'userland table',
  () => [readFileSync(join(imagesDir, 'userland.yaml'))],
  'userland.yaml',
  (path) => readUserlandTable(path),
);
