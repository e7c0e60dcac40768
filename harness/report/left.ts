import type { RunningGuest } from './live.js';
import type { RunPlan } from './reporter.js';

/**
 * Seconds of wall time until the last scenario ends, by what an earlier run took; undefined where none is known, or where all are
 * done. A scenario that the earlier run did not have counts as the mean of the others.
 */
export function secondsLeft(
  { scenarios, history }: Pick<RunPlan, 'scenarios' | 'history'>,
  finished: ReadonlySet<string>,
  running: readonly Pick<RunningGuest, 'scenario' | 'seconds'>[],
): number | undefined {
  if (!history || history.seconds.size === 0 || history.guestSecondsPerSecond <= 0) return undefined;
  const known = [...history.seconds.values()];
  const mean = known.reduce((sum, one) => sum + one, 0) / known.length;
  const spent = new Map(running.map(({ scenario, seconds }) => [scenario, seconds]));
  const guestSeconds = scenarios
    .filter((name) => !finished.has(name))
    .reduce((sum, name) => {
      const expected = history.seconds.get(name) ?? mean;
      return sum + Math.max(0, expected - (spent.get(name) ?? 0));
    }, 0);
  return guestSeconds > 0 ? Math.ceil(guestSeconds / history.guestSecondsPerSecond) : undefined;
}
