import { triedAgain } from '../boot/retries.js';
import { isFailure, resultName, type ScenarioResult, type Verdict } from '../results/scenario-result.js';
import type { Part } from './parts.js';

/** A result, and the part that it comes from. */
export interface Sourced {
  part: Part;
  result: ScenarioResult;
}

/** All results of one name: the one that counts, and the others. */
export interface Joined {
  name: string;
  counts: Sourced;
  others: Sourced[];
}

/** A failure is never hidden by a pass; what the host did not let be decided gives way to an answer. */
const RANK: Readonly<Record<Verdict, number>> = { crash: 0, hang: 0, fail: 0, pass: 1, infra: 2, skip: 3 };

/** The results of all parts by name. Several of one name are tries of it: what failed and passed is flaky, and stays failed. */
export function joinResults(parts: readonly Part[]): Joined[] {
  const byName = new Map<string, Sourced[]>();
  for (const part of parts)
    for (const result of part.result.results) {
      const name = resultName(result);
      byName.set(name, [...(byName.get(name) ?? []), { part, result: asBooted(result) }]);
    }
  return [...byName].map(([name, all]) => {
    const [counts, ...others] = [...all].sort((a, b) => RANK[a.result.verdict] - RANK[b.result.verdict]) as [
      Sourced,
      ...Sourced[],
    ];
    return { name, counts, others };
  });
}

/** What a shard's own gate made a known issue is what it was before: the merge judges it again. */
function asBooted({ knownIssue, ...result }: ScenarioResult): ScenarioResult {
  return knownIssue ? { ...result, verdict: knownIssue.was, reason: knownIssue.wasReason } : result;
}

/** The result that counts, which tells of the others as further tries of it; paths are those in the merged run. */
export function asTries(first: ScenarioResult, others: readonly ScenarioResult[]): ScenarioResult {
  const decided = others.filter((one) => one.verdict === 'pass' || isFailure(one));
  const triesOf = ({ verdict, reason, files, tries }: ScenarioResult) =>
    tries?.map((one) => ({ ...one, files: { ...files, console: one.console } })) ?? [
      { verdict, reason, files },
    ];
  return {
    ...triedAgain(first, [first, ...decided].flatMap(triesOf)),
    attempts: [first, ...others].reduce((sum, one) => sum + one.attempts, 0),
  };
}
