import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { loadLinks, readScan } from './details.js';
import type { Links, SymbolOwners } from './links.js';
import type { ModuleIndex, ModuleSet } from './module.js';
import { nameOfPath, normaliseAlias } from './names.js';
import { sortDependencies } from './order.js';
import { type IndexRows, lastOfEach, makeRows, pickRows, unpackRows } from './rows.js';
import { SCAN_FILES } from './scan.js';
import { parseAlias, parseBuiltinAliases } from './texts.js';
import { readOptional } from './tree.js';
import { writeIndex } from './trie.js';

export interface IndexOptions {
  /** Files that are not wanted, and so are not made: texts whose .bin is enough, for instance. */
  without?: ReadonlySet<string>;
}

/**
 * depmod's indexes for a module set, made in process, with the files that the kernel's build leaves beside them: file name ->
 * content, ready for /lib/modules/RELEASE. What depmod would write for a folder with just these modules, byte for
 * byte (kmod 30); modules.order and modules.builtin* come along, the former cut down to the set.
 * @param cache Holds the scan of this tree; the first call for a tree reads every module (see scan.ts).
 */
export async function depmodIndexes(
  set: ModuleSet,
  cache: Cache,
  options: IndexOptions = {},
): Promise<Map<string, Uint8Array | string>> {
  const { texts } = set.index;
  const links = await loadLinks(set.index, cache);
  const maker = new Maker(set, links);
  const rows = (name: string) => readScan(set.index, cache, name, unpackRows);
  const owners = () =>
    readScan(
      set.index,
      cache,
      SCAN_FILES.owners,
      (bytes) => JSON.parse(bytes.toString('latin1')) as SymbolOwners,
    );
  const makers: [name: string, make: () => Promise<Uint8Array | string> | Uint8Array | string | null][] = [
    ['modules.dep', () => lines(maker.depLines)],
    ['modules.dep.bin', () => maker.depBin()],
    ['modules.alias', () => maker.alias()],
    ['modules.alias.bin', async () => maker.aliasBin(await rows(SCAN_FILES.aliasRows))],
    ['modules.softdep', () => maker.cut(texts.softdep, 'softdep', 'Soft')],
    // Kmod before 33 neither writes nor reads it.
    ['modules.weakdep', () => (texts.weakdep ? maker.cut(texts.weakdep, 'weakdep', 'Weak') : null)],
    ['modules.symbols', async () => maker.symbols(await owners())],
    ['modules.symbols.bin', async () => maker.symbolsBin(await rows(SCAN_FILES.symbolRows))],
    ['modules.builtin', () => texts.builtin],
    ['modules.builtin.bin', () => builtinNames(set.index)],
    ['modules.builtin.modinfo', () => texts.modinfo],
    ['modules.builtin.alias.bin', () => builtinAliases(set.index)],
    ['modules.devname', () => maker.devname()],
    ['modules.order', async () => maker.order(await readOptional(join(set.index.dir, 'modules.order')))],
  ];
  const files = new Map<string, Uint8Array | string>();
  for (const [name, make] of makers) {
    if (options.without?.has(name)) continue;
    const content = await make();
    if (content !== null) files.set(name, content);
  }
  return files;
}

/** Makes each file of one set. A module's priority is its place in the set's own modules.dep. */
class Maker {
  readonly depLines: string[] = [];
  readonly #index: ModuleIndex;
  readonly #links: Links;
  readonly #names: ReadonlySet<string>;
  readonly #present: Uint8Array;
  readonly #priorities: Int32Array;
  readonly #values: Uint8Array[];

  constructor(set: ModuleSet, links: Links) {
    this.#index = set.index;
    this.#links = links;
    this.#names = new Set(set.names);
    this.#present = Uint8Array.from(links.names, (name) => (this.#names.has(name) ? 1 : 0));
    this.#priorities = new Int32Array(links.names.length);
    this.#values = links.names.map((name, at) =>
      this.#present[at] ? Buffer.from(`${name}\0`, 'latin1') : EMPTY,
    );
    const paths = links.names.map((name) => set.index.modules.get(name)?.path ?? '');
    for (const [at, needs] of sortDependencies(links, this.#present).entries()) {
      if (!this.#present[at]) continue;
      this.#priorities[at] = this.depLines.length;
      let line = `${paths[at]}:`;
      for (const need of needs) line += ` ${paths[need]}`;
      this.depLines.push(line);
    }
  }

  depBin(): Buffer {
    const rows = makeRows(
      this.#links.names.flatMap((name, at) => (this.#present[at] ? [[name, at] as const] : [])),
    );
    const lineOf = (module: number) => this.depLines[this.#priorities[module] as number];
    return this.#write(rows, pickRows(rows, this.#present), (module) =>
      Buffer.from(`${lineOf(module)}\0`, 'latin1'),
    );
  }

  alias(): string {
    const rows = parseAlias(this.#index.texts.alias).filter(([, module]) => this.#names.has(module));
    const all = rows.map(([pattern, module]) => `alias ${pattern} ${module}`);
    return lines(['# Aliases extracted from modules themselves.', ...all]);
  }

  aliasBin(rows: IndexRows): Buffer {
    return this.#write(rows, pickRows(rows, this.#present));
  }

  symbols(owners: SymbolOwners): string {
    const all = owners.flatMap(([symbol, modules]) => {
      const owner = modules.findLast((one) => this.#present[one]);
      return owner === undefined ? [] : [`alias symbol:${symbol} ${this.#links.names[owner]}`];
    });
    return lines(['# Aliases for symbols, used by symbol_request().', ...all]);
  }

  symbolsBin(rows: IndexRows): Buffer {
    const picked = pickRows(rows, this.#present);
    return this.#write(rows, this.#links.shared ? lastOfEach(rows, picked) : picked);
  }

  #write(
    rows: IndexRows,
    picked: number[],
    value = (module: number) => this.#values[module] as Uint8Array,
  ): Buffer {
    return writeIndex(rows, picked, { value, priority: (module) => this.#priorities[module] as number });
  }

  /** The lines of modules.softdep or modules.weakdep that are about modules of the set. */
  cut(text: string, keyword: 'softdep' | 'weakdep', title: 'Soft' | 'Weak'): string {
    const all = text.split('\n').filter((line) => {
      const [first, module = ''] = line.split(' ', 2);
      return first === keyword && this.#names.has(module);
    });
    return lines([`# ${title} dependencies extracted from modules themselves.`, ...all]);
  }

  /** Empty, without its first line, when there is no such module. */
  devname(): string {
    const all = this.#links.devnames.flatMap(([module, line]) => (this.#present[module] ? [line] : []));
    return all.length > 0 ? lines(['# Device nodes to trigger on-demand module loading.', ...all]) : '';
  }

  order(text: string): string {
    return lines(text.split('\n').filter((path) => this.#names.has(nameOfPath(path))));
  }
}

const EMPTY = new Uint8Array();

function lines(all: readonly string[]): string {
  return all.length > 0 ? `${all.join('\n')}\n` : '';
}

/** depmod.c, output_builtin_bin(): names that stand for nothing; an empty file where the tree has no text for it. */
function builtinNames({ texts }: ModuleIndex): Uint8Array {
  if (!texts.builtin) return EMPTY;
  const paths = texts.builtin.split('\n').filter((line) => /^[A-Za-z]/.test(line));
  return writeAll(paths.map((path) => [nameOfPath(path), '']));
}

/** depmod.c, output_builtin_alias_bin(). */
function builtinAliases({ texts }: ModuleIndex): Uint8Array {
  if (!texts.modinfo) return EMPTY;
  return writeAll(
    parseBuiltinAliases(texts.modinfo).flatMap(([raw, module]): [string, string][] => {
      const key = normaliseAlias(raw);
      return key === null ? [] : [[key, module]];
    }),
  );
}

/** An index in which everything has priority 0. */
function writeAll(entries: readonly [key: string, value: string][]): Uint8Array {
  const rows = makeRows(entries.map(([key], at) => [key, at]));
  return writeIndex(rows, [...rows.modules.keys()], {
    value: (at) => Buffer.from(`${entries[at]?.[1]}\0`, 'latin1'),
    priority: () => 0,
  });
}
