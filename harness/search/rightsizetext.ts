import { cleanLine, someOf } from '../printable.js';
import type { Style } from '../report/screen.js';
import { table } from '../report/table.js';
import { formatBytes } from '../units.js';
import type { Dropped } from './drop.js';
import type { RightSize, SetSize } from './rightsize.js';
import type { Move } from './trade.js';

/** Rows of a list on the terminal; --json has them all. */
const MOST = 10;

/** The answer for a person: the floor, then for each set its plain answer, what is missing, what lies between and the curve. */
export function rightSizeText(one: RightSize, style: Style): string {
  const { floor } = one;
  const lines = [
    `${one.release}, ${count(one.scenarios.length, 'scenario')}; vmlinuz ${formatBytes(one.vmlinuz)}`,
    `floor: ${sizeText(floor.modules, floor.bytes)}, with vmlinuz ${formatBytes(floor.total)}${floor.xz === null ? '' : `, xz ${formatBytes(floor.xz)}`}`,
  ];
  for (const { scenario, reason } of one.undecided)
    lines.push(`${style.yellow('no floor')}: ${scenario}: ${cleanLine(reason)}`);
  for (const set of one.sets) lines.push('', ...setLines(set, one, style));
  return `${lines.join('\n')}\n`;
}

function setLines(set: SetSize, whole: RightSize, style: Style): string[] {
  const { size, missing, between } = set;
  const lines = [style.bold(`${set.name}: ${sizeText(size.modules, size.bytes)}`)];
  for (const sentence of answerOf(set, whole)) lines.push(`  ${sentence}`);
  for (const { scenario, verdict, reason, modules, bytes } of missing) {
    lines.push(`  ${style.red(verdict)} ${scenario}: ${cleanLine(reason.split('; ')[0] ?? '')}`);
    lines.push(`    add ${someOf(modules, 6)} (+${formatBytes(bytes)})`);
  }
  if (between.groups.length > 0) {
    lines.push('', 'used by no scenario:');
    const rows = between.groups
      .slice(0, MOST)
      .map((group) => [
        `  ${group.subsystem}`,
        formatBytes(group.bytes),
        String(group.modules.length),
        [
          group.packages.join(', '),
          group.takesAlong.length > 0 ? `takes ${someOf(group.takesAlong, 2)} along` : '',
          group.rules[0] ? `${group.rules[0].place.file}:${group.rules[0].place.line}` : '',
        ]
          .filter(Boolean)
          .join('; '),
      ]);
    lines.push(...rowsOf(rows, style));
    if (between.groups.length > MOST) lines.push(`  and ${between.groups.length - MOST} more: see --json`);
  }
  if (between.kept.length > 0) {
    lines.push('', 'kept for others (keep.yaml, clouds.yaml):');
    const rows = between.kept
      .slice(0, MOST)
      .map((row) => [`  ${row.for}`, formatBytes(row.bytes), String(row.modules.length)]);
    lines.push(...rowsOf(rows, style));
    if (between.kept.length > MOST) lines.push(`  and ${between.kept.length - MOST} more: see --json`);
  }
  lines.push('', 'modules   saved     move', ...curveLines(set));
  return lines;
}

const rowsOf = (rows: readonly string[][], style: Style): string[] =>
  table(
    [],
    rows.map((row) => row.map((text, at) => ({ text, left: at !== 1 && at !== 2 }))),
    style,
  )
    .trimEnd()
    .split('\n');

/** What a drop saves, and its diff. */
export function droppedText({ diff, saved, stay }: Dropped): string {
  const kept = stay.length > 0 ? `; not dropped, because something needs it: ${someOf(stay, 6)}` : '';
  return `\ndropped: ${formatBytes(saved)} less${kept}\n\n${diff}`;
}

/** The plain answer, in sentences. */
export function answerOf(set: SetSize, { floor, threshold }: RightSize): string[] {
  const { size, between, passes, missing } = set;
  const times = (all: number, part: number) => (part === 0 ? '∞' : (all / part).toFixed(1));
  const xz = size.xz !== null && floor.xz ? `, ${times(size.xz, floor.xz)} × compressed` : '';
  const sentences = [
    `${times(size.bytes, floor.bytes)} × its floor in bytes of modules, ${times(size.modules, floor.modules)} × in files, ${times(size.total, floor.total)} × with vmlinuz${xz}`,
    `${passes.length} of ${passes.length + missing.length} scenarios pass`,
  ];
  if (set.saving > 0) {
    const biggest = between.groups.slice(0, 3).map(({ subsystem }) => subsystem);
    const saved = between.groups.slice(0, 3).reduce((sum, group) => sum + group.bytes, 0);
    sentences.push(
      `dropping ${andOf(biggest)} saves ${formatBytes(saved)} and no scenario; all that no scenario touches is ${formatBytes(set.saving)}`,
    );
  }
  const loss = set.curve.find((move) => move.direction === 'out' && move.scenarios.length > 0);
  if (loss)
    sentences.push(
      `below ${formatBytes(loss.bytes + loss.saved)} of modules you lose ${someOf(loss.scenarios, 3)} first`,
    );
  sentences.push(
    `${formatBytes(set.saving)} is ${set.worthIt ? 'above' : 'below'} the threshold of ${formatBytes(threshold)}: ${set.worthIt ? 'worth moving modules for' : 'not worth moving modules for'}`,
  );
  return sentences;
}

/** The curve as a table; of moves that cost nothing the biggest, then one line for the others together. */
function curveLines({ size, curve }: SetSize): string[] {
  const free = curve.filter((move) => move.direction === 'out' && move.scenarios.length === 0);
  const shown = curve.filter((move) => move.scenarios.length > 0 || free.indexOf(move) < MOST);
  const others = free.slice(MOST);
  const rows: string[] = [];
  const row = (bytes: number, saved: string, words: string) =>
    rows.push(`${formatBytes(bytes).padEnd(9)} ${saved.padEnd(9)} ${words}`);
  row(size.bytes, '', 'as it is');
  for (const move of shown) {
    if (move.scenarios.length > 0 && move.direction === 'out') flush();
    row(move.bytes, signed(move), moveText(move));
  }
  flush();
  return rows;

  function flush(): void {
    const last = others.at(-1);
    if (!last) return;
    const saved = others.reduce((sum, move) => sum + move.saved, 0);
    row(last.bytes, formatBytes(saved), `without ${count(others.length, 'more part')}: no scenario lost`);
    others.length = 0;
  }
}

const signed = ({ saved }: Move): string => (saved < 0 ? `+${formatBytes(-saved)}` : formatBytes(saved));

function moveText({ parts, direction, scenarios }: Move): string {
  const what = parts.length === 0 ? 'nothing else' : someOf(parts, 3);
  if (direction === 'in') return `with ${what}: ${someOf(scenarios, 2)} passes`;
  if (scenarios.length === 0) return `without ${what}: no scenario lost`;
  return `without ${what}: loses ${someOf(scenarios, 2)}`;
}

const sizeText = (modules: number, bytes: number): string =>
  `${formatBytes(bytes)} in ${count(modules, 'module')}`;
const andOf = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
