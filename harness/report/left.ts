import type { RunningGuest } from './live.js';
import type { RunPlan } from './reporter.js';

/**
 * Seconds of wall time until the last scenario ends, by what an earlier run took; undefined where none is known, or where all are
 * done. A scenario that the earlier run did not have counts as the mean of the others. It is never less than what the running
 * guests still need: the last of them is alone.
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
  const rest = scenarios
    .filter((name) => !finished.has(name))
    .map((name) => ({
      isRunning: spent.has(name),
      seconds: Math.max(0, (history.seconds.get(name) ?? mean) - (spent.get(name) ?? 0)),
    }));
  const together = rest.reduce((sum, { seconds }) => sum + seconds, 0) / history.guestSecondsPerSecond;
  const longest = Math.max(0, ...rest.filter(({ isRunning }) => isRunning).map(({ seconds }) => seconds));
  const left = Math.max(together, longest);
  return left > 0 ? Math.ceil(left) : undefined;
}
