import { formatAdditions } from '../modules/set.js';
import { cleanLine } from '../printable.js';
import { restsOn } from '../results/rests-on.js';
import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult, Verdict } from '../results/scenario-result.js';
import { VERDICTS } from '../results/scenario-result.js';
import { formatBytes, formatPercent, formatSeconds } from '../units.js';
import { PHASES } from '../vm/machine.js';
import { causeTable, storiesOf } from './causes.js';
import { failureText } from './failure.js';
import { installSetTable } from './installsets.js';
import { type Style, wrap } from './screen.js';
import { type Cell, table } from './table.js';

/**
 * What stands at the end of a run: areas, sizes, additions, time, then what explains the failures, then every failure, then one
 * line that says it all. The failures come last because the end of a log is where people look.
 * @param folder the run's folder as it should be shown.
 * @param quiet without tables: only what explains failures, and the last line.
 */
export function summary(
  result: RunResult,
  folder: string,
  width: number,
  style: Style,
  quiet = false,
): string {
  const tables = quiet ? [] : tablesOf(result, width, style);
  const blocks = [...tables, causeTable(result.results, width, style)];
  for (const { one, same } of storiesOf(result.results))
    blocks.push(failureText(one, folder, width, style, same));
  blocks.push(verdictText(result, folder, style));
  const text = blocks.filter((block) => block !== '').join('\n');
  return quiet ? text : `\n${text}`;
}

function tablesOf(result: RunResult, width: number, style: Style): string[] {
  return [
    areas(result, width, style),
    installSetTable(result, width, style),
    sizes(result, width, style),
    additions(result, width, style),
    times(result, width, style),
  ];
}

/** Scenarios by area and verdict; a verdict that nobody got has no column. */
function areas(result: RunResult, width: number, style: Style): string {
  const columns = VERDICTS.filter((verdict) => verdict === 'pass' || result.counts[verdict] > 0);
  const names = [...new Set(result.results.map((one) => one.area))];
  const row = (name: string, results: readonly ScenarioResult[]): Cell[] => [
    cleanLine(name),
    ...columns.map((verdict): Cell => {
      const count = results.filter((one) => one.verdict === verdict).length;
      return { text: count === 0 ? '-' : String(count), style: colourOf(verdict, count, style) };
    }),
    formatSeconds(results.reduce((sum, one) => sum + one.seconds, 0)),
  ];
  const rows = names.map((name) =>
    row(
      name,
      result.results.filter((one) => one.area === name),
    ),
  );
  if (names.length > 1) rows.push(row('total', result.results));
  const head = ['area', ...columns.map((verdict) => (verdict === 'pass' ? 'ok' : verdict)), 'guest time'];
  return table(head, rows, style, width);
}

function colourOf(verdict: Verdict, count: number, style: Style): (text: string) => string {
  if (count === 0 || verdict === 'skip') return style.dim;
  if (verdict === 'pass') return style.green;
  return verdict === 'infra' ? style.yellow : style.red;
}

/** What the image weighs, against the same image with the full module tree. */
function sizes({ image }: RunResult, width: number, style: Style): string {
  const { vmlinuz, initramfs, modules } = image;
  const rest = vmlinuz.bytes + initramfs.bytes;
  const [all, whole] = [rest + modules.bytes, rest + modules.ofBytes];
  const same = modules.bytes === modules.ofBytes;
  return table(
    ['size', 'this image', 'full tree', ''],
    [
      ['vmlinuz', formatBytes(vmlinuz.bytes), formatBytes(vmlinuz.bytes), ''],
      ['initramfs', formatBytes(initramfs.bytes), formatBytes(initramfs.bytes), ''],
      [
        'modules',
        formatBytes(modules.bytes),
        formatBytes(modules.ofBytes),
        same ? '' : formatPercent(modules.bytes, modules.ofBytes),
      ],
      [
        '  files',
        String(modules.count),
        String(modules.ofCount),
        same ? '' : formatPercent(modules.count, modules.ofCount),
      ],
      ['total', formatBytes(all), formatBytes(whole), same ? '' : formatPercent(all, whole)],
    ],
    style,
    width,
  );
}

function additions(result: RunResult, width: number, style: Style): string {
  if (result.additions.length === 0) return '';
  const bytes = result.additions.reduce((sum, one) => sum + one.bytes, 0);
  const count = result.additions.length;
  const head = `added as dependencies: ${count} module${count === 1 ? '' : 's'}, ${formatBytes(bytes)}`;
  const lines = formatAdditions(result, 8).flatMap((line) =>
    wrap(cleanLine(line), width - 4).map((part, at) => `${at === 0 ? '  ' : '    '}${part}\n`),
  );
  return `${wrap(head, width).map(style.bold).join('\n')}\n${lines.join('')}`;
}

/** Where the guests' time went, by phase, and what it cost in CPU time. */
function times(result: RunResult, width: number, style: Style): string {
  const spent = new Map(PHASES.map((phase) => [phase, 0]));
  for (const one of result.results) {
    for (const [at, { phase, at: from }] of one.phases.entries()) {
      const until = one.phases[at + 1]?.at ?? one.seconds;
      spent.set(phase, (spent.get(phase) ?? 0) + Math.max(0, until - from));
    }
  }
  const sum = [...spent.values()].reduce((total, seconds) => total + seconds, 0);
  if (sum === 0) return '';
  const rows = [...spent]
    .filter(([, seconds]) => seconds > 0)
    .map(([phase, seconds]): Cell[] => [
      phase,
      formatSeconds(seconds),
      formatPercent(seconds, sum),
      {
        text: '█'.repeat(Math.round((seconds / sum) * Math.min(40, Math.max(8, width - 32)))),
        style: style.cyan,
        left: true,
      },
    ]);
  const { harness, qemu } = result.cpuSeconds;
  const booted = result.results.filter((one) => one.verdict !== 'skip').length;
  const clock = `${formatSeconds(result.seconds)} wall time for ${booted} guest${booted === 1 ? '' : 's'}`;
  const cpu = `CPU: QEMU ${formatSeconds(qemu)}, bootgate ${formatSeconds(harness)} (${formatPercent(harness, harness + qemu)})`;
  const spentText = wrap(`${clock}; ${cpu}`, width).map(style.dim).join('\n');
  return `${table(['phase', 'time', 'share', ''], rows, style, width)}${spentText}\n${fastText(result, width, style)}`;
}

function fastText({ fast }: RunResult, width: number, style: Style): string {
  if (!fast) return '';
  const { clones, rechecked, percent, seed } = fast;
  const text = `--fast: ${clones} guest${clones === 1 ? ' was' : 's were'} cloned, ${rechecked} of those that passed booted in full too (--recheck ${percent}% --seed ${seed})`;
  return `${wrap(text, width).map(style.dim).join('\n')}\n`;
}

/**
 * Where everything lies, and the last word: the verdict with what it rests on, on one line however long it is, since logs are cut
 * by lines. Of a gate, the gate has the last word.
 */
function verdictText(result: RunResult, folder: string, style: Style): string {
  const where = folder
    ? `${style.dim(cleanLine(`report.html, run.json and junit.xml are in ${folder}`))}\n`
    : '';
  if (result.gate) return where;
  const paint = { pass: style.green, fail: style.red, incomplete: style.yellow }[result.verdict];
  return `${where}${paint(style.bold(result.verdict))}  ${cleanLine(restsOn(result))}\n`;
}
