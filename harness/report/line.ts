import { cleanLine } from '../printable.js';
import { resultName, type ScenarioResult, type Verdict } from '../results/scenario-result.js';
import { formatSeconds } from '../units.js';
import { cut, type Style, wrap } from './screen.js';

/** A verdict in a column of five: what went well is quiet, what did not is loud. */
export function verdictLabel(verdict: Verdict, style: Style): string {
  const label = (verdict === 'pass' ? 'ok' : verdict === 'skip' ? 'skip' : verdict.toUpperCase()).padEnd(5);
  if (verdict === 'pass') return style.green(label);
  if (verdict === 'skip') return style.dim(label);
  return verdict === 'infra' ? style.yellow(label) : style.red(label);
}

/** `59 min 59 s`, and one more. */
const TIME_WIDTH = 11;

/** Less room than this for the reason, and it gets a line of its own. */
const LEAST_ROOM = 16;

/** One result on one line: `FAIL   storage/nvme   5.0 s  step "find the disk" failed`; on a narrow screen, the reason on a second. */
export function resultLine(one: ScenarioResult, nameWidth: number, width: number, style: Style): string {
  const name = cleanLine(resultName(one)).padEnd(nameWidth);
  const time = one.verdict === 'skip' ? '' : formatSeconds(one.seconds);
  const boots = bootsText(one) || (one.forked ? 'clone' : '');
  const again = boots ? `${boots}: ` : '';
  const warnings = one.verdict === 'pass' ? warningsOf(one) : '';
  const told = `${again}${cleanLine(one.reason) || warnings}`.replace(/: $/, '');
  const room = width - (2 + 5 + 2 + name.length + 2 + TIME_WIDTH + 2);
  if (room < LEAST_ROOM) {
    const label = `  ${verdictLabel(one.verdict, style)}`;
    const [first = '', ...rest] = wrap(name.trimEnd(), width - 9);
    const fits = rest.length === 0 && first.length + 2 + time.length <= width - 9;
    const below = [
      ...rest,
      ...(fits || !time ? [] : [time]),
      ...(told ? [style.dim(cut(told, width - 9))] : []),
    ];
    return [
      `${label}  ${first}${fits && time ? `  ${time}` : ''}`,
      ...below.map((line) => `         ${line}`),
    ].join('\n');
  }
  const head = `  ${verdictLabel(one.verdict, style)}  ${name}  ${time.padStart(TIME_WIDTH)}`;
  return told ? `${head}  ${style.dim(cut(told, room))}` : head;
}

/** `attempt 2` after trouble of the host; `flaky, 1 of 2 boots pass`, `2 of 2 boots fail` where it was booted again. */
export function bootsText({ attempts, flaky, tries }: ScenarioResult): string {
  if (!tries) return attempts > 1 ? `attempt ${attempts}` : '';
  const passed = tries.filter(({ verdict }) => verdict === 'pass').length;
  return flaky
    ? `flaky, ${passed} of ${tries.length} boots pass`
    : `${tries.length} of ${tries.length} boots ${passed > 0 ? 'pass' : 'fail'}`;
}

function warningsOf(one: ScenarioResult): string {
  const count = one.findings.length;
  return count === 0 ? '' : count === 1 ? '1 warning' : `${count} warnings`;
}
