import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { loadLinks } from './details.js';
import type { Links } from './links.js';
import type { Module, ModuleIndex, ModuleSet } from './module.js';
import { nameOfPath, normaliseAlias } from './names.js';
import { sortDependencies } from './order.js';
import { parseAlias, parseBuiltinAliases } from './texts.js';
import { readOptional } from './tree.js';
import { type IndexEntry, sortEntries, writeIndex } from './trie.js';

export interface IndexOptions {
  /** Files that are not wanted, and so are not made: texts whose .bin is enough, for instance. */
  without?: ReadonlySet<string>;
}

/**
 * depmod's indexes for a module set, made in process, with the files that the kernel's build leaves beside them: file name ->
 * content, ready for /lib/modules/RELEASE. What depmod would write for a folder with just these modules, byte for
 * byte (kmod 30); modules.order and modules.builtin* come along, the former cut down to the set.
 * @param cache Holds who needs whom in this tree; the first call for a tree reads every module's symbols (about 0.7 s).
 */
export async function depmodIndexes(
  set: ModuleSet,
  cache: Cache,
  options: IndexOptions = {},
): Promise<Map<string, Uint8Array | string>> {
  const links = await loadLinks(set.index, cache);
  const maker = new Maker(set, links, await readOptional(join(set.index.dir, 'modules.order')));
  const makers: [name: string, make: () => Uint8Array | string | null][] = [
    ['modules.dep', () => maker.dep()],
    ['modules.dep.bin', () => maker.depBin()],
    ['modules.alias', () => maker.alias()],
    ['modules.alias.bin', () => maker.aliasBin()],
    ['modules.softdep', () => maker.softdep()],
    ['modules.weakdep', () => maker.weakdep()],
    ['modules.symbols', () => maker.symbols()],
    ['modules.symbols.bin', () => maker.symbolsBin()],
    ['modules.builtin', () => set.index.texts.builtin],
    ['modules.builtin.bin', () => builtinIndexes(set.index).names],
    ['modules.builtin.modinfo', () => set.index.texts.modinfo],
    ['modules.builtin.alias.bin', () => builtinIndexes(set.index).aliases],
    ['modules.devname', () => maker.devname()],
    ['modules.order', () => maker.order()],
  ];
  const files = new Map<string, Uint8Array | string>();
  for (const [name, make] of makers) {
    if (options.without?.has(name)) continue;
    const content = make();
    if (content !== null) files.set(name, content);
  }
  return files;
}

/** The alias of a module in modules.alias, as written and as kmod compares it. */
interface AliasRow {
  raw: string;
  /** Null where depmod leaves it out of the index. */
  key: string | null;
  module: string;
}

/** Makes each file of one set. Priorities are places in the set's own modules.dep. */
class Maker {
  readonly #modules: Module[];
  readonly #priorities: Map<string, number>;
  readonly #rows: AliasRow[];
  readonly #index: ModuleIndex;
  readonly #orderText: string;
  readonly #depLines: string[];
  readonly #exported: { symbol: string; owner: string }[];

  constructor(set: ModuleSet, links: Links, orderText: string) {
    const names = new Set(set.names);
    const all = links.names.map((name) => set.index.modules.get(name) as Module);
    const present = all.flatMap(({ name }, at) => (names.has(name) ? [at] : []));
    const pathOf = (at: number) => (all[at] as Module).path;
    this.#index = set.index;
    this.#orderText = orderText;
    this.#modules = present.map((at) => all[at] as Module);
    this.#priorities = new Map(this.#modules.map(({ name }, at) => [name, at]));
    this.#rows = aliasRows(set.index).filter(({ module }) => names.has(module));
    this.#depLines = sortDependencies(links, present).map((needs, at) =>
      [`${pathOf(present[at] as number)}:`, ...needs.map(pathOf)].join(' '),
    );
    const inside = new Set(present);
    this.#exported = links.symbols.flatMap((symbol, at) => {
      const owner = links.owners[at]?.findLast((one) => inside.has(one));
      return owner === undefined ? [] : [{ symbol, owner: (all[owner] as Module).name }];
    });
  }

  dep(): string {
    return this.#depLines.map((line) => `${line}\n`).join('');
  }

  depBin(): Buffer {
    return writeIndex(
      sortEntries(
        this.#modules.map(({ name }, at) => ({
          key: name,
          value: this.#depLines[at] as string,
          priority: at,
        })),
      ),
    );
  }

  alias(): string {
    const lines = this.#rows.map(({ raw, module }) => `alias ${raw} ${module}\n`);
    return `# Aliases extracted from modules themselves.\n${lines.join('')}`;
  }

  aliasBin(): Buffer {
    const entries: IndexEntry[] = [];
    for (const { key, module } of sortedRows(this.#index)) {
      const priority = this.#priorities.get(module);
      if (priority !== undefined && key !== null) entries.push({ key, value: module, priority });
    }
    return writeIndex(entries);
  }

  softdep(): string {
    return this.#cut('# Soft dependencies extracted from modules themselves.\n', 'softdep ');
  }

  /** Null where the tree has no such file: kmod before 33 neither writes nor reads it. */
  weakdep(): string | null {
    if (!this.#index.texts.weakdep) return null;
    return this.#cut('# Weak dependencies extracted from modules themselves.\n', 'weakdep ');
  }

  #cut(header: string, keyword: 'softdep ' | 'weakdep '): string {
    const text = keyword === 'softdep ' ? this.#index.texts.softdep : this.#index.texts.weakdep;
    const lines = text.split('\n').filter((line) => {
      const [, module] = line.split(' ', 2);
      return line.startsWith(keyword) && this.#priorities.has(module ?? '');
    });
    return header + lines.map((line) => `${line}\n`).join('');
  }

  symbols(): string {
    const lines = this.#exported.map(({ symbol, owner }) => `alias symbol:${symbol} ${owner}\n`);
    return `# Aliases for symbols, used by symbol_request().\n${lines.join('')}`;
  }

  symbolsBin(): Buffer {
    const entries = this.#exported.map(({ symbol, owner }) => ({
      key: `symbol:${symbol}`,
      value: owner,
      priority: this.#priorities.get(owner) ?? 0,
    }));
    return writeIndex(sortEntries(entries));
  }

  /** Device nodes that can be made before their module is loaded; depmod.c, output_devname(). */
  devname(): string {
    const lines: string[] = [];
    for (const [module, aliases] of this.#aliasesByModule()) {
      let [node, number]: (string | null)[] = [null, null];
      for (const raw of aliases) {
        if (raw.startsWith('devname:')) node = raw.slice('devname:'.length);
        else number = deviceNumber(raw) ?? number;
        if (node && number) break;
      }
      if (node && number) lines.push(`${module} ${node} ${number}\n`);
    }
    return lines.length > 0 ? `# Device nodes to trigger on-demand module loading.\n${lines.join('')}` : '';
  }

  #aliasesByModule(): Map<string, string[]> {
    const all = new Map<string, string[]>();
    for (const { raw, module } of this.#rows) {
      const others = all.get(module);
      if (others) others.push(raw);
      else all.set(module, [raw]);
    }
    return all;
  }

  order(): string {
    const lines = this.#orderText.split('\n').filter((path) => this.#priorities.has(nameOfPath(path)));
    return lines.map((path) => `${path}\n`).join('');
  }
}

/** `char-major-10-237` -> `c10:237`; null for an alias with a wildcard for one of the numbers. */
function deviceNumber(alias: string): string | null {
  const found = /^(char|block)-major-(\d+)-(\d+)/.exec(alias);
  return found ? `${found[1] === 'char' ? 'c' : 'b'}${Number(found[2])}:${Number(found[3])}` : null;
}

/** Things that are the same for every set of a tree. */
const rowsOf = new WeakMap<ModuleIndex, AliasRow[]>();
const sortedOf = new WeakMap<ModuleIndex, AliasRow[]>();
const builtinsOf = new WeakMap<ModuleIndex, { names: Buffer; aliases: Buffer }>();

function aliasRows(index: ModuleIndex): AliasRow[] {
  const known = rowsOf.get(index);
  if (known) return known;
  const rows = parseAlias(index.texts.alias).map(([raw, module]) => ({
    raw,
    key: normaliseAlias(raw),
    module,
  }));
  rowsOf.set(index, rows);
  return rows;
}

function sortedRows(index: ModuleIndex): AliasRow[] {
  const known = sortedOf.get(index);
  if (known) return known;
  const rows = aliasRows(index).toSorted((a, b) => {
    const [left, right] = [a.key ?? '', b.key ?? ''];
    return left < right ? -1 : left > right ? 1 : 0;
  });
  sortedOf.set(index, rows);
  return rows;
}

/** depmod.c, output_builtin_bin() and output_builtin_alias_bin(); empty files where the tree has no texts for them. */
function builtinIndexes(index: ModuleIndex): { names: Buffer; aliases: Buffer } {
  const known = builtinsOf.get(index);
  if (known) return known;
  const { builtin, modinfo } = index.texts;
  const paths = builtin.split('\n').filter((line) => /^[A-Za-z]/.test(line));
  const names = paths.map((path) => ({ key: nameOfPath(path), value: '', priority: 0 }));
  const aliases = parseBuiltinAliases(modinfo).flatMap(([raw, module]) => {
    const key = normaliseAlias(raw);
    return key === null ? [] : [{ key, value: module, priority: 0 }];
  });
  const made = {
    names: builtin ? writeIndex(sortEntries(names)) : Buffer.alloc(0),
    aliases: modinfo ? writeIndex(sortEntries(aliases)) : Buffer.alloc(0),
  };
  builtinsOf.set(index, made);
  return made;
}
