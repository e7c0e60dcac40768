import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forJson } from '../printable.js';
import type { GateReport } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import { resultName } from '../results/scenario-result.js';
import { withResults } from '../results/verdict.js';
import type { OverBudget } from '../splits/budgets.js';
import { writeWhole } from '../write-whole.js';
import { judgeGate } from './judge-gate.js';
import { type KnownIssue, type LedgerProblem, matchKnownIssues } from './known-issues.js';
import { ledgerPattern } from './ledger-pattern.js';
import type { GateSettings } from './thresholds.js';

/** All input of a gate besides the run itself, as it was when the run ended. */
export interface GateInput {
  /** When it was judged: entries of the ledger expire. */
  now: Date;
  settings: GateSettings;
  knownIssues: readonly KnownIssue[];
  check: GateReport['check'];
  overBudget: OverBudget[];
  baseline: RunResult | null;
}

/** The last steps of the chain, known issues and then the gate: pure functions of a judged run and of the gate's input. */
export function withGate(run: RunResult, whole: GateInput): RunResult & { gate: GateReport } {
  const input = run.shard ? partOf(whole, run) : whole;
  const { result, problems } = withKnownIssues(run, input.knownIssues, input.now);
  const { check, overBudget, baseline, settings } = input;
  return {
    ...result,
    gate: judgeGate({ result, check, overBudget, baseline, ledgerProblems: problems, settings }),
  };
}

/**
 * What the gate holds a shard to: its own boots, known issues and the baseline's results of them. The split, sizes and budgets are
 * the same in every shard, and an entry of the ledger may match a failure of another one: these wait for the merge, which judges
 * them once.
 */
function partOf(input: GateInput, { results, missing = [] }: RunResult): GateInput {
  const { baseline, settings, knownIssues } = input;
  const ours = new Set([...results.map(resultName), ...missing]);
  return {
    ...input,
    settings: { ...settings, growth: { size: null, memory: null, cpu: null } },
    knownIssues: knownIssues.map((issue) => ({ ...issue, intermittent: true })),
    check: null,
    overBudget: [],
    baseline: baseline && {
      ...baseline,
      results: baseline.results.filter((one) => ours.has(resultName(one))),
    },
  };
}

/** A run in which failures that the ledger explains are noted passes, counts and verdict included. */
export function withKnownIssues(
  run: RunResult,
  ledger: readonly KnownIssue[],
  now: Date,
): { result: RunResult; problems: LedgerProblem[] } {
  const { release } = run.image.kernel;
  const { results, problems } = matchKnownIssues(run.results, ledger, { release, now });
  return { result: withResults(run, results), problems };
}

const FILE = 'gate-input.json';
const SCHEMA = 'bootgate/gate-input@1';

interface StoredInput extends Omit<GateInput, 'now' | 'knownIssues'> {
  schema: typeof SCHEMA;
  now: string;
  knownIssues: Omit<KnownIssue, 'pattern'>[];
}

/** Writes RUN/gate-input.json: ledger, image, split and baseline may be others when the run is judged again. */
export async function writeGateInput(
  folder: string,
  { now, knownIssues, ...rest }: GateInput,
): Promise<void> {
  const stored: StoredInput = {
    schema: SCHEMA,
    now: now.toISOString(),
    knownIssues: knownIssues.map(({ pattern: _compiled, ...issue }) => issue),
    ...rest,
  };
  await writeWhole(join(folder, FILE), forJson(stored));
}

/** Undefined if there is none: a run without a gate, or of an older version. */
export async function readGateInput(folder: string): Promise<GateInput | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { schema, now, knownIssues, ...rest } = JSON.parse(text) as StoredInput;
  if (schema !== SCHEMA) return undefined;
  return {
    now: new Date(now),
    knownIssues: knownIssues.map((issue) => ({ ...issue, pattern: ledgerPattern(issue.patternText) })),
    ...rest,
  };
}
