import { compareRuns } from '../results/compare.js';
import type { RunComparison } from '../results/comparison.js';
import { type GateReason, type GateReport, REASON_KINDS } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import { resultName } from '../results/scenario-result.js';
import type { OverBudget } from '../splits/budgets.js';
import { formatBytes } from '../units.js';
import { reasonOf } from './reasons.js';
import { type GateSettings, isOver } from './thresholds.js';

export interface GateInput {
  result: RunResult;
  check: GateReport['check'];
  overBudget: OverBudget[];
  baseline: RunResult | null;
  /** What is wrong with the ledger of known issues: expired entries, entries that match nothing any more. */
  ledgerProblems: readonly { message: string; place?: { file: string; line: number } }[];
  /** Boots that came to no result. */
  missing: readonly string[];
  settings: GateSettings;
}

/** The gate's verdict and its reasons in order of weight: a pure function of what a run and its checks have shown. */
export function judgeGate(input: GateInput): GateReport {
  const { result, check, overBudget, baseline, settings } = input;
  const comparison = baseline ? compareRuns(baseline, result) : null;
  const reasons = [
    ...results(input),
    ...staticCheck(input),
    ...overBudget.map(budget),
    ...input.ledgerProblems.map((problem): GateReason => ({ kind: 'known-issue', weight: 'no', ...problem })),
    ...(comparison ? changes(comparison, settings) : []),
    ...unfinished(input),
  ];
  const rank = { no: 0, undecided: 1, note: 2 };
  reasons.sort(
    (a, b) => rank[a.weight] - rank[b.weight] || REASON_KINDS.indexOf(a.kind) - REASON_KINDS.indexOf(b.kind),
  );
  const has = (weight: GateReason['weight']) => reasons.some((reason) => reason.weight === weight);
  return {
    schema: 'bootgate/gate@1',
    verdict: has('no') ? 'fail' : has('undecided') ? 'incomplete' : 'pass',
    reasons,
    check,
    overBudget,
    comparison,
  };
}

function results({ result, baseline, settings }: GateInput): GateReason[] {
  const knownFailures = baseline
    ? new Set(baseline.results.filter(({ verdict }) => /fail|crash|hang/.test(verdict)).map(resultName))
    : undefined;
  const { allowFlaky, allowKnown } = settings;
  return result.results.flatMap((one) => reasonOf(one, { allowFlaky, allowKnown, knownFailures }) ?? []);
}

/** What the baseline's check had found under the same key is known there too. */
function staticCheck({ check, baseline, settings }: GateInput): GateReason[] {
  if (!check || settings.check === 'off') return [];
  const known = new Set(baseline?.gate?.check?.findings.map(({ key }) => key));
  return check.findings
    .filter(
      ({ severity }) => severity === 'error' || (severity === 'warning' && settings.check === 'warning'),
    )
    .map(
      ({ id, key, message, mend, place }): GateReason => ({
        kind: 'static-check',
        weight: known.has(key) && settings.allowKnown ? 'note' : 'no',
        message: `${message} [${id}]${known.has(key) ? ', as in the baseline' : ''}`,
        ...(mend ? { hint: mend } : {}),
        ...(place ? { place: { file: place.file, line: place.line } } : {}),
      }),
    );
}

function budget({ what, limit, bytes, contributors }: OverBudget): GateReason {
  const heaviest = contributors.map((one) => `${one.module} (${formatBytes(one.bytes)})`);
  return {
    kind: 'budget',
    weight: 'no',
    message: `${what} is ${formatBytes(bytes)}, ${formatBytes(bytes - limit)} over its budget of ${formatBytes(limit)}`,
    ...(heaviest.length > 0 ? { hint: `the heaviest in it: ${heaviest.join(', ')}` } : {}),
  };
}

function changes(comparison: RunComparison, { growth, cpuIsNote }: GateSettings): GateReason[] {
  const reasons: GateReason[] = [];
  const grown = (before: number, after: number) =>
    `${formatBytes(before)} -> ${formatBytes(after)}, +${percent(before, after)} %`;
  // The sum is what is held: what moves from one part to another costs nothing.
  for (const { what, before, after } of comparison.sizes)
    if (growth.size && what.endsWith('in all') && isOver(growth.size, before, after))
      reasons.push({
        kind: 'size',
        weight: 'no',
        message: `the image has grown: ${what} ${grown(before, after)}`,
        hint: partsThatGrew(comparison, what.slice(0, -'in all'.length)),
      });
  for (const { what, before, after } of comparison.memory)
    if (growth.memory && isOver(growth.memory, before, after))
      reasons.push({
        kind: 'memory',
        weight: 'no',
        message: `the guest of ${what} uses more memory after boot: ${grown(before, after)}`,
      });
  const { ratio, scenarios } = comparison.cpu;
  if (growth.cpu && ratio !== null && isOver(growth.cpu, 100, ratio * 100))
    reasons.push({
      kind: 'cpu',
      weight: cpuIsNote ? 'note' : 'no',
      message: `a boot costs ${Math.round((ratio - 1) * 100)} % more CPU time, by the middle of ${scenarios.length} scenarios`,
    });
  if (comparison.gone.length > 0)
    reasons.push({
      kind: 'coverage',
      weight: 'note',
      message: `booted in the baseline and not now: ${someOf(comparison.gone)}`,
    });
  for (const { name, before } of comparison.fixed)
    reasons.push({
      kind: 'fixed',
      weight: 'note',
      message: `${name} said ${before} in the baseline and passes now`,
    });
  return reasons;
}

function partsThatGrew({ sizes }: RunComparison, prefix: string): string {
  const parts = ['vmlinuz', `${prefix}initramfs`, `${prefix}modules`].flatMap((name) => {
    const pair = sizes.find(({ what }) => what === name);
    return pair && pair.after > pair.before ? [`${name} +${formatBytes(pair.after - pair.before)}`] : [];
  });
  return `where: ${parts.join(', ')}`;
}

const percent = (before: number, after: number): string =>
  before > 0 ? (((after - before) / before) * 100).toFixed(1) : '-';

const MOST_NAMED = 5;

function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Nothing passes by default: what was to be booted and has no result leaves the gate open. */
function unfinished({ missing, result }: GateInput): GateReason[] {
  if (missing.length > 0)
    return [
      {
        kind: 'unfinished',
        weight: 'undecided',
        message: `the run ended before its end: ${missing.length} not tried (${someOf(missing)})`,
        hint: 'run it again with --resume latest: what is finished is kept',
      },
    ];
  const booted = result.results.some(({ verdict }) => verdict !== 'skip' && verdict !== 'infra');
  const tried = result.results.some(({ verdict }) => verdict === 'infra');
  return booted || tried
    ? []
    : [{ kind: 'unfinished', weight: 'undecided', message: 'nothing was booted, so nothing is known' }];
}
