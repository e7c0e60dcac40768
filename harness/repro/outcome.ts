import type { ScenarioResult } from '../results/scenario-result.js';

/** How one boot ended, as far as two boots of the same bytes must agree. */
export interface Outcome {
  verdict: ScenarioResult['verdict'];
  phase: ScenarioResult['phase'];
  /** The step that failed or never ended; empty where none did. */
  step: string;
  /** The reason without what differs from boot to boot: numbers and addresses. */
  words: string;
}

export function outcomeOf({ verdict, phase, steps, reason, knownIssue }: ScenarioResult): Outcome {
  const { was = verdict, wasReason = reason } = knownIssue ?? {};
  return {
    verdict: was,
    phase,
    step: steps.find(({ ok, ran }) => !ok && ran !== false)?.name ?? '',
    words: wasReason.replace(/0x[0-9a-f]+|[0-9a-f]{8,}|\d+(?:\.\d+)?/gi, '#'),
  };
}

/** Whether a boot repeats another: of two passes nothing more is asked. */
export function isSameOutcome(one: Outcome, other: Outcome): boolean {
  if (one.verdict !== other.verdict) return false;
  if (one.verdict === 'pass') return true;
  return one.phase === other.phase && one.step === other.step && one.words === other.words;
}
