import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import type { Links } from './links.js';
import type { ModuleIndex } from './module.js';
import { SCAN_FILES, type ScannedModule, scanTree } from './scan.js';

/** What a module's own file says. */
export interface ModuleDetail {
  exports: string[];
  /** Symbols taken from the kernel and other modules; `weak` ones may be missing. */
  needs: { symbol: string; weak: boolean }[];
  firmware: string[];
  vermagic: string | null;
  srcversion: string | null;
  license: string | null;
  /** .modinfo whole, in its order. */
  info: [key: string, value: string][];
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
 * The details of every module of a tree, read from the ELF files once (see scanTree) and then from the cache. Entries are
 * parsed when they are asked for.
 */
export async function loadModuleDetails(index: ModuleIndex, cache: Cache): Promise<ModuleDetails> {
  // Its lines are parsed one by one, later: that they are sound is seen now.
  await cache.recheck([join(await scanTree(index, [...index.modules.values()], cache), SCAN_FILES.details)]);
  const links = await loadLinks(index, cache);
  const lines = await readScan(index, cache, SCAN_FILES.details, (bytes) =>
    bytes.toString('latin1').split('\n'),
  );
  const places = new Map(links.names.map((name, at) => [name, at]));
  const parsed = new Map<string, ModuleDetail>();
  return {
    get(name) {
      const known = parsed.get(name);
      const place = places.get(name);
      if (known || place === undefined) return known;
      const detail = detailOf(JSON.parse(lines[place] ?? '') as ScannedModule);
      parsed.set(name, detail);
      return detail;
    },
    direct(name) {
      const targets = links.direct[places.get(name) ?? -1] ?? [];
      return targets.map((one) => links.names[typeof one === 'number' ? one : (one.at(-1) ?? -1)] ?? '');
    },
  };
}

/** The small part of the details: who needs whom. */
export function loadLinks(index: ModuleIndex, cache: Cache): Promise<Links> {
  return readScan(index, cache, SCAN_FILES.links, (bytes) => JSON.parse(bytes.toString('latin1')) as Links);
}

/**
 * One file of the tree's scan (see scan.ts), understood by `parse`. Where that throws, the scan is compared with its seal byte
 * by byte, and what is rebuilt is parsed anew.
 */
export async function readScan<T>(
  index: ModuleIndex,
  cache: Cache,
  name: string,
  parse: (bytes: Buffer) => T,
): Promise<T> {
  const file = join(await scanTree(index, [...index.modules.values()], cache), name);
  try {
    return parse(await readFile(file));
  } catch (error) {
    if ((await cache.recheck([file])).length === 0) throw error;
    return parse(await readFile(file));
  }
}

function detailOf({ exports, needs, weak, info, signed, broken }: ScannedModule): ModuleDetail {
  const all = (key: string) => info.flatMap(([name, value]) => (name === key ? [value] : []));
  const optional = new Set(weak);
  return {
    exports,
    needs: needs.map((symbol) => ({ symbol, weak: optional.has(symbol) })),
    firmware: all('firmware'),
    vermagic: all('vermagic')[0] ?? null,
    srcversion: all('srcversion')[0] ?? null,
    license: all('license')[0] ?? null,
    info,
    signed,
    broken,
  };
}
