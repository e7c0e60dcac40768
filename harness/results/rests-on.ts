import type { RunResult } from './run-result.js';
import {
  countVerdicts,
  FAILURES,
  isFailure,
  isKernelsOwn,
  referenceName,
  type ScenarioResult,
} from './scenario-result.js';
import { hasPassed, isUndecided } from './verdict.js';

/**
 * One line that says what a verdict rests on: `rests on 16 of 17 scenarios that passed with this set; 1 also fails with the
 * full module tree`. Of a gate, also what it was compared with, and how many of its reasons no boot has given.
 */
export function restsOn(run: RunResult): string {
  const { results, missing = [], gate, shard, merged } = run;
  const failed = results.filter(isFailure);
  const passed = results.filter(hasPassed).length;
  const skipped = results.filter(({ verdict }) => verdict === 'skip').length;
  const tried = results.length - skipped + missing.length;
  const saysNo = failed.length > 0 && (gate ?? run).verdict === 'fail';
  const many = saysNo ? failed.length : passed;
  const head = `rests on ${many} of ${tried} scenario${tried === 1 ? '' : 's'} that ${saysNo ? 'failed' : 'passed'} with ${setOf(run)}${saysNo ? ` (${verdicts(failed)})` : ''}`;
  const own = failed.filter(isKernelsOwn);
  const known = results.filter(({ knownIssue }) => knownIssue).length;
  const undecided = results.filter(isUndecided).length;
  const notes = (kind: string) =>
    gate?.reasons.filter((reason) => reason.weight === 'note' && reason.kind === kind).length ?? 0;
  const others =
    gate?.reasons.filter(({ weight, result }) => weight === 'no' && result === undefined).length ?? 0;
  const parts = [
    saysNo && `${passed} passed`,
    own[0] && `${own.length} also ${one(own.length, 'fails', 'fail')} with ${referenceName(own[0])}`,
    known > 0 && `${known} ${one(known, 'is a known issue', 'are known issues')}`,
    notes('flaky') > 0 && `${notes('flaky')} ${one(notes('flaky'), 'is', 'are')} flaky and allowed`,
    notes('failure') > 0 &&
      `${notes('failure')} ${one(notes('failure'), 'fails', 'fail')} as in the baseline`,
    undecided > 0 && `${undecided} could not be decided`,
    missing.length > 0 && `${missing.length} ${one(missing.length, 'was', 'were')} not tried`,
    skipped > 0 && `${skipped} skipped`,
    others > 0 && `${others} ${one(others, 'reason does', 'reasons do')} not come from a boot`,
    shard && `shard ${shard.index} of ${shard.count}`,
    merged && `merged from ${merged.length} ${one(merged.length, 'run', 'runs')}`,
    gate?.comparison && `compared with ${gate.comparison.before.id}`,
  ];
  return [head, ...parts.filter((part) => typeof part === 'string')].join('; ');
}

/** `1 fail, 2 hang` */
function verdicts(failed: readonly ScenarioResult[]): string {
  const counts = countVerdicts(failed);
  return FAILURES.flatMap((verdict) => (counts[verdict] > 0 ? [`${counts[verdict]} ${verdict}`] : [])).join(
    ', ',
  );
}

/** What the scenarios were booted with. */
function setOf({ image, installSets }: RunResult): string {
  if (installSets && installSets.length > 1) return 'these install sets';
  return image.modules.count === image.modules.ofCount ? 'the full module tree' : 'this set';
}

const one = (count: number, singular: string, plural: string): string => (count === 1 ? singular : plural);
