import { cleanLine } from '../printable.js';
import { bootsText } from '../report/line.js';
import { parsePlace } from '../report/remarks.js';
import type { GateReason } from '../results/gate-report.js';
import {
  type Finding,
  isFailure,
  isKernelsOwn,
  referenceName,
  resultName,
  type ScenarioResult,
} from '../results/scenario-result.js';
import { isUndecided } from '../results/verdict.js';
import { formatSeconds } from '../units.js';

export interface ReasonOptions {
  /** A flaky scenario is noted and no more. */
  allowFlaky: boolean;
  /** Whether the baseline has the same failure; undefined without a baseline. */
  failedBefore?: boolean | undefined;
  /** What failed in the baseline too is noted and no more. */
  allowKnown: boolean;
}

/**
 * What one result means for the gate; undefined for a pass or a skip with nothing to say. A failure fails the gate whoever is to
 * blame. That the full module tree fails as well is reported as its cause and excuses nothing.
 */
export function reasonOf(one: ScenarioResult, options: ReasonOptions): GateReason | undefined {
  const result = resultName(one);
  const told = cleanLine(one.reason);
  const [cause] = one.findings;
  const place = cause?.rule ? parsePlace(cause.rule) : undefined;
  const rest = {
    result,
    ...(cause?.hint ? { hint: cleanLine(cause.hint) } : {}),
    ...(place ? { place } : {}),
  };
  if (one.knownIssue) {
    const { reason, link, expires, owner, place: where, was } = one.knownIssue;
    const line = parsePlace(where);
    return {
      kind: 'known-issue',
      weight: 'note',
      message: `${result} would be ${was}: known until ${expires}: ${cleanLine(reason)} (${link}, ${owner})`,
      result,
      ...(line ? { place: line } : {}),
    };
  }
  if (one.verdict === 'infra')
    return { kind: 'infra', weight: 'undecided', message: `${result} could not be tried: ${told}`, result };
  if (!isFailure(one)) {
    if (!isUndecided(one)) return undefined;
    const why = cleanLine(one.reference?.reason ?? '');
    return {
      kind: 'reference',
      weight: 'undecided',
      message: `${result} passes, but ${referenceName(one)} could not be tried: ${why}`,
      result,
    };
  }
  if (one.flaky) {
    return {
      kind: 'flaky',
      weight: options.allowFlaky ? 'note' : 'no',
      message: `${result} ended as ${one.verdict} and is ${bootsText(one)}: ${told}`,
      ...rest,
    };
  }
  const known = options.failedBefore === true;
  const isNew = options.failedBefore === false;
  const cost = one.seconds > 0 ? ` after ${formatSeconds(one.seconds)}` : '';
  const module = cause?.module ? `${cause.kind.replaceAll('-', ' ')} ${cause.module}; ` : '';
  const own = isKernelsOwn(one) ? `the kernel, not the set (it fails with ${referenceName(one)} too); ` : '';
  return {
    kind: isNew ? 'new-failure' : 'failure',
    weight: known && options.allowKnown ? 'note' : 'no',
    message: `${result} ended as ${one.verdict}${cost}${known ? ', as in the baseline' : isNew ? ', new since the baseline' : ''}: ${own}${module}${told}`,
    ...rest,
  };
}

/**
 * Whether two results of one scenario fail in the same way: `--allow-known` allows what the baseline shows and nothing else. Times,
 * addresses and counts in a sentence do not make it another failure.
 */
export function isSameFailure(before: ScenarioResult, after: ScenarioResult): boolean {
  const missing = new Set(before.findings.map(missingModule));
  return (
    causeOf(before) === causeOf(after) &&
    after.findings.every((one) => missing.has(missingModule(one)) || !missingModule(one))
  );
}

const missingModule = ({ kind, module }: Finding): string =>
  kind === 'missing-module' && module !== undefined ? module : '';

function causeOf({ verdict, phase, reason, steps, findings }: ScenarioResult): string {
  const step = steps.find(({ ok, ran }) => !ok && ran !== false)?.name ?? '';
  const [top] = findings;
  const words = verdict === 'crash' ? reason.replace(/0x[0-9a-f]+|[0-9a-f]{8,}|\d+/gi, '#') : '';
  return JSON.stringify([verdict, phase, step, top?.kind ?? '', top?.module ?? '', words]);
}
