import { cleanLine } from '../printable.js';
import type { RunResult } from '../results/run-result.js';
import type { Verdict } from '../results/scenario-result.js';
import { formatBytes } from '../units.js';
import type { Style } from './screen.js';
import { type Cell, table } from './table.js';

/** What works with which packages installed: a row for each scenario, a column for each install set. Empty without a split. */
export function installSetTable(
  { image, installSets, results }: RunResult,
  width: number,
  style: Style,
): string {
  if (!installSets || installSets.length === 0) return '';
  const verdicts = new Map(results.map((one) => [`${one.scenario}\0${one.installSet}`, one.verdict]));
  const scenarios = [...new Set(results.map((one) => one.scenario))];
  const head = ['what works with', ...installSets.map(({ name }) => cleanLine(name))];
  const rows = scenarios.map((scenario): Cell[] => [
    cleanLine(scenario),
    ...installSets.map(({ name }): Cell => shown(verdicts.get(`${scenario}\0${name}`), style)),
  ]);
  rows.push(
    ['packages', ...installSets.map(({ packages }) => String(packages.length))],
    ['modules', ...installSets.map(({ modules }) => String(modules.count))],
    ['modules, bytes', ...installSets.map(({ modules }) => formatBytes(modules.bytes))],
    ['initramfs', ...installSets.map(({ initramfs }) => formatBytes(initramfs.bytes))],
    [
      'total with vmlinuz',
      ...installSets.map(({ initramfs, modules }) =>
        formatBytes(image.vmlinuz.bytes + initramfs.bytes + modules.bytes),
      ),
    ],
  );
  return table(head, rows, style, width);
}

function shown(verdict: Verdict | undefined, style: Style): Cell {
  if (verdict === undefined) return { text: '-', style: style.dim };
  if (verdict === 'pass') return { text: 'ok', style: style.green };
  return { text: verdict, style: verdict === 'skip' ? style.dim : style.red };
}
