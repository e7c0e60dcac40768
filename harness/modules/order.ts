import type { Links } from './links.js';

/**
 * For each module of a part of a tree, everything that it needs, in depmod's order (load from last to first).
 * Follows depmod.c: depmod_calculate_dependencies() sorts the part's modules by a stack of those that nobody needs any
 * more, mod_get_all_sorted_dependencies() then sorts each closure by that.
 * @param present Places in modules.dep of the modules that are there, ascending.
 * @returns In the order of `present`; places again.
 */
export function sortDependencies(links: Links, present: readonly number[]): number[][] {
  const inside = new Set(present);
  const direct = new Map(present.map((at) => [at, directDependencies(links, at, inside)]));
  const rank = sortTopologically(present, direct);
  const byRank = (a: number, b: number) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0);
  const closures = new Map<number, Set<number>>();
  const close = (at: number): Set<number> => {
    const known = closures.get(at);
    if (known) return known;
    const all = new Set<number>();
    closures.set(at, all); // before its contents: a cycle then ends
    for (const need of direct.get(at) ?? []) {
      all.add(need);
      for (const further of close(need)) all.add(further);
    }
    return all;
  };
  return present.map((at) => [...close(at)].sort(byRank));
}

/** Where several modules export one symbol, the last one that is there counts: it replaces the others in depmod's table. */
function directDependencies(links: Links, at: number, inside: ReadonlySet<number>): number[] {
  const found = new Set<number>();
  for (const link of links.direct[at] ?? []) {
    const owner = typeof link === 'number' ? link : link.findLast((one) => inside.has(one));
    if (owner !== undefined && inside.has(owner)) found.add(owner);
  }
  return [...found];
}

function sortTopologically(
  present: readonly number[],
  direct: ReadonlyMap<number, readonly number[]>,
): Map<number, number> {
  const users = new Map<number, number>(present.map((at) => [at, 0]));
  for (const needs of direct.values()) for (const need of needs) users.set(need, (users.get(need) ?? 0) + 1);
  const ready = present.filter((at) => users.get(at) === 0);
  const rank = new Map<number, number>();
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    rank.set(at, rank.size);
    for (const need of direct.get(at) ?? []) {
      const left = (users.get(need) ?? 0) - 1;
      users.set(need, left);
      if (left === 0) ready.push(need);
    }
  }
  // What is left depends on itself; depmod refuses such a tree, a guest may still boot it.
  for (const at of present) if (!rank.has(at)) rank.set(at, rank.size);
  return rank;
}
