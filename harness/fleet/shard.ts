import type { Boot } from '../boot/job.js';
import type { Shard } from '../results/run-result.js';
import type { RunOptions } from '../run/options.js';
import { estimateSeconds, type Timings } from './timings.js';

/**
 * Deals boots out to `count` machines: the longest first, each to the machine that has least so far. Names and seconds decide
 * everything, so that every machine comes to the same answer by itself. Returns the names for each shard; some may have none.
 */
export function dealOut(seconds: ReadonlyMap<string, number>, count: number): Set<string>[] {
  const shards = Array.from({ length: count }, () => ({ names: new Set<string>(), seconds: 0 }));
  const longestFirst = [...seconds].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  for (const [name, cost] of longestFirst) {
    const idlest = shards.reduce((least, one) => (one.seconds < least.seconds ? one : least));
    idlest.names.add(name);
    idlest.seconds += cost;
  }
  return shards.map(({ names }) => names);
}

/** One shard of a run, for `RunOptions.shard`. */
export function shardOf({ index, count }: Shard, timings: Timings): NonNullable<RunOptions['shard']> {
  return {
    index,
    count,
    choose: (boots: readonly Boot[]) =>
      dealOut(estimateSeconds(boots, timings), count)[index - 1] ?? new Set<string>(),
  };
}
