import { cleanLine } from '../printable.js';
import { bootsText } from '../report/line.js';
import { parsePlace } from '../report/remarks.js';
import type { GateReason } from '../results/gate-report.js';
import { isKernelsOwn, resultName, type ScenarioResult } from '../results/scenario-result.js';
import { formatSeconds } from '../units.js';

export interface ReasonOptions {
  /** A flaky scenario is noted and no more. */
  allowFlaky: boolean;
  /** Names of results that said no in the baseline too; undefined without a baseline. */
  knownFailures?: ReadonlySet<string> | undefined;
  /** What failed in the baseline too is noted and no more. */
  allowKnown: boolean;
}

/** What one result means for the gate; undefined for a pass or a skip without a word. */
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
  if (one.verdict === 'pass' || one.verdict === 'skip') return undefined;
  if (one.verdict === 'infra')
    return { kind: 'infra', weight: 'undecided', message: `${result} could not be tried: ${told}`, result };
  if (one.flaky) {
    return {
      kind: 'flaky',
      weight: options.allowFlaky ? 'note' : 'no',
      message: `${result} says ${one.verdict} and is ${bootsText(one)}: ${told}`,
      ...rest,
    };
  }
  if (isKernelsOwn(one))
    return {
      kind: 'reference',
      weight: 'note',
      message: `${result} says ${one.verdict}, and the kernel itself cannot: it fails with the whole module tree too`,
      result,
    };
  const known = options.knownFailures?.has(result) ?? false;
  const isNew = options.knownFailures !== undefined && !known;
  const cost = one.seconds > 0 ? ` after ${formatSeconds(one.seconds)}` : '';
  const module = cause?.module ? `${cause.kind.replaceAll('-', ' ')} ${cause.module}; ` : '';
  return {
    kind: isNew ? 'new-failure' : 'failure',
    weight: known && options.allowKnown ? 'note' : 'no',
    message: `${result} says ${one.verdict}${cost}${known ? ', as in the baseline' : isNew ? ', not so in the baseline' : ''}: ${module}${told}`,
    ...rest,
  };
}
