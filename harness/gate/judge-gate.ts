import { someOf } from '../printable.js';
import { compareRuns } from '../results/compare.js';
import type { RunComparison } from '../results/comparison.js';
import { type GateReason, type GateReport, REASON_KINDS } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import { isFailure, resultName } from '../results/scenario-result.js';
import { hasPassed } from '../results/verdict.js';
import type { OverBudget } from '../splits/budgets.js';
import { formatBytes } from '../units.js';
import { isSameFailure, reasonOf } from './reasons.js';
import { type GateSettings, isOver } from './thresholds.js';

/** A judged run, known issues applied, and what the gate holds it to. */
export interface Judged {
  result: RunResult;
  check: GateReport['check'];
  overBudget: OverBudget[];
  baseline: RunResult | null;
  /** What is wrong with the ledger of known issues: expired entries, entries that match nothing any more. */
  ledgerProblems: readonly { message: string; place?: { file: string; line: number } }[];
  settings: GateSettings;
}

/** The gate's verdict and its reasons most important first: a pure function of what a run and its checks have shown. */
export function judgeGate(input: Judged): GateReport {
  const { result, check, overBudget, baseline, settings } = input;
  const comparison = baseline ? compareRuns(baseline, result) : null;
  const ofResults = results(input);
  const reasons = [
    ...ofResults,
    ...staticCheck(input),
    ...overBudget.map(budget),
    ...input.ledgerProblems.map((problem): GateReason => ({ kind: 'known-issue', weight: 'no', ...problem })),
    ...(comparison ? changes(comparison, settings) : []),
    ...unfinished(input),
    ...(ofResults.some(({ weight }) => weight === 'no') || result.shard ? [] : nothingPassed(input)),
    ...onlyAPart(input),
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

function results({ result, baseline, settings }: Judged): GateReason[] {
  const { allowFlaky, allowKnown } = settings;
  const before = new Map(baseline?.results.filter(isFailure).map((one) => [resultName(one), one]));
  return result.results.flatMap((one) => {
    const earlier = before.get(resultName(one));
    const since = baseline ? { failedBefore: earlier !== undefined && isSameFailure(earlier, one) } : {};
    return reasonOf(one, { allowFlaky, allowKnown, ...since }) ?? [];
  });
}

/** What the baseline's check had found under the same key is known there too. */
function staticCheck({ check, baseline, settings }: Judged): GateReason[] {
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
    if (growth.size && what.endsWith('total') && isOver(growth.size, before, after))
      reasons.push({
        kind: 'size',
        weight: 'no',
        message: `the image has grown: ${what} ${grown(before, after)}`,
        hint: partsThatGrew(comparison, what.slice(0, -'total'.length)),
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
      message: `a boot costs ${Math.round((ratio - 1) * 100)} % more CPU time, median of ${scenarios.length} scenarios`,
    });
  if (comparison.gone.length > 0)
    reasons.push({
      kind: 'coverage',
      weight: 'note',
      message: `booted in the baseline, but not now: ${someOf(comparison.gone)}`,
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

/** What a shard leaves to the merge. */
function onlyAPart({ result: { shard } }: Judged): GateReason[] {
  if (!shard) return [];
  return [
    {
      kind: 'coverage',
      weight: 'note',
      message: `shard ${shard.index} of ${shard.count}: only its own boots are judged here`,
      hint: 'static check, budgets, sizes and the whole ledger are judged by `bootgate merge`',
    },
  ];
}

/** Nothing passes by default: what was to be booted and has no result leaves the gate open. */
function unfinished({ result: { missing = [], merged } }: Judged): GateReason[] {
  if (missing.length === 0) return [];
  if (merged)
    return [
      {
        kind: 'unfinished',
        weight: 'undecided',
        message: `none of the merged runs has a result of ${missing.length} (${someOf(missing)})`,
        hint: 'merge the missing shards too, or boot the rest: bootgate gate --resume with this run',
      },
    ];
  return [
    {
      kind: 'unfinished',
      weight: 'undecided',
      message: `the run was interrupted: ${missing.length} not tried (${someOf(missing)})`,
      hint: 'run it again with --resume latest: what is finished is kept',
    },
  ];
}

/** A gate in which nothing passed by itself does not hold, whatever explains its failures; a flaky one has passed in another boot. */
function nothingPassed({ result: { results, missing = [] } }: Judged): GateReason[] {
  if (results.some((one) => hasPassed(one) || one.flaky)) return [];
  const excused = results.filter((one) => isFailure(one) || one.knownIssue).length;
  if (excused > 0)
    return [
      {
        kind: 'nothing-passed',
        weight: 'no',
        message: `nothing passed: ${excused} failed, and a gate cannot rest on failures that are known or allowed`,
      },
    ];
  if (missing.length > 0 || results.some(({ verdict }) => verdict === 'infra')) return [];
  return [
    { kind: 'unfinished', weight: 'undecided', message: 'nothing was booted, so there is no evidence' },
  ];
}
