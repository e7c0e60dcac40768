import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, digestOf } from '../cache.js';
import { readManyMaybeCompressed } from '../decompress.js';
import { BootgateError } from '../errors.js';
import { findOwners, makeLinks, orderModules, type SymbolOwners } from './links.js';
import { type ModuleFile, readModuleFile } from './moduleelf.js';
import { normaliseAlias } from './names.js';
import { sortDependencies } from './order.js';
import { makeRows, packRows } from './rows.js';
import { readOptional } from './tree.js';

/** What a scan leaves in its folder, beside depmod's texts. */
export const SCAN_FILES = {
  details: 'details.ndjson',
  links: 'links.json',
  owners: 'owners.json',
  aliasRows: 'aliases.rows',
  symbolRows: 'symbols.rows',
} as const;

interface ScannedTree {
  dir: string;
  digest: string;
}

interface NamedPath {
  name: string;
  path: string;
}

/** A module as it was found: its own words, or why they could not be read. */
export interface ScannedModule extends ModuleFile {
  name: string;
  path: string;
  broken: string | null;
}

/**
 * Reads every module file of a tree and keeps what they say: about 1 s for 4,000 uncompressed modules, once. The folder
 * holds the details, the links between modules, and the texts that depmod would write for the tree (byte for byte as
 * kmod 30 does), so that a tree without indexes needs no depmod.
 * @param tree Always given with the same modules.
 * @returns The folder, in the cache.
 */
export function scanTree(tree: ScannedTree, modules: readonly NamedPath[], cache: Cache): Promise<string> {
  return cache.entry('modules-scan', scanKey(tree, modules), async (temporary) => {
    await cache.settle([tree.dir]);
    await scan(tree, modules, temporary);
  });
}

/** What the entry of a scan is called by; it takes some milliseconds for thousands of modules. */
function scanKey(tree: ScannedTree, modules: readonly NamedPath[]): string {
  const known = keys.get(tree);
  if (known !== undefined) return known;
  const key = digestOf('scan 5', tree.digest, ...modules.map(({ path }) => path).sort());
  keys.set(tree, key);
  return key;
}

const keys = new WeakMap<ScannedTree, string>();

async function scan(tree: ScannedTree, modules: readonly NamedPath[], temporary: string): Promise<void> {
  const ordered = orderModules(modules, await readOptional(join(tree.dir, 'modules.order')));
  const scanned: ScannedModule[] = [];
  for await (const module of readModules(tree.dir, ordered, join(temporary, '..'))) scanned.push(module);
  const owners = findOwners(scanned);
  const links = makeLinks(scanned, owners);
  const needs = sortDependencies(links, new Uint8Array(scanned.length).fill(1));
  const files = {
    [SCAN_FILES.details]: scanned.map((module) => JSON.stringify(module)).join('\n'),
    [SCAN_FILES.links]: JSON.stringify(links),
    [SCAN_FILES.owners]: JSON.stringify(owners),
    [SCAN_FILES.aliasRows]: packRows(makeRows(aliasesOf(scanned))),
    [SCAN_FILES.symbolRows]: packRows(
      makeRows(owners.flatMap(([symbol, all]) => all.map((at) => [`symbol:${symbol}`, at] as const))),
    ),
    ...depmodTexts(scanned, owners, needs),
  };
  await mkdir(temporary, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(temporary, name), text, 'latin1');
}

/** Aliases as kmod compares them; depmod leaves out those that it cannot. */
function aliasesOf(modules: readonly ScannedModule[]): [key: string, module: number][] {
  return modules.flatMap(({ info }, at) =>
    info.flatMap(([key, value]): [string, number][] => {
      const alias = key === 'alias' ? normaliseAlias(value) : null;
      return alias === null ? [] : [[alias, at]];
    }),
  );
}

/** What depmod writes as text; modules.weakdep only if there is one, since kmod before 33 has no such file. */
function depmodTexts(
  modules: readonly ScannedModule[],
  owners: SymbolOwners,
  needs: readonly number[][],
): Record<string, string> {
  const pathOf = (at: number) => modules[at]?.path ?? '';
  const dep = needs.map((all, at) => [`${pathOf(at)}:`, ...all.map(pathOf)].join(' '));
  const infos = (key: string, line: (name: string, value: string) => string) =>
    modules.flatMap(({ name, info }) =>
      info.flatMap(([one, value]) => (one === key ? [line(name, value)] : [])),
    );
  const weak = infos('weakdep', (name, value) => `weakdep ${name} ${value}`);
  const symbols = owners.map(([symbol, all]) => `alias symbol:${symbol} ${modules[all.at(-1) ?? -1]?.name}`);
  return {
    'modules.dep': lines(dep),
    'modules.alias': lines([
      '# Aliases extracted from modules themselves.',
      ...infos('alias', (name, value) => `alias ${value} ${name}`),
    ]),
    'modules.softdep': lines([
      '# Soft dependencies extracted from modules themselves.',
      ...infos('softdep', (name, value) => `softdep ${name} ${value}`),
    ]),
    'modules.symbols': lines(['# Aliases for symbols, used by symbol_request().', ...symbols]),
    ...(weak.length > 0
      ? { 'modules.weakdep': lines(['# Weak dependencies extracted from modules themselves.', ...weak]) }
      : {}),
  };
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

/** A broken module is recorded as such: depmod goes on past it, too. */
async function* readModules(
  dir: string,
  modules: readonly NamedPath[],
  scratch: string,
): AsyncGenerator<ScannedModule> {
  if (modules.every(({ path }) => path.endsWith('.ko'))) {
    const room = { bytes: Buffer.allocUnsafe(16 << 20) };
    for (const module of modules) yield scanned(module, () => readInto(room, join(dir, module.path)));
    return;
  }
  let at = 0;
  const paths = modules.map(({ path }) => join(dir, path));
  for await (const { bytes } of readManyMaybeCompressed(paths, { scratch })) {
    const module = modules[at++];
    if (module) yield scanned(module, () => bytes);
  }
}

function scanned({ name, path }: { name: string; path: string }, read: () => Uint8Array): ScannedModule {
  try {
    return { name, path, ...readModuleFile(read(), path), broken: null };
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    return { name, path, exports: [], needs: [], weak: [], info: [], signed: false, broken: error.message };
  }
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
