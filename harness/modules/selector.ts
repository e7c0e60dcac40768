import type { ModuleIndex } from './module.js';
import { isModulePath, nameOfPath } from './names.js';

/**
 * What one line of a list or one rule of a policy picks out of a tree. `-` and `_` are alike everywhere.
 *   virtio-blk                  a module's name
 *   snd_*                       without a slash: a glob over names
 *   drivers/net/ethernet/*      with one: a glob over paths, below kernel/ or from the tree's root; `*` and `?` stop at a slash, `**` does not
 *   fs/btrfs/  fs/btrfs         a folder: everything below it
 *   kernel/fs/ext4/ext4.ko.xz   a path as shipped; the suffix does not matter
 */
export interface Selection {
  /** Module names, in modules.dep's order. */
  names: string[];
  /** Built-ins that the pattern picks too: they satisfy it, and there is nothing to copy. */
  builtins: number;
}

/** Names and normalised paths of one tree, made once: every rule of a policy goes over all of them. */
export class Selector {
  readonly #modules: Row[];
  readonly #builtins: Row[];
  readonly #names: ReadonlySet<string>;
  readonly #builtinNames: ReadonlySet<string>;

  private constructor(index: ModuleIndex) {
    this.#modules = [...index.modules.values()].map(({ name, path }) => rowOf(name, path));
    this.#builtins = [...index.builtins].map(([name, path]) => rowOf(name, path));
    this.#names = new Set(index.modules.keys());
    this.#builtinNames = new Set(index.builtins.keys());
  }

  static readonly #made = new WeakMap<ModuleIndex, Selector>();

  static of(index: ModuleIndex): Selector {
    const made = Selector.#made.get(index) ?? new Selector(index);
    Selector.#made.set(index, made);
    return made;
  }

  select(pattern: string): Selection {
    if (!/[*?[/]/.test(pattern)) {
      const name = nameOfPath(pattern);
      if (this.#names.has(name)) return { names: [name], builtins: 0 };
      return { names: [], builtins: this.#builtinNames.has(name) ? 1 : 0 };
    }
    const matches = compile(pattern);
    const names: string[] = [];
    for (const row of this.#modules) if (matches(row)) names.push(row.name);
    return { names, builtins: this.#builtins.reduce((sum, row) => sum + (matches(row) ? 1 : 0), 0) };
  }
}

interface Row {
  name: string;
  /** `kernel/drivers/net/virtio_net`, no suffix. */
  path: string;
  /** The same without `kernel/`. */
  below: string;
}

function rowOf(name: string, path: string): Row {
  const plain = normalisePath(path);
  return { name, path: plain, below: plain.startsWith('kernel/') ? plain.slice(7) : plain };
}

function normalisePath(path: string): string {
  return path.replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

function compile(pattern: string): (row: Row) => boolean {
  const text = normaliseGlob(pattern.replace(/^\/+/, ''));
  if (!text.includes('/')) {
    const name = globToRegExp(text);
    return (row) => name.test(row.name);
  }
  const full = text.startsWith('kernel/') || text === 'kernel';
  const folder = text.replace(/\/+$/, '');
  // A plain prefix test first: most rules look at one folder, and most modules are not in it.
  const literal = /^[^*?[]*/.exec(folder)?.[0] ?? '';
  // What ends in .ko is a file; anything else may also be a folder.
  const path = globToRegExp(folder, isModulePath(pattern) ? '' : '(/.*)?');
  return (row) => {
    const subject = full ? row.path : row.below;
    return subject.startsWith(literal) && path.test(subject);
  };
}

/** Suffix off, and `-` as `_` but inside brackets. */
function normaliseGlob(pattern: string): string {
  return pattern
    .replace(/\.ko(\.\w+|\*)?$/, '')
    .replace(/\[[^\]]*\]|-/g, (part) => (part === '-' ? '_' : part));
}

/** @throws RegExp's SyntaxError for brackets that make no range, such as `[z-a]`. */
function globToRegExp(glob: string, tail = ''): RegExp {
  const body = glob.replace(/\*+|\?|\[[^\]]+\]|[\\^$.|+(){}[\]]/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part.startsWith('**')) return '.*';
    if (part === '?') return '[^/]';
    if (part.length > 2 && part.startsWith('['))
      return `[${part.slice(1, -1).replace(/^!/, '^').replace(/\\/g, '\\\\')}]`;
    return `\\${part}`;
  });
  return new RegExp(`^${body}${tail}$`);
}
