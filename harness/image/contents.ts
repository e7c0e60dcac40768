import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userError } from '../errors.js';
import type { PreparedImage } from './prepare.js';

/** One module of a set that was booted. */
export interface ContainedModule {
  name: string;
  bytes: number;
  /** Of the split, if there is one. */
  package?: string;
}

const FILE = 'modules.txt';

/** The set's names as a module list (`--modules` takes it): what a run was made of stays known when its policy changes. */
export async function writeContents(
  folder: string,
  { set, index, split, installSet }: PreparedImage,
): Promise<void> {
  const lines = set.names.map((name) => {
    const place = split?.placement.get(name);
    return `${name} # ${index.modules.get(name)?.bytes ?? 0}${place ? ` ${place.package}` : ''}`;
  });
  const path = join(folder, installSet?.name ?? '', FILE);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    [`# ${set.source}, Linux ${index.release}: name # bytes [package]`, ...lines, ''].join('\n'),
  );
}

/** @throws BootgateError blame `user`, E_RUN_CONTENTS: the run has none (an older one). */
export async function readContents(folder: string, installSet?: string): Promise<ContainedModule[]> {
  const path = join(folder, installSet ?? '', FILE);
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw userError('E_RUN_CONTENTS', `cannot read which modules this run had: ${cause.message}`, {
      hint: 'run it again with this version of bootgate',
      cause,
    });
  });
  return text.split('\n').flatMap((line) => {
    const found = /^(\S+) # (\d+)(?: (\S+))?$/.exec(line);
    if (!found) return [];
    const [, name = '', bytes = '0', owner] = found;
    return [{ name, bytes: Number(bytes), ...(owner ? { package: owner } : {}) }];
  });
}
