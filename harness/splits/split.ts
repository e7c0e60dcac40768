import type { ModuleIndex, RulePlace } from '../modules/module.js';

/** The value that every reader translates its distribution's split into. Plain, and frozen by convention. */

export interface SplitPackage {
  name: string;
  /** Packages of this split that it directly needs. */
  depends: string[];
  /** Where the package is declared. */
  place: RulePlace;
  /** Most bytes that its modules may have as installed. */
  budget?: number;
  /** Nobody installs it by itself, other packages bring it: it makes no install set of its own. */
  part?: boolean;
  /** It has no modules by intention: a metapackage. */
  meta?: boolean;
  /** Of a built package: its name with the kernel's release, `linux-image-6.1.0-56-amd64`, where `name` is without. */
  fullName?: string;
}

/** Where one module ended up, and why. */
export interface Placed {
  package: string;
  /** The rule that decided; null where no rule named the module and none was needed (a default without a line). */
  rule: RulePlace | null;
  /** The package that the rule asked for, when the module ended elsewhere. */
  wished?: string;
  /** Why it ended elsewhere, or came in without a rule of its own: `md_cluster in modules-core needs it`. */
  why?: string;
}

export type Severity = 'error' | 'warning' | 'note';

/** Something that reading the split showed, for `split check`. Ids are stable. */
export interface SplitNote {
  id: string;
  severity: Severity;
  message: string;
  place?: RulePlace;
  module?: string;
  package?: string;
}

export interface Split {
  name: string;
  /** A name of the table in formats.ts. */
  format: string;
  /** The file or folder that it was read from. */
  file: string;
  /** Absolute paths of the files that say where modules go, where `file` alone does not. */
  sources?: string[];
  packages: SplitPackage[];
  /** By module name. A module that is not here is in no package. */
  placement: ReadonlyMap<string, Placed>;
  /** Modules that more than one package brings, the one in `placement` first. */
  twice: ReadonlyMap<string, string[]>;
  /** Modules in no package are the format's intention (kernel-wedge), not an oversight. */
  partial: boolean;
  /** Rules that placed nothing. */
  unused: RulePlace[];
  notes: SplitNote[];
  budgets: Record<string, number>;
}

export interface ReadSplitOptions {
  /** Instead of looking at the file. */
  format?: string;
  /** Fedora's `if_variant_in`: what filtermods gets with -r. */
  variants?: readonly string[];
  /** As the distribution spells it, for per-architecture files: `amd64`, `x86_64`. Taken from the host unless given. */
  arch?: string;
  /** Debian's flavour (`amd64`, `cloud-amd64`), SUSE's and Ubuntu's (`default`, `generic`). */
  flavour?: string;
  /** What each module itself says it depends on (`.modinfo`); derived from the closure if it is not available. */
  direct?: ReadonlyMap<string, readonly string[]>;
  /** For format `packages`: what the package files contain. */
  packages?: readonly BuiltPackage[];
}

/** Reads one split and places the modules of a tree. `path` is absolute: the file, or the folder of a folder format. */
export type SplitReader = (path: string, index: ModuleIndex, options: ReadSplitOptions) => Promise<Split>;

/** What a package file brings, as harness/kernel reads it. */
export interface BuiltPackage {
  name: string;
  version: string;
  file: string;
  modules: readonly string[];
  depends?: readonly string[];
  provides?: readonly string[];
}

/** Each package with everything that it needs, directly or not, itself included. */
export function withDependencies(packages: readonly SplitPackage[]): Map<string, Set<string>> {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const found = new Map<string, Set<string>>();
  for (const { name } of packages) {
    const all = new Set([name]);
    // A Set is walked over what is added on the way; a circle ends because nothing is added twice.
    for (const one of all)
      for (const dependency of byName.get(one)?.depends ?? [])
        if (byName.has(dependency)) all.add(dependency);
    found.set(name, all);
  }
  return found;
}

/** Modules of each package, in the tree's order. */
export function modulesByPackage(split: Split, index: ModuleIndex): Map<string, string[]> {
  const found = new Map<string, string[]>(split.packages.map(({ name }) => [name, []]));
  for (const name of index.modules.keys()) {
    const placed = split.placement.get(name);
    if (!placed) continue;
    for (const owner of split.twice.get(name) ?? [placed.package]) found.get(owner)?.push(name);
  }
  return found;
}

/** A cycle among packages as its names in a row, or undefined. */
export function packageCycle(
  packages: readonly { name: string; depends: readonly string[] }[],
): string[] | undefined {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (name: string): string[] | undefined => {
    if (state.get(name) === 'done') return undefined;
    if (state.get(name) === 'open') return [...path.slice(path.indexOf(name)), name];
    state.set(name, 'open');
    path.push(name);
    for (const dependency of byName.get(name)?.depends ?? []) {
      const cycle = byName.has(dependency) ? visit(dependency) : undefined;
      if (cycle) return cycle;
    }
    path.pop();
    state.set(name, 'done');
    return undefined;
  };
  for (const { name } of packages) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}
