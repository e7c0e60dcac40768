import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { readManyMaybeCompressed } from '../decompress.js';
import { BootgateError } from '../errors.js';
import { type Links, makeLinks } from './links.js';
import type { Module, ModuleIndex } from './module.js';
import { type ModuleFile, readModuleFile } from './moduleelf.js';

/** What a module's own file says: read from the ELF, which costs a look into every file of the tree, once. */
export interface ModuleDetail {
  exports: string[];
  /** Symbols taken from the kernel and other modules; `weak` ones may be missing. */
  needs: { symbol: string; weak: boolean }[];
  firmware: string[];
  vermagic: string | null;
  srcversion: string | null;
  license: string | null;
  /** Whether a signature is appended. */
  signed: boolean;
  /** Why the file could not be read, where it could not; everything else is then empty. */
  broken: string | null;
}

/** The details of one tree. */
export interface ModuleDetails {
  /** By module name; undefined for a name that the tree does not have. */
  get(name: string): ModuleDetail | undefined;
  /** The modules whose symbols a module uses itself, in the order in which depmod sees them. */
  direct(name: string): string[];
}

/**
 * The details of every module of a tree: about 0.7 s for 4,000 uncompressed modules, then cached by the tree's digest. Entries
 * are parsed when they are asked for.
 */
export async function loadModuleDetails(index: ModuleIndex, cache: Cache): Promise<ModuleDetails> {
  const folder = await detailsFolder(index, cache);
  const lines = (await readFile(join(folder, 'details.ndjson'), 'utf8')).split('\n');
  const links = await loadLinks(index, cache);
  const names = [...index.modules.keys()];
  const places = new Map(names.map((name, at) => [name, at]));
  const parsed = new Map<string, ModuleDetail>();
  return {
    get(name) {
      const known = parsed.get(name);
      const place = places.get(name);
      if (known || place === undefined) return known;
      const detail = JSON.parse(lines[place] ?? '') as ModuleDetail;
      parsed.set(name, detail);
      return detail;
    },
    direct(name) {
      const links_ = links.direct[places.get(name) ?? -1] ?? [];
      return links_.map((link) => names[typeof link === 'number' ? link : (link.at(-1) ?? -1)] ?? '');
    },
  };
}

/** The small part of the details: who needs whom. */
export async function loadLinks(index: ModuleIndex, cache: Cache): Promise<Links> {
  const known = loaded.get(index);
  if (known !== undefined) return known;
  const links = detailsFolder(index, cache)
    .then((folder) => readFile(join(folder, 'links.json'), 'utf8'))
    .then((text) => JSON.parse(text) as Links);
  loaded.set(index, links);
  return links;
}

const loaded = new WeakMap<ModuleIndex, Promise<Links>>();

function detailsFolder(index: ModuleIndex, cache: Cache): Promise<string> {
  return cache.entry('modules-details', `1 ${index.digest}`, async (temporary) => {
    const details: ModuleDetail[] = [];
    for await (const detail of readAll(index)) details.push(detail);
    const links = makeLinks(
      details.map(({ exports, needs }) => ({ exports, needs: needs.map(({ symbol }) => symbol) })),
    );
    await mkdir(temporary, { recursive: true });
    await writeFile(join(temporary, 'details.ndjson'), details.map((one) => JSON.stringify(one)).join('\n'));
    await writeFile(join(temporary, 'links.json'), JSON.stringify(links));
  });
}

/** In modules.dep's order. A broken module is recorded as such: depmod goes on past it, too. */
async function* readAll(index: ModuleIndex): AsyncGenerator<ModuleDetail> {
  const modules = [...index.modules.values()];
  if (modules.every(({ path }) => path.endsWith('.ko'))) {
    const room = { bytes: Buffer.allocUnsafe(16 << 20) };
    for (const module of modules) yield detailOf(module, () => readInto(room, join(index.dir, module.path)));
    return;
  }
  let at = 0;
  for await (const { bytes } of readManyMaybeCompressed(modules.map(({ path }) => join(index.dir, path))))
    yield detailOf(modules[at++] as Module, () => bytes);
}

/** One buffer for thousands of files: reading them is most of the work. */
function readInto(room: { bytes: Buffer }, path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size > room.bytes.length) room.bytes = Buffer.allocUnsafe(size);
    let done = 0;
    while (done < size) {
      const got = readSync(file, room.bytes, done, size - done, done);
      if (got === 0) break;
      done += got;
    }
    return room.bytes.subarray(0, done);
  } finally {
    closeSync(file);
  }
}

function detailOf(module: Module, read: () => Uint8Array): ModuleDetail {
  let file: ModuleFile = { exports: [], needs: [], info: [], signed: false };
  let broken: string | null = null;
  try {
    file = readModuleFile(read(), module.path);
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    broken = error.message;
  }
  const all = (key: string) => file.info.flatMap(([name, value]) => (name === key ? [value] : []));
  return {
    exports: file.exports,
    needs: file.needs,
    firmware: all('firmware'),
    vermagic: all('vermagic')[0] ?? null,
    srcversion: all('srcversion')[0] ?? null,
    license: all('license')[0] ?? null,
    signed: file.signed,
    broken,
  };
}
