import type { Links } from './links.js';

/**
 * For each module of a part of a tree, everything that it needs, in depmod's order (load from last to first).
 * Follows depmod.c: depmod_calculate_dependencies() sorts the part's modules by a stack of those that nobody needs any
 * more, mod_get_all_sorted_dependencies() then sorts each closure by that.
 * @param present For each module of `links.names`, 1 where it is there.
 * @returns By module number; empty for what is not there.
 */
export function sortDependencies(links: Links, present: Uint8Array): number[][] {
  const direct = links.direct.map((targets, at) => (present[at] ? directDependencies(targets, present) : []));
  const rank = sortTopologically(direct, present);
  const closures: (number[] | undefined)[] = new Array(direct.length);
  const close = (at: number): number[] => {
    const known = closures[at];
    if (known) return known;
    const own: number[] = [];
    closures[at] = own; // before its contents: a cycle then ends
    for (const need of direct[at] as number[]) {
      if (!own.includes(need)) own.push(need);
      for (const further of close(need)) if (!own.includes(further)) own.push(further);
    }
    return own;
  };
  return direct.map((_, at) => close(at).toSorted((a, b) => (rank[a] as number) - (rank[b] as number)));
}

/** Where several modules export one symbol, the last one that is there counts: it replaces the others in depmod's table. */
function directDependencies(targets: Links['direct'][number], present: Uint8Array): number[] {
  const found: number[] = [];
  for (const target of targets) {
    const owner = typeof target === 'number' ? target : target.findLast((one) => present[one]);
    if (owner !== undefined && present[owner] && !found.includes(owner)) found.push(owner);
  }
  return found;
}

function sortTopologically(direct: readonly number[][], present: Uint8Array): Int32Array {
  const users = new Int32Array(direct.length);
  for (const needs of direct) for (const need of needs) users[need] = (users[need] as number) + 1;
  const ready: number[] = [];
  for (let at = 0; at < direct.length; at++) if (present[at] && users[at] === 0) ready.push(at);
  const rank = new Int32Array(direct.length).fill(-1);
  let next = 0;
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    rank[at] = next++;
    for (const need of direct[at] as number[]) {
      users[need] = (users[need] as number) - 1;
      if (users[need] === 0) ready.push(need);
    }
  }
  // What is left depends on itself; depmod refuses such a tree, a guest may still boot it.
  for (let at = 0; at < direct.length; at++) if (rank[at] === -1) rank[at] = next++;
  return rank;
}
