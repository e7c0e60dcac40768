import { cleanLine, someOf } from '../printable.js';
import type { Style } from '../report/screen.js';
import type { Bisected, Guilty } from './bisect.js';

/** The difference for a person: modules, the rules of both sides, the proof. */
export function bisectText(one: Bisected, style: Style): string {
  const lines: string[] = [];
  const kernels = one.otherRelease === null ? '' : ` by name between ${one.otherRelease} and ${one.release}`;
  lines.push(
    `${one.scenario}: the sets differ${kernels} in ${count(one.differ, 'module')}; ${count(one.trials, 'boot')}`,
  );
  if (one.unknown.length > 0)
    lines.push(`not compared, ${one.release} has no such module: ${cleanLine(someOf(one.unknown, 6))}`);
  for (const guilty of one.guilty) lines.push(...guiltyLines(guilty, style));
  if (one.proof) {
    const { good, bad } = one.proof;
    const them = one.guilty.length === 1 ? 'this change' : 'these changes';
    lines.push(`bad set with ${them}: ${bad.verdict}${tail(bad.reason)}`);
    lines.push(`good set without ${them}: ${good.verdict}${tail(good.reason)}`);
  }
  for (const note of one.notes) lines.push(`${style.yellow('note')}: ${cleanLine(note)}`);
  if (one.reason) lines.push(`${style.yellow(one.outcome.replace('-', ' '))}: ${cleanLine(one.reason)}`);
  if (one.outcome === 'interrupted') lines.push(`go on with --resume ${one.folder}`);
  return `${lines.join('\n')}\n`;
}

function guiltyLines({ module, kind, good, bad }: Guilty, style: Style): string[] {
  const where = kind === 'add' ? 'only in the good set' : 'only in the bad set';
  const lines = [`${style.bold(module)}  ${where}`];
  for (const [side, rule] of [
    ['good', good],
    ['bad', bad],
  ] as const)
    if (rule)
      lines.push(`  ${side.padEnd(4)}  ${cleanLine(`${rule.file}:${rule.line}  ${rule.text.trim()}`)}`);
  return lines;
}

const tail = (reason: string): string => (reason ? `, ${cleanLine(reason.split('; ')[0] ?? '')}` : '');
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
