import { cleanLine } from '../printable.js';
import type { Style } from '../report/screen.js';
import { formatBytes } from '../units.js';
import type { AddedModule, Fix } from './fix.js';

/** The outcome of a fix, for a person: the modules, the patch, the proof; or what was tried and what is left. */
export function fixText(fix: Fix, style: Style): string {
  const lines: string[] = [];
  for (const one of fix.added) lines.push(...addedLines(one, style));
  if (fix.patch) lines.push('', fix.patch.diff.trimEnd());
  else for (const one of fix.added) lines.push(byHand(one));
  for (const name of fix.kernelsOwn)
    lines.push(
      '',
      `${style.yellow(name)}: not the module set's fault: this kernel also fails with the full module tree`,
    );
  for (const { result, remedy } of fix.searches) {
    if (remedy.verified) continue;
    lines.push('', `${style.red(result)}: given up after ${count(remedy.attempts.length, 'boot')}`);
    for (const attempt of remedy.attempts)
      lines.push(
        `  tried ${cleanLine(attempt.added.join(', ')) || 'what the others needed'}: ${attempt.outcome}, ${cleanLine(attempt.reason)}`,
      );
    lines.push(`  left: ${cleanLine(remedy.last.reason)}`);
    for (const finding of remedy.last.findings.slice(0, 3))
      lines.push(`    ${finding.kind.replaceAll('-', ' ')}: ${cleanLine(finding.evidence)}`);
  }
  lines.push('', verdictLine(fix, style));
  return `${lines.join('\n').replace(/^\n+/, '')}\n`;
}

function addedLines(one: AddedModule, style: Style): string[] {
  const brings = one.brings.length > 0 ? `, with ${one.brings.join(', ')}` : '';
  const lines = [
    `${style.bold(`add ${one.module}`)} (+${formatBytes(one.bytes)}${brings}) for ${one.neededBy.join(', ')}`,
  ];
  if (one.evidence) lines.push(`  seen    ${cleanLine(one.evidence)}`);
  if (one.rule) lines.push(`  rule    ${cleanLine(one.rule)}`);
  if (one.to) lines.push(`  package ${one.from ?? 'none'} -> ${one.to}`);
  return lines;
}

/** For a format that has no patch of ours. */
function byHand({ module, from, to, rule }: AddedModule): string {
  const where = rule ? `, which ${cleanLine(rule)} decides` : '';
  if (!to) return `by hand: add ${module} to the set${where}`;
  return from
    ? `by hand: move ${module} from ${from} to ${to}${where}`
    : `by hand: put ${module} into ${to}${where}`;
}

function verdictLine(fix: Fix, style: Style): string {
  const mended = fix.searches.filter(({ remedy }) => remedy.verified).length;
  const boots = count(fix.boots, 'boot');
  const proof = fix.proof ? `; proof: ${fix.proof.folder} (${fix.proof.verdict})` : '';
  if (fix.verified)
    return `${style.green(style.bold('fixed'))}  ${count(fix.added.length, 'module')}, +${formatBytes(fix.bytes)}, found in ${boots}${proof}`;
  const all = fix.searches.length + fix.kernelsOwn.length;
  return `${style.red(style.bold('not fixed'))}  ${mended} of ${count(all, 'failure')} fixed in ${boots}${proof}`;
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
