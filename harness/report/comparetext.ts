import { cleanLine } from '../printable.js';
import type { Changed, Pair, RunComparison } from '../results/comparison.js';
import { formatBytes } from '../units.js';
import type { Style } from './screen.js';
import { type Cell, table } from './table.js';

/** How many rows of a long table are shown; `--json` has them all. */
const MOST_ROWS = 12;
/** Less than this of guest memory comes and goes from boot to boot: measured, same kernel and set, 16 scenarios. */
const MEMORY_NOISE = 512 * 1024;

/** `bootgate compare`: what went red, what went green, then sizes, memory and CPU. */
export function comparisonText(one: RunComparison, style: Style): string {
  const blocks = [
    `${style.bold('before')}  ${cleanLine(`${one.before.id} (${one.before.kernel})`)}\n${style.bold('after')}   ${cleanLine(`${one.after.id} (${one.after.kernel})`)}\n`,
    changes('new failures', one.newFailures, style.red, style),
    changes('fixed', one.fixed, style.green, style),
    changes('failing as before', one.stillFailing, style.yellow, style),
    names('could not be decided', one.undecided, style),
    names('booted only after', one.appeared, style),
    names('booted only before: no longer tested', one.gone, style),
    table(
      ['size', 'before', 'after', 'change', ''],
      one.sizes.map((pair) => row(pair, formatBytes, style)),
      style,
    ),
    memory(one.memory, style),
    cpu(one, style),
  ];
  return blocks.filter((block) => block !== '').join('\n');
}

function changes(
  title: string,
  list: readonly Changed[],
  paint: (text: string) => string,
  style: Style,
): string {
  if (list.length === 0) return '';
  const lines = list.map(
    ({ name, before, after }) => `  ${cleanLine(name)}  ${style.dim(`${before} -> ${after}`)}\n`,
  );
  return `${style.bold(paint(`${title}: ${list.length}`))}\n${lines.join('')}`;
}

function names(title: string, list: readonly string[], style: Style): string {
  if (list.length === 0) return '';
  return `${style.bold(`${title}: ${list.length}`)}\n${list.map((name) => `  ${cleanLine(name)}\n`).join('')}`;
}

function memory(pairs: readonly Pair[], style: Style): string {
  if (pairs.length === 0) return '';
  const moved = pairs
    .filter(({ before, after }) => Math.abs(after - before) >= MEMORY_NOISE)
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before));
  if (moved.length === 0)
    return style.dim(
      `guest memory after boot: within ${formatBytes(MEMORY_NOISE)} in each of ${pairs.length} scenarios\n`,
    );
  const rows = moved.slice(0, MOST_ROWS).map((pair) => row(pair, formatBytes, style));
  return table(['memory after boot', 'before', 'after', 'change', ''], rows, style);
}

function cpu({ cpu: { ratio, why, scenarios } }: RunComparison, style: Style): string {
  if (ratio === null) return style.dim(`CPU time is not compared: ${why}\n`);
  const change = Math.round((ratio - 1) * 100);
  return `CPU time of a boot: ${signed(change)} % (median of ${scenarios.length} scenarios)\n`;
}

function row({ what, before, after }: Pair, format: (value: number) => string, style: Style): Cell[] {
  const delta = after - before;
  const paint = delta > 0 ? style.red : delta < 0 ? style.green : style.dim;
  return [
    cleanLine(what),
    format(before),
    format(after),
    { text: delta === 0 ? '-' : `${delta > 0 ? '+' : '-'}${format(Math.abs(delta))}`, style: paint },
    {
      text: delta === 0 || before === 0 ? '' : `${signed(Number(((delta / before) * 100).toFixed(1)))} %`,
      style: paint,
    },
  ];
}

const signed = (value: number): string => (value > 0 ? `+${value}` : String(value));
