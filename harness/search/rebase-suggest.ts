import type { ModuleIndex } from '../modules/module.js';
import { type SplitPackage, withDependencies } from '../splits/split.js';
import { aliasesOfModules, folderOf, type KernelChanges } from './rebase-changes.js';

/** Where a new module should go, and why. */
export interface Suggestion {
  module: string;
  /** null: in no package, where the split places only a part of the tree. */
  package: string | null;
  /** 0 to 1: the part of the evidence that says so. */
  confidence: number;
  /** Sentences, the weightiest first: `9 of 9 neighbours in drivers/net are in kernel-core`. */
  reasons: string[];
}

export interface SuggestInput {
  from: ModuleIndex;
  to: ModuleIndex;
  changes: Pick<KernelChanges, 'arrived' | 'renamed' | 'modular'>;
  packages: readonly SplitPackage[];
  /** Where the older kernel's modules are: all that is known. */
  placement: ReadonlyMap<string, { package: string }>;
  /** Modules in no package are meant to be in none. */
  partial: boolean;
}

/** Below this, a guess is kept to ourselves. */
export const LEAST_CONFIDENCE = 0.8;

/** One kind of evidence: how many known modules of that kind are in each package, and how much that counts. */
interface Evidence {
  weight: number;
  counts: Map<string | null, number>;
  say(count: number, all: number, home: string): string;
}

/**
 * Suggests packages for the modules that a newer kernel brings, from where the older one's modules are; the surest
 * first, and nothing where the evidence is divided. A package that the module's dependencies or dependents rule out is never suggested.
 */
export function suggestPackages(input: SuggestInput, least = LEAST_CONFIDENCE): Suggestion[] {
  const knowledge = new Knowledge(input);
  const fresh = [
    ...input.changes.renamed.map(({ to }) => to),
    ...input.changes.arrived,
    ...input.changes.modular,
  ];
  return fresh
    .flatMap((name) => knowledge.suggest(name) ?? [])
    .filter(({ confidence }) => confidence >= least)
    .sort((a, b) => b.confidence - a.confidence || (a.module < b.module ? -1 : 1));
}

class Knowledge {
  readonly #input: SuggestInput;
  readonly #below: Map<string, Set<string>>;
  /** Known modules below each folder of the newer tree, however deep. */
  readonly #folders = new Map<string, string[]>();
  readonly #dependents = new Map<string, string[]>();
  readonly #renamed: Map<string, string>;
  readonly #buses: Map<string, Set<string>>;
  /** How many modules need each one: what everybody needs tells nothing. */
  readonly #users = new Map<string, number>();

  constructor(input: SuggestInput) {
    this.#input = input;
    this.#below = withDependencies(input.packages);
    this.#renamed = new Map(input.changes.renamed.map((one) => [one.to, one.from]));
    for (const { name, path, depends } of input.to.modules.values()) {
      for (const needed of depends) {
        this.#users.set(needed, (this.#users.get(needed) ?? 0) + 1);
        push(this.#dependents, needed, name);
      }
      if (!this.#known(name)) continue;
      for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder))
        push(this.#folders, folder, name);
    }
    const aliases = aliasesOfModules(input.to, new Set(input.to.modules.keys()));
    this.#buses = new Map(
      [...aliases].map(([name, all]) => [name, new Set([...all].map((one) => one.split(':')[0] as string))]),
    );
  }

  #known(name: string): boolean {
    const { from, placement, partial } = this.#input;
    return from.modules.has(name) && (partial || placement.has(name));
  }

  #home(name: string): string | null {
    return this.#input.placement.get(name)?.package ?? null;
  }

  #count(names: readonly string[]): Map<string | null, number> {
    const counts = new Map<string | null, number>();
    for (const name of names) counts.set(this.#home(name), (counts.get(this.#home(name)) ?? 0) + 1);
    return counts;
  }

  suggest(module: string): Suggestion | undefined {
    const evidence = [...this.#rename(module), ...this.#around(module), ...this.#alike(module)];
    const users = (this.#dependents.get(module) ?? []).filter((name) => this.#known(name));
    if (users.length > 0)
      evidence.push({
        weight: 3,
        counts: this.#count(users),
        say: (count, all, home) => `${count} of ${all} modules that need it are in ${home}`,
      });
    const votes = new Map<string | null, number>();
    const total = { weight: 0 };
    for (const { weight, counts } of evidence) {
      const all = sum(counts);
      // One neighbour is a weaker witness than ten.
      const trust = weight * (all / (all + 0.5));
      total.weight += weight;
      for (const [home, count] of counts) votes.set(home, (votes.get(home) ?? 0) + (trust * count) / all);
    }
    const best = [...votes].filter(([home]) => this.#fits(module, home)).sort((a, b) => b[1] - a[1])[0];
    if (!best || total.weight < 2) return undefined;
    const home = best[0];
    const reasons = evidence
      .filter(({ counts }) => counts.has(home))
      .sort((a, b) => b.weight - a.weight)
      .map((one) => one.say(one.counts.get(home) ?? 0, sum(one.counts), home ?? 'no package'));
    return { module, package: home, confidence: Math.min(1, best[1] / total.weight), reasons };
  }

  #rename(module: string): Evidence[] {
    const old = this.#renamed.get(module);
    if (old === undefined || !this.#known(old)) return [];
    return [
      {
        weight: 8,
        counts: new Map([[this.#home(old), 8]]),
        say: (_, __, home) => `it was ${old}, in ${home}`,
      },
    ];
  }

  /** The folder, or the nearest one above with somebody in it; and those there whose devices are on the same bus. */
  #around(module: string): Evidence[] {
    let folder = folderOf(this.#input.to.modules.get(module)?.path ?? '');
    let steps = 0;
    while (folder.includes('/') && !this.#folders.has(folder)) {
      folder = folderOf(folder);
      steps++;
    }
    const neighbours = this.#folders.get(folder);
    if (!neighbours || !folder.includes('/')) return [];
    const shown = folder.replace(/^kernel\//, '');
    const mine = this.#buses.get(module) ?? new Set();
    const same = neighbours.filter((name) => [...(this.#buses.get(name) ?? [])].some((bus) => mine.has(bus)));
    const found: Evidence[] = [
      {
        weight: steps > 1 ? 1 : 2,
        counts: this.#count(neighbours),
        say: (count, all, home) => `${count} of ${all} neighbours in ${shown} are in ${home}`,
      },
    ];
    if (same.length > 0)
      found.push({
        weight: 1,
        counts: this.#count(same),
        say: (count, all, home) =>
          `${count} of ${all} in ${shown} with devices of the same bus are in ${home}`,
      });
    return found;
  }

  /** The ten whose dependencies are most like its own; a dependency that few have counts more. */
  #alike(module: string): Evidence[] {
    const { to } = this.#input;
    const own = to.modules.get(module)?.depends ?? [];
    const scores = new Map<string, number>();
    for (const needed of own) {
      const value = 1 / (this.#users.get(needed) ?? 1);
      for (const name of this.#dependents.get(needed) ?? [])
        if (name !== module && this.#known(name)) scores.set(name, (scores.get(name) ?? 0) + value);
    }
    for (const [name, score] of scores) scores.set(name, score / (to.modules.get(name)?.depends.length ?? 1));
    const near = [...scores].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 10);
    if (near.length === 0) return [];
    return [
      {
        weight: 1,
        counts: this.#count(near.map(([name]) => name)),
        say: (count, all, home) => `${count} of the ${all} with the most similar dependencies are in ${home}`,
      },
    ];
  }

  /** Whether what it needs is installed with it there, and it is with those who need it. */
  #fits(module: string, home: string | null): boolean {
    const under = (one: string | null, other: string | null) =>
      one !== null && other !== null && (this.#below.get(one)?.has(other) ?? false);
    const users = (this.#dependents.get(module) ?? []).filter((name) => this.#input.placement.has(name));
    if (home === null) return this.#input.partial && users.length === 0;
    const needs = (this.#input.to.modules.get(module)?.depends ?? []).filter((name) =>
      this.#input.placement.has(name),
    );
    return (
      needs.every((name) => under(home, this.#home(name))) &&
      users.every((name) => under(this.#home(name), home))
    );
  }
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function sum(counts: ReadonlyMap<unknown, number>): number {
  let all = 0;
  for (const count of counts.values()) all += count;
  return all;
}
