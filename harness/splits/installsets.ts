import { userError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import { didYouMean } from '../suggest.js';
import { modulesByPackage, type Split, withDependencies } from './split.js';

/** What one machine really has installed: some packages, and everything that these depend on. */
export interface InstallSet {
  /** What was asked for: `kernel-core,kernel-extra`. */
  name: string;
  /** Every package in it, dependencies first. */
  packages: string[];
  /** Their modules and no other, in the tree's order. */
  modules: string[];
  /** An earlier of several sets with the same modules (a metapackage adds none): one boot tells of both. */
  sameAs?: string;
}

/** The install set of some packages. @throws BootgateError blame `user`, E_PACKAGE_NAME, naming every unknown one. */
export function installSet(split: Split, names: readonly string[], index: ModuleIndex): InstallSet {
  const found = names.map((name) => findPackage(split, name));
  const wrong = names.filter((_, at) => found[at] === undefined);
  if (names.length === 0 || wrong.length > 0)
    throw userError(
      'E_PACKAGE_NAME',
      `${split.file} has no package ${wrong.join(', ') || '(none was named)'}`,
      {
        problems: wrong.map((name) => ({
          message: `unknown package ${name}${didYouMean(
            name,
            split.packages.map((one) => one.name),
          )}`,
        })),
        hint: `its packages: ${split.packages.map(({ name }) => name).join(', ')}`,
      },
    );
  return make(split, found as string[], index);
}

/** Every install set that a package adds: the package and what it depends on, each set once, the smallest first. */
export function installSets(split: Split, index: ModuleIndex): InstallSet[] {
  const sets = new Map<string, InstallSet>();
  for (const { name } of split.packages) {
    const set = make(split, [name], index);
    const key = [...set.packages].sort().join(' ');
    if (!sets.has(key)) sets.set(key, set);
  }
  const sorted = [...sets.values()].sort(
    (a, b) => a.packages.length - b.packages.length || (a.name < b.name ? -1 : 1),
  );
  const seen = new Map<string, string>();
  return sorted.map((set) => {
    const key = set.modules.join(' ');
    const sameAs = seen.get(key);
    if (sameAs === undefined) seen.set(key, set.name);
    return sameAs === undefined ? set : { ...set, sameAs };
  });
}

/** `core`, `core,extra` or `each`, as the command line has it. */
export function parseInstall(split: Split, text: string, index: ModuleIndex): InstallSet[] {
  if (text === 'each') return installSets(split, index);
  return [
    installSet(
      split,
      text
        .split(',')
        .map((word) => word.trim())
        .filter(Boolean),
      index,
    ),
  ];
}

/**
 * What all words of `--install` choose, each list of packages once: `core` and `kernel-core`, or `each` and `core`, are
 * one set, and it could not be booted twice into one folder. A metapackage adds no module to what it depends on: with
 * `each`, that set is there already.
 */
export function chosenSets(split: Split, install: readonly string[], index: ModuleIndex): InstallSet[] {
  const sets = new Map<string, InstallSet>();
  for (const words of install)
    for (const set of parseInstall(split, words, index)) {
      const key = set.packages.join(' ');
      if (!sets.has(key) && !(words === 'each' && set.sameAs)) sets.set(key, set);
    }
  return [...sets.values()];
}

/** A package by its name, or by the one name that ends in `-WORD`: `core` for modules-core. */
export function findPackage(split: Split, word: string): string | undefined {
  const names = split.packages.map(({ name }) => name);
  if (names.includes(word)) return word;
  const endings = names.filter((name) => name.endsWith(`-${word}`));
  return endings.length === 1 ? endings[0] : undefined;
}

function make(split: Split, names: readonly string[], index: ModuleIndex): InstallSet {
  const below = withDependencies(split.packages);
  const all = new Set(names.flatMap((name) => [...(below.get(name) ?? [])]));
  const size = (name: string) => below.get(name)?.size ?? 0;
  const packages = [...all].sort((a, b) => size(a) - size(b) || (a < b ? -1 : 1));
  const contents = modulesByPackage(split, index);
  const inside = new Set(packages.flatMap((name) => contents.get(name) ?? []));
  return {
    name: names.join(','),
    packages,
    modules: [...index.modules.keys()].filter((name) => inside.has(name)),
  };
}
