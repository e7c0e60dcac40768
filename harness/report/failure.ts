import { cleanLine, cleanText, moreOf } from '../printable.js';
import {
  type Finding,
  isKernelsOwn,
  referenceName,
  resultName,
  type ScenarioResult,
  type StepResult,
} from '../results/scenario-result.js';
import { formatSeconds } from '../units.js';
import { bootsText, verdictLabel } from './line.js';
import { cut, type Style, wrap } from './screen.js';

/** How much of each is shown; the rest lies in the files named below it. */
const MOST_FINDINGS = 4;
const MOST_CONSOLE_LINES = 12;
const MOST_STEP_LINES = 6;

/** How far all but the first line is indented: below the verdict, or hardly where there is no room for that. */
const indentOf = (width: number): number => (width < 60 ? 2 : 7);

/**
 * The story of one failure: verdict and reason, the findings, its steps, the end of its console, and where the rest lies.
 * @param folder the run's folder as it should be shown.
 * @param same names of the failures that have the same cause and are not told.
 */
export function failureText(
  one: ScenarioResult,
  folder: string,
  width: number,
  style: Style,
  same: readonly string[] = [],
): string {
  const boots = bootsText(one);
  const attempt = boots ? `, ${boots}` : '';
  const where = `in phase ${one.phase} after ${formatSeconds(one.seconds)}${attempt}`;
  const by = indentOf(width);
  const name = `${verdictLabel(one.verdict, style)}  ${style.bold(cleanLine(resultName(one)))}`;
  const lines =
    width < 60 ? [name, ...indented(where, by, width).map(style.dim)] : [`${name}  ${style.dim(where)}`];
  lines.push(...indented(cleanLine(one.reason), by, width));
  if (isKernelsOwn(one)) {
    const reason = cleanLine(one.reference?.reason ?? '');
    const how = reason === cleanLine(one.reason) ? '' : ` (${reason})`;
    const sentence = `the kernel, not the set: it fails with ${referenceName(one)} too${how}`;
    lines.push(...indented(sentence, by, width).map(style.yellow));
  }
  for (const finding of one.findings.slice(0, MOST_FINDINGS))
    lines.push(...findingLines(finding, width, style));
  const more = moreOf(one.findings.length, MOST_FINDINGS, ' findings, listed in run.json');
  if (more) lines.push(style.dim(`${' '.repeat(by)}${more}`));
  if (one.steps.length > 0) lines.push(...stepLines(one.steps, width, style));
  if (one.consoleTail.length > 0) {
    lines.push(`${' '.repeat(by)}${style.bold('console')}`);
    for (const line of one.consoleTail.slice(-MOST_CONSOLE_LINES))
      lines.push(quoted(line, width, style, by + 2));
  }
  if (same[0]) {
    const others = [same[0], moreOf(same.length, 1)].filter(Boolean).join(' ');
    const sentence = `the same cause: ${others}; see bootgate explain RUN '${same[0]}'`;
    lines.push(...indented(cleanLine(sentence), by, width).map(style.dim));
  }
  if (one.files.console)
    lines.push(
      style.dim(
        `${' '.repeat(by)}${cleanLine(`${folder ? `${folder.replace(/\/$/, '')}/` : ''}${one.files.console}`)}`,
      ),
    );
  return `${lines.join('\n')}\n`;
}

/** A finding: what it is, then what is known about it, one thing a line. */
function findingLines(finding: Finding, width: number, style: Style): string[] {
  const title = `${finding.kind.replaceAll('-', ' ')}${finding.module ? `: ${finding.module}` : ''}`;
  const by = indentOf(width);
  const column = by + 10;
  const lines = [`${' '.repeat(by)}${style.bold(style.yellow(cleanLine(title)))}`];
  const [first = '', ...more] = cleanText(finding.evidence).split('\n');
  const facts: [string, string | undefined][] = [
    ['seen', first],
    ['path', finding.chain],
    ['package', finding.package],
    ['rule', finding.rule],
    [finding.kind.startsWith('kernel-') || finding.kind === 'init-died' ? 'means' : 'remedy', finding.hint],
  ];
  for (const [name, value] of facts) {
    if (!value) continue;
    const [head = '', ...rest] = wrap(cleanLine(value), width - column);
    lines.push(`${' '.repeat(by + 2)}${style.dim(name.padEnd(7))} ${head}`);
    for (const part of rest) lines.push(`${' '.repeat(column)}${part}`);
    if (name === 'seen')
      for (const line of more.slice(0, 3)) lines.push(`${' '.repeat(column)}${cut(line, width - column)}`);
  }
  return lines;
}

function stepLines(steps: readonly StepResult[], width: number, style: Style): string[] {
  const by = indentOf(width);
  const names = Math.min(width - by - 19, Math.max(...steps.map((step) => step.name.length)));
  const lines = [`${' '.repeat(by)}${style.bold('steps')}`];
  for (const step of steps) {
    const ran = step.ran !== false;
    const label = step.ok ? style.green('ok  ') : ran ? style.red('FAIL') : style.dim('-   ');
    const name = cut(cleanLine(step.name), names).padEnd(names);
    const endless = step.ran === true;
    const time = ran ? (endless ? 'no end' : formatSeconds(step.seconds)) : 'not run';
    lines.push(
      `${' '.repeat(by + 2)}${label} ${name} ${time.padStart(8)}${step.where === 'outside' ? '  (outside the guest)' : ''}`,
    );
    if (step.ok || !ran || endless || !step.message) continue;
    const output = cleanText(step.message)
      .split('\n')
      .filter((line) => line.trim() !== '');
    for (const line of output.slice(-MOST_STEP_LINES)) lines.push(quoted(line, width, style, by + 7));
  }
  return lines;
}

function quoted(line: string, width: number, style: Style, by: number): string {
  return style.dim(`${' '.repeat(by)}| ${cut(cleanLine(line), width - by - 2)}`);
}

function indented(text: string, by: number, width: number): string[] {
  return wrap(text, width - by).map((line) => ' '.repeat(by) + line);
}
