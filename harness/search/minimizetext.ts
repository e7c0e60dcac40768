import { cleanLine } from '../printable.js';
import type { Style } from '../report/screen.js';
import { formatBytes } from '../units.js';
import type { KeptModule, Minimized } from './minimize.js';

/** The smallest set for a person: for each scenario its modules and who asked for them, then the sum and what proves it. */
export function minimizeText(one: Minimized, style: Style): string {
  const lines: string[] = [];
  for (const { scenario, modules, trials, proven, notes } of one.scenarios) {
    lines.push(style.bold(`${scenario}: ${count(modules.length, 'module')}, ${count(trials, 'trial')}`));
    const width = Math.max(0, ...modules.map(({ module }) => module.length));
    for (const kept of modules) lines.push(...moduleLines(kept, width));
    if (!proven) lines.push(`  ${style.yellow('not proven')}: the search was stopped; fewer may do`);
    for (const note of notes) lines.push(`  ${style.yellow('note')}: ${cleanLine(note)}`);
    lines.push('');
  }
  for (const { scenario, reason } of one.without)
    lines.push(`${style.red(scenario)}: no set found: ${cleanLine(reason)}`);
  lines.push(
    `${count(one.names.length, 'module')}, ${formatBytes(one.bytes)}, of the image's ${one.of.count}, ${formatBytes(one.of.bytes)}`,
  );
  const passed = one.proof.filter(({ verdict }) => verdict === 'pass').length;
  if (one.proof.length > 0)
    lines.push(`proof: ${passed} of ${count(one.proof.length, 'scenario')} passed a cold boot with this set`);
  for (const { scenario, verdict, reason } of one.proof.filter((proof) => proof.verdict !== 'pass'))
    lines.push(`  ${style.red(verdict)} ${scenario}: ${cleanLine(reason)}`);
  const saved = one.remembered > 0 ? `, ${one.remembered} taken from the earlier search` : '';
  lines.push(`${count(one.boots, 'boot')}${saved}; logs in ${one.folder}`);
  if (one.interrupted) lines.push(`interrupted: go on with --resume ${one.folder}`);
  return `${lines.join('\n')}\n`;
}

function moduleLines({ module, bytes, asked, without, alternatives }: KeptModule, width: number): string[] {
  const size = formatBytes(bytes).padStart(9);
  const who = {
    device: `device ${asked.request}`,
    step: `a step requests ${asked.request}`,
    softdep: `softdep ${asked.request}`,
    module: `needed by ${asked.request}`,
    unknown: 'no request seen',
  }[asked.by];
  const lines = [`  ${module.padEnd(width)} ${size}  ${cleanLine(who)}`];
  const indent = ' '.repeat(width + 14);
  if (without !== null) lines.push(`${indent}without it: ${cleanLine(without.split('; ')[0] ?? '')}`);
  if (alternatives.length > 0) lines.push(`${indent}instead: ${alternatives.join(', ')}`);
  return lines;
}

/** The set as a module list that `--modules` reads. */
export function minimizedList(one: Minimized, release: string): string {
  const head = [
    `# The smallest module set for ${one.scenarios.map(({ scenario }) => scenario).join(', ')} on ${release}.`,
    one.verified
      ? '# Found by bootgate minimize; proven by booting it.'
      : '# Found by bootgate minimize; NOT proven: fewer may do, or not all pass.',
  ];
  const rows = one.names.map((name) => {
    const users = one.scenarios.filter(({ modules }) => modules.some(({ module }) => module === name));
    const asked = users.flatMap(({ modules }) => modules).find(({ module }) => module === name)?.asked;
    return `${name}  # ${users.map(({ scenario }) => scenario).join(', ')}: ${cleanLine(asked?.request ?? '')}`;
  });
  return `${[...head, ...rows].join('\n')}\n`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
