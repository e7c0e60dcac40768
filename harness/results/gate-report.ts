import type { OverBudget } from '../splits/budgets.js';
import type { CheckFinding } from '../splits/finding.js';
import type { RunComparison } from './comparison.js';

/** What `bootgate gate` adds to a run: the field `gate` of run.json. Plain data; every report is made from it. */
export interface GateReport {
  schema: 'bootgate/gate@1';
  verdict: 'pass' | 'fail' | 'incomplete';
  /** In order of weight: what fails the gate, what leaves it open, what is only said. */
  reasons: GateReason[];
  /** The static check of the split, where the image has one. */
  check: { counts: Record<CheckFinding['severity'], number>; findings: CheckFinding[] } | null;
  overBudget: OverBudget[];
  /** Against the baseline, where one was given. */
  comparison: RunComparison | null;
}

export const REASON_KINDS = [
  'new-failure',
  'failure',
  'flaky',
  'static-check',
  'budget',
  'size',
  'memory',
  'cpu',
  'known-issue',
  'infra',
  'unfinished',
  'nothing-passed',
  'reference',
  'coverage',
  'fixed',
] as const;
export type ReasonKind = (typeof REASON_KINDS)[number];

export interface GateReason {
  kind: ReasonKind;
  /** `no` fails the gate (exit code 1), `undecided` leaves it open (3), `note` is only said. */
  weight: 'no' | 'undecided' | 'note';
  /** One sentence. */
  message: string;
  hint?: string;
  /** The result it is about, by its name in the run. */
  result?: string;
  /** The line of a split, policy or ledger that it comes from. */
  place?: { file: string; line: number };
}
