import type { Oracle } from './ledger.js';

/** What the smallest set is looked for in. No kernel and no guest in here: `passes` is all that is known of them. */
export interface SmallestSearch {
  /** All that a module needs, directly or not. */
  depends(name: string): readonly string[];
  /** The smaller and bolder first; the first that passes is where the search starts. Each closed over `depends`. */
  starts: readonly (readonly string[])[];
  /** Evidence says that these are needed: they are tried one by one, all others in batches. */
  suspected: ReadonlySet<string>;
  /** Of roots that could both go, but not together, the lesser goes. */
  order(a: string, b: string): number;
  /** Trials side by side. */
  jobs: number;
  passes: Oracle;
  /** Asked before each trial. */
  mayGoOn(): boolean;
  /** A smaller set was seen to pass. */
  onBetter?(names: readonly string[]): void;
}

export interface Smallest {
  /** Passes; empty is a valid answer. */
  names: string[];
  /** The modules that no other of `names` needs: without any one of these it was seen to fail. */
  roots: string[];
  /** Every root was tried without; false where the search was cut short. */
  proven: boolean;
}

/**
 * The smallest set that passes, by roots of the dependency graph: a module that another one of the set needs cannot go before
 * that one, and is needed whenever that one is. Ends with each root tried against the final set, so that the answer holds
 * for an oracle that is not monotonic too. Undefined where no start passes.
 */
export async function smallest(search: SmallestSearch): Promise<Smallest | undefined> {
  for (const start of search.starts) {
    if (!search.mayGoOn()) return undefined;
    if (!(await search.passes(start))) continue;
    search.onBetter?.(start);
    return new Shrinking(search, start).run();
  }
  return undefined;
}

class Shrinking {
  readonly #search: SmallestSearch;
  #current: Set<string>;
  /** Root -> the size of the set that it was missed from: sets only shrink, so the size names the set. */
  readonly #needed = new Map<string, number>();

  constructor(search: SmallestSearch, start: readonly string[]) {
    this.#search = search;
    this.#current = new Set(start);
  }

  async run(): Promise<Smallest> {
    const { mayGoOn, suspected } = this.#search;
    while (mayGoOn()) {
      const roots = this.#roots();
      const open = roots.filter((name) => !this.#needed.has(name));
      const doubtful = open.filter((name) => !suspected.has(name));
      // Those known from a larger set are asked again only once nothing else is open.
      const stale = roots.filter((name) => this.#needed.get(name) !== this.#current.size);
      if (doubtful.length > 0) await this.#dropBatch(doubtful);
      else if (open.length > 0) await this.#dropSingles(open);
      else if (stale.length > 0) await this.#dropSingles(stale);
      else break;
    }
    const roots = this.#roots();
    const proven = roots.every((name) => this.#needed.get(name) === this.#current.size);
    return { names: [...this.#current].sort(), roots, proven };
  }

  #roots(): string[] {
    const below = new Set<string>();
    for (const name of this.#current)
      for (const need of this.#search.depends(name)) if (need !== name) below.add(need);
    return [...this.#current].filter((name) => !below.has(name)).sort(this.#search.order);
  }

  /** Without these roots and, as far as nothing suggests otherwise, without what only they need. */
  #withoutBatch(batch: readonly string[]): string[] {
    const out = new Set(batch);
    const stay = this.#roots().filter((name) => !out.has(name));
    const wanted = [...stay, ...[...this.#current].filter((name) => this.#search.suspected.has(name))];
    const next = new Set(wanted.flatMap((name) => [name, ...this.#search.depends(name)]));
    return [...this.#current].filter((name) => next.has(name) && !out.has(name));
  }

  /** Halves until what goes is gone; a single one that cannot go with its tail is tried alone. */
  async #dropBatch(batch: readonly string[]): Promise<void> {
    if (!this.#search.mayGoOn() || batch.length === 0) return;
    const fewer = this.#withoutBatch(batch);
    if (await this.#search.passes(fewer)) return this.#take(fewer);
    if (batch.length === 1) return this.#dropSingles(batch);
    const middle = Math.ceil(batch.length / 2);
    await this.#dropBatch(batch.slice(0, middle));
    await this.#dropBatch(batch.slice(middle));
  }

  /** Each alone, side by side, against the same set; those that could go are then tried together. */
  async #dropSingles(roots: readonly string[]): Promise<void> {
    const base = this.#current;
    const row = roots.slice(0, Math.max(1, this.#search.jobs));
    const without = (names: readonly string[]) => [...base].filter((name) => !names.includes(name));
    const answers = await Promise.all(row.map((name) => this.#search.passes(without([name]))));
    const free = row.filter((_, at) => answers[at]);
    for (const name of row) if (!free.includes(name)) this.#needed.set(name, base.size);
    if (free.length === 0) return;
    const together = free.length > 1 && this.#search.mayGoOn() && (await this.#search.passes(without(free)));
    this.#take(without(together ? free : free.slice(0, 1)));
  }

  #take(names: readonly string[]): void {
    this.#current = new Set(names);
    this.#search.onBetter?.(names);
  }
}
