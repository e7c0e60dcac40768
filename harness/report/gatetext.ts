import { cleanLine, moreOf } from '../printable.js';
import type { GateReason, GateReport } from '../results/gate-report.js';
import { restsOn } from '../results/rests-on.js';
import type { RunResult } from '../results/run-result.js';
import { MOST_COLUMNS, type Style, wrap } from './screen.js';

/** How many reasons of one kind are shown; run.json has them all. */
const MOST_OF_A_KIND = 6;

/** The gate's last word: its reasons in order of weight, the verdict, and what that rests on. Empty for a run without a gate. */
export function gateText(run: RunResult, style: Style, columns = MOST_COLUMNS): string {
  const { gate } = run;
  if (!gate) return '';
  const width = Math.min(columns, MOST_COLUMNS);
  const lines: string[] = [];
  const kinds = [...new Set(gate.reasons.map(({ kind, weight }) => `${weight} ${kind}`))];
  for (const both of kinds) {
    const reasons = gate.reasons.filter(({ kind, weight }) => `${weight} ${kind}` === both);
    for (const reason of reasons.slice(0, MOST_OF_A_KIND)) lines.push(...reasonLines(reason, width, style));
    const more = moreOf(reasons.length, MOST_OF_A_KIND, ' like this, listed in run.json');
    if (more) lines.push(style.dim(`           ${more}`));
  }
  const no = gate.reasons.filter(({ weight }) => weight === 'no').length;
  const open = gate.reasons.filter(({ weight }) => weight === 'undecided').length;
  return `${lines.map((line) => `${line}\n`).join('')}${verdictLine(gate, no, open, style)}\n${cleanLine(restsOn(run))}\n`;
}

function verdictLine({ verdict, check }: GateReport, no: number, open: number, style: Style): string {
  const some = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  const many = (count: number) => some(count, 'reason');
  const checked = check
    ? `; static check: ${some(check.counts.error, 'error')}, ${some(check.counts.warning, 'warning')}, ${some(check.counts.note, 'note')}`
    : '';
  if (verdict === 'pass') return `${style.green(style.bold('the gate holds'))}${checked}`;
  if (verdict === 'fail') return `${style.red(style.bold('the gate does not hold'))}: ${many(no)}${checked}`;
  return `${style.yellow(style.bold('the gate is undecided'))}: ${many(open)}${checked}`;
}

function reasonLines(reason: GateReason, width: number, style: Style): string[] {
  const paint = { no: style.red, undecided: style.yellow, note: style.dim }[reason.weight];
  const label = { no: 'no  ', undecided: 'open', note: 'note' }[reason.weight];
  const place = reason.place ? `${reason.place.file}:${reason.place.line}: ` : '';
  const told = wrap(cleanLine(place + reason.message), width - 8);
  const lines = told.map((line, at) => (at === 0 ? `  ${paint(label)}  ${line}` : `        ${line}`));
  if (reason.hint && reason.weight !== 'note')
    for (const line of wrap(`-> ${cleanLine(reason.hint)}`, width - 11))
      lines.push(style.dim(`           ${line}`));
  return lines;
}
