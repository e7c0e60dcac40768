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
          message: `unknown package ${name}${nearPackages(split, name)}`,
        })),
        hint: `its packages: ${packageNames(split)}`,
      },
    );
  return make(found as string[], contentsOf(split, index));
}

/** Every install set that a package adds: the package and what it depends on, each set once, the smallest first. */
export function installSets(split: Split, index: ModuleIndex): InstallSet[] {
  const sets = new Map<string, InstallSet>();
  const contents = contentsOf(split, index);
  for (const { name, part } of split.packages) {
    if (part) continue;
    const set = make([name], contents);
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

/**
 * A package by its name, by the one name that ends in `-WORD` (`core` for modules-core), or by the one that is WORD with
 * the kernel's ABI and perhaps `-di` behind it (`scsi-modules` for the udeb scsi-modules-6.1.0-56-amd64-di).
 */
export function findPackage(split: Split, word: string): string | undefined {
  const names = split.packages.map(({ name }) => name);
  if (names.includes(word)) return word;
  // With a release in it, this one's or that of another build.
  const full = split.packages.find(({ fullName }) => fullName === word);
  if (full) return full.name;
  for (const fits of [
    (name: string) => name.endsWith(`-${word}`),
    (name: string) => name.startsWith(`${word}-`) && /^\d[\w.+~-]*$/.test(name.slice(word.length + 1)),
  ]) {
    const found = names.filter(fits);
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  }
  const bare = withoutAbi(word);
  return split.packages.find(({ name, fullName }) => fullName && name === bare)?.name;
}

/** A package's name without the kernel's ABI, as people know it. */
const withoutAbi = (name: string) => name.replace(/-\d[\w.+~]*(-[\w.+~-]+)?$/, '');

/** The nearest packages, also to a name that lacks the ABI. */
function nearPackages(split: Split, word: string): string {
  const names = split.packages.map(({ name }) => name);
  const near = didYouMean(word, names);
  return near || didYouMean(word, new Set(names.map(withoutAbi)));
}

/** The packages of a split for a hint: all of a few, some of many. */
export function packageNames(split: Split, most = 8): string {
  const names = split.packages.map(({ name }) => name);
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more: see bootgate split sets` : '');
}

/** What sets are made from: found once for all packages of a split. */
interface Contents {
  below: ReadonlyMap<string, ReadonlySet<string>>;
  modules: ReadonlyMap<string, readonly string[]>;
  order: readonly string[];
}

const contentsOf = (split: Split, index: ModuleIndex): Contents => ({
  below: withDependencies(split.packages),
  modules: modulesByPackage(split, index),
  order: [...index.modules.keys()],
});

function make(names: readonly string[], { below, modules, order }: Contents): InstallSet {
  const all = new Set(names.flatMap((name) => [...(below.get(name) ?? [])]));
  const size = (name: string) => below.get(name)?.size ?? 0;
  const packages = [...all].sort((a, b) => size(a) - size(b) || (a < b ? -1 : 1));
  const inside = new Set(packages.flatMap((name) => modules.get(name) ?? []));
  return { name: names.join(','), packages, modules: order.filter((name) => inside.has(name)) };
}
