import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModuleIndex } from '../modules/module.js';
import { forJson } from '../printable.js';
import { writeWhole } from '../write-whole.js';

/** One module of the tree that was booted. */
export interface TreeModule {
  name: string;
  /** Below /lib/modules/RELEASE, without `kernel/`: `drivers/block`. */
  folder: string;
  bytes: number;
  /** Of the split, if there is one and it has the module. */
  package?: string;
  /** Modules whose symbols it needs, directly or not. */
  depends: string[];
  /** The install sets that have it; `''` stands for the set of an image without a split. */
  sets: ReadonlySet<string>;
}

/** What is written of a module set that is booted. */
interface BootedSet {
  index: Pick<ModuleIndex, 'modules'>;
  set: { names: readonly string[] };
  split: { placement: ReadonlyMap<string, { package: string }> } | null;
  installSet: { name: string } | null;
}

/** tree.json: names of folders, packages and sets stand once, and modules count into them and into each other. */
interface TreeFile {
  schema: 'bootgate/tree@1';
  folders: string[];
  packages: string[];
  sets: { name: string; modules: number[] }[];
  /** Name, folder, bytes, package or -1, depends. */
  modules: [string, number, number, number, number[]][];
}

const FILE = 'tree.json';

/** Writes RUN/tree.json: where the bytes of the module tree are, in which package, and which set has them. */
export async function writeTree(folder: string, variants: readonly BootedSet[]): Promise<void> {
  const [first] = variants;
  if (!first) return;
  const all = [...first.index.modules.values()];
  const numbers = new Map(all.map(({ name }, at) => [name, at]));
  const [folders, packages] = [new Words(), new Words()];
  const known = (names: readonly string[]) => names.flatMap((name) => numbers.get(name) ?? []);
  const file: TreeFile = {
    schema: 'bootgate/tree@1',
    folders: folders.list,
    packages: packages.list,
    sets: variants.map(({ set, installSet }) => ({
      name: installSet?.name ?? '',
      modules: known(set.names),
    })),
    modules: all.map(({ name, path, bytes, depends }) => {
      const held = first.split?.placement.get(name)?.package;
      return [
        name,
        folders.number(dirname(path).replace(/^kernel\//, '')),
        bytes,
        held === undefined ? -1 : packages.number(held),
        known(depends),
      ];
    }),
  };
  await writeWhole(join(folder, FILE), forJson(file, 0));
}

/** The tree of a stored run by module name; empty where the run has none (an older one). */
export async function readTree(folder: string): Promise<ReadonlyMap<string, TreeModule>> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return new Map();
  const file = JSON.parse(text) as TreeFile;
  if (file.schema !== 'bootgate/tree@1') return new Map();
  const sets = file.modules.map(() => new Set<string>());
  for (const { name, modules } of file.sets) for (const number of modules) sets[number]?.add(name);
  return new Map(
    file.modules.map(([name, where, bytes, held, depends], at): [string, TreeModule] => [
      name,
      {
        name,
        folder: file.folders[where] ?? '',
        bytes,
        ...(held >= 0 ? { package: file.packages[held] ?? '' } : {}),
        depends: depends.map((number) => file.modules[number]?.[0] ?? ''),
        sets: sets[at] ?? new Set(),
      },
    ]),
  );
}

/** Words and their numbers, in the order in which they came. */
class Words {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    this.#numbers.set(word, this.list.length);
    return this.list.push(word) - 1;
  }
}
