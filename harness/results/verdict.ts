import { EXIT } from '../errors.js';
import type { RunResult } from './run-result.js';
import { countVerdicts, isFailure, type ScenarioResult } from './scenario-result.js';

/** The outcome of a run, a gate or a comparison. */
export type WholeVerdict = RunResult['verdict'];

/**
 * A run's verdict from its results. `fail` outranks `incomplete`: a kernel that failed has failed, whatever else could not be
 * decided. A failure that the full module tree shares is a failure: the verdict does not depend on which set was booted. Green
 * rests on a scenario that passed by itself: known issues alone are a failure, and nothing at all is undecided.
 * @param unfinished Some boots have no result.
 * @param part It is a shard: that something passed is asked of the whole.
 */
export function verdictOf(
  results: readonly ScenarioResult[],
  unfinished: boolean,
  part = false,
): WholeVerdict {
  if (results.some(isFailure)) return 'fail';
  const passed = part || results.some(hasPassed);
  if (!passed && results.some(({ knownIssue }) => knownIssue)) return 'fail';
  return !passed || unfinished || results.some(isUndecided) ? 'incomplete' : 'pass';
}

/** It passed by itself: no entry of the ledger had to make it a pass. */
export function hasPassed({ verdict, knownIssue }: ScenarioResult): boolean {
  return verdict === 'pass' && knownIssue === undefined;
}

/** The host did not let it be tried, or not its reference, which was asked for although it passed. */
export function isUndecided(one: ScenarioResult): boolean {
  return one.verdict === 'infra' || (hasPassed(one) && one.reference?.verdict === 'infra');
}

/** A run with other results: counts, also of each install set, and verdict follow from them. */
export function withResults(run: RunResult, results: ScenarioResult[]): RunResult {
  const installSets = run.installSets?.map((set) => ({
    ...set,
    counts: countVerdicts(results.filter(({ installSet }) => installSet === set.name)),
  }));
  return {
    ...run,
    results,
    counts: countVerdicts(results),
    verdict: verdictOf(results, (run.missing ?? []).length > 0, run.shard !== undefined),
    ...(installSets ? { installSets } : {}),
  };
}

/** The exit code of a run and of a gate, by the contract: 0 holds, 1 failed, 3 undecided, 130 interrupted. */
export function exitCodeOfVerdict(verdict: WholeVerdict, interrupted = false): number {
  if (interrupted) return EXIT.interrupted;
  return { pass: EXIT.ok, fail: EXIT.no, incomplete: EXIT.undecided }[verdict];
}
