/**
 * Which package each module goes to, when a module may only need modules of its own package and of those that its
 * package depends on. The rules are Fedora's (kernel packaging, filtermods.py): arc consistency first, then the
 * wished packages from the dependencies up, then the default from the dependents down.
 */

/** How far a wish goes: `needs` this package and no other; `wants` it, or one that it depends on; `default`. */
export type WishKind = 'needs' | 'wants' | 'default';

export interface Wish {
  kind: WishKind;
  package: string;
}

export interface SolverInput {
  /** Dependencies first; every dependency stands before its dependents. */
  packages: readonly { name: string; depends: readonly string[] }[];
  modules: readonly string[];
  /** Everything that a module needs; names outside `modules` are ignored. */
  depends(module: string): readonly string[];
  wish(module: string): Wish | undefined;
  /** All edges of these modules are left out. */
  ignoreEdges?: ReadonlySet<string>;
}

export interface Solution {
  /** Every module that exactly one package could be found for. */
  placed: Map<string, string>;
  /** Modules for which no package satisfies all. */
  impossible: string[];
}

/** Sets of packages are bit sets. */
export function solve(input: SolverInput): Solution {
  const lattice = new Lattice(input.packages);
  const numbers = new Map(input.modules.map((name, at) => [name, at]));
  const ignored = input.ignoreEdges ?? new Set();
  const needs: number[][] = input.modules.map(() => []);
  const neededBy: number[][] = input.modules.map(() => []);
  for (const [at, name] of input.modules.entries()) {
    if (ignored.has(name)) continue;
    for (const dependency of input.depends(name)) {
      const other = numbers.get(dependency);
      if (other === undefined || other === at || ignored.has(dependency)) continue;
      needs[at]?.push(other);
      neededBy[other]?.push(at);
    }
  }

  const wishes = input.modules.map((name) => input.wish(name));
  const allowed = wishes.map((wish) => {
    if (!wish || wish.kind === 'default') return lattice.all;
    return wish.kind === 'needs' ? lattice.bit(wish.package) : lattice.below(lattice.bit(wish.package));
  });
  const broken = new Set<number>();

  /** Takes away what the neighbours rule out, and goes on where that changed something. */
  const propagate = (from: Iterable<number>) => {
    const queue = [...from];
    const queued = new Set(queue);
    for (let head = 0; head < queue.length; head++) {
      const at = queue[head] as number;
      queued.delete(at);
      if (broken.has(at)) continue;
      let set = allowed[at] as bigint;
      for (const other of needs[at] ?? [])
        if (!broken.has(other)) set &= lattice.above(allowed[other] as bigint);
      for (const other of neededBy[at] ?? [])
        if (!broken.has(other)) set &= lattice.below(allowed[other] as bigint);
      if (set === allowed[at]) continue;
      if (set === 0n) {
        broken.add(at);
        continue;
      }
      allowed[at] = set;
      for (const other of [...(needs[at] ?? []), ...(neededBy[at] ?? [])])
        if (!queued.has(other)) {
          queued.add(other);
          queue.push(other);
        }
    }
  };
  propagate(allowed.keys());

  const narrow = (at: number, order: readonly string[]) => {
    const set = allowed[at] as bigint;
    if (broken.has(at) || (set & (set - 1n)) === 0n) return;
    const target = [...order, ...lattice.farthestFirst].find((name) => (set & lattice.bit(name)) !== 0n);
    if (!target) return;
    allowed[at] = lattice.bit(target);
    propagate([...(needs[at] ?? []), ...(neededBy[at] ?? [])]);
  };
  const order = topological(needs);
  for (const at of order) if (wishes[at]?.kind === 'wants') narrow(at, lattice.nearest(wishes[at].package));
  for (const at of order.toReversed()) {
    const wish = wishes[at];
    narrow(at, wish?.kind === 'default' ? lattice.nearest(wish.package) : []);
  }

  const placed = new Map<string, string>();
  const impossible: string[] = [];
  for (const [at, name] of input.modules.entries()) {
    const target = broken.has(at) ? undefined : lattice.only(allowed[at] as bigint);
    if (target) placed.set(name, target);
    else impossible.push(name);
  }
  return { placed, impossible };
}

/** Packages in the order of "depends on". */
class Lattice {
  readonly all: bigint;
  /** For modules that nothing pulls anywhere: the package that depends on most, then by name, from the last. */
  readonly farthestFirst: readonly string[];
  #names: readonly string[];
  #bits = new Map<string, bigint>();
  #below: bigint[] = [];
  #above: bigint[] = [];
  #order = new Map<string, string[]>();
  #belowOf = new Map<bigint, bigint>();
  #aboveOf = new Map<bigint, bigint>();

  constructor(packages: SolverInput['packages']) {
    this.#names = packages.map(({ name }) => name);
    for (const [at, { name }] of packages.entries()) this.#bits.set(name, 1n << BigInt(at));
    this.all = (1n << BigInt(packages.length)) - 1n;
    const byName = new Map(packages.map((one) => [one.name, one]));
    // Dependencies stand before their dependents, so theirs are known when they are asked for.
    const depth = (name: string) => this.nearest(name).length;
    for (const { name } of packages) {
      // Breadth first. Within a level Fedora's own order is a Python set's, which is any; here it is the highest first.
      const order = [name];
      for (let level = order; level.length > 0; ) {
        const found = level.flatMap((one) => byName.get(one)?.depends ?? []);
        level = [...new Set(found)].filter((one) => byName.has(one) && !order.includes(one));
        level.sort((a, b) => depth(b) - depth(a) || (a < b ? 1 : -1));
        order.push(...level);
      }
      this.#order.set(name, order);
      this.#below.push(order.reduce((set, one) => set | this.bit(one), 0n));
    }
    this.#above = this.#below.map((_, at) =>
      this.#below.reduce(
        (set, below, other) => (below & (1n << BigInt(at)) ? set | (1n << BigInt(other)) : set),
        0n,
      ),
    );
    this.farthestFirst = [...this.#names].sort((a, b) => depth(b) - depth(a) || (a < b ? 1 : -1));
  }

  bit(name: string): bigint {
    return this.#bits.get(name) ?? 0n;
  }

  /** The packages of the set and what they depend on. */
  below(set: bigint): bigint {
    return this.#union(set, this.#below, this.#belowOf);
  }

  /** The packages of the set and what depends on them. */
  above(set: bigint): bigint {
    return this.#union(set, this.#above, this.#aboveOf);
  }

  /** The package, then what it depends on, nearest first. */
  nearest(name: string): readonly string[] {
    return this.#order.get(name) ?? [];
  }

  /** The one package of a set of one. */
  only(set: bigint): string | undefined {
    return set !== 0n && (set & (set - 1n)) === 0n ? this.#names[set.toString(2).length - 1] : undefined;
  }

  #union(set: bigint, of: readonly bigint[], memo: Map<bigint, bigint>): bigint {
    let found = memo.get(set);
    if (found === undefined) {
      found = 0n;
      for (const [at, one] of of.entries()) if (set & (1n << BigInt(at))) found |= one;
      memo.set(set, found);
    }
    return found;
  }
}

/** Numbers in rounds: each round has all whose needs are met by the rounds before. A circle comes last, as it is. */
function topological(needs: readonly (readonly number[])[]): number[] {
  const neededBy: number[][] = needs.map(() => []);
  const open = needs.map((some, at) => {
    for (const other of some) neededBy[other]?.push(at);
    return some.length;
  });
  const order: number[] = [];
  const seen = new Uint8Array(needs.length);
  let round = [...needs.keys()].filter((at) => open[at] === 0);
  while (round.length > 0) {
    for (const at of round) seen[at] = 1;
    order.push(...round);
    const next = new Set<number>();
    for (const at of round)
      for (const user of neededBy[at] ?? []) {
        open[user] = (open[user] ?? 0) - 1;
        if (open[user] === 0) next.add(user);
      }
    round = [...next].sort((a, b) => a - b);
  }
  return [...order, ...[...needs.keys()].filter((at) => !seen[at])];
}
