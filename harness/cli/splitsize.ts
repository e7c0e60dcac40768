import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, userError } from '../errors.js';
import { overBudget } from '../splits/budgets.js';
import { compressedSizes } from '../splits/compressed.js';
import {
  compareSizes,
  type NamedWeight,
  type SizeComparison,
  type SizeReport,
  weighSplit,
} from '../splits/size.js';
import { readSizeReport } from '../splits/sizereport.js';
import type { Split } from '../splits/split.js';
import { formatBytes, formatPercent, parseBytes } from '../units.js';
import {
  type LoadedKernel,
  loadKernel,
  loadSplit,
  log,
  print,
  printJson,
  printTable,
  type SplitFlags,
} from './splitdata.js';

export async function size(source: string, flags: SplitFlags): Promise<void> {
  const threshold = thresholdOf(flags);
  const loaded = await loadKernel(flags);
  const { index, cache } = loaded;
  const split = await loadSplit(source, flags, loaded);
  const compressed = flags.compressed ? await compressedSizes(index, cache, { log }) : undefined;
  const weigh = async (one: Split, on: LoadedKernel): Promise<SizeReport> =>
    weighSplit({
      split: one,
      index: on.index,
      vmlinuz: on.kernel.vmlinuz === null ? null : (await stat(on.kernel.vmlinuz)).size,
      ...(flags.initramfs ? { initramfs: await sizeOfFile(flags.initramfs) } : {}),
      ...(compressed && on === loaded ? { compressed } : {}),
    });
  const report = await weigh(split, loaded);
  const over = overBudget({ split, index, size: report });
  const comparison =
    flags.against || flags.againstKernel
      ? compareSizes(await otherReport(flags, loaded, split, weigh), report, threshold)
      : undefined;
  if (over.length > 0 || comparison?.worthIt === false) process.exitCode = EXIT.no;
  if (flags.json) return printJson({ ...report, over, ...(comparison ? { comparison } : {}) });

  print(
    `${report.vmlinuz === null ? 'no vmlinuz' : `vmlinuz ${formatBytes(report.vmlinuz)}`}${report.initramfs === null ? '' : `, initramfs ${formatBytes(report.initramfs)}`}, modules ${formatBytes(report.modules.bytes)} in ${report.modules.count}`,
  );
  print('');
  printWeights('package', report.packages, report.modules.bytes);
  print('');
  printWeights('install set', report.installSets, report.modules.bytes);
  print('');
  printWeights('subsystem', report.subsystems.slice(0, 15), report.modules.bytes);
  if (comparison) printComparison(comparison);
  for (const one of over) {
    print('');
    print(
      `over budget: ${one.what} has ${formatBytes(one.bytes)} of ${formatBytes(one.limit)} (+${formatBytes(one.bytes - one.limit)}); the heaviest:`,
    );
    printTable(
      one.contributors.map((part) => [
        `  ${part.module}`,
        formatBytes(part.bytes),
        part.scenarios.length > 0 ? `needed by ${part.scenarios.join(', ')}` : '',
      ]),
      [1],
    );
  }
}

/** A number and a bar each: the treemap of a terminal. */
function printWeights(title: string, weights: readonly NamedWeight[], whole: number): void {
  const most = Math.max(1, ...weights.map(({ bytes }) => bytes));
  const packed = weights.some(({ xz }) => xz !== undefined);
  const cell = (bytes: number | undefined) => (bytes === undefined ? '' : formatBytes(bytes));
  printTable(
    [
      [title, 'modules', 'bytes', 'part', ...(packed ? ['xz', 'zstd'] : []), ''],
      ...weights.map((one) => [
        one.name,
        String(one.count),
        formatBytes(one.bytes),
        formatPercent(one.bytes, whole),
        ...(packed ? [cell(one.xz), cell(one.zstd)] : []),
        '█'.repeat(Math.round((one.bytes / most) * 30)),
      ]),
    ],
    [1, 2, 3, ...(packed ? [4, 5] : [])],
  );
}

function printComparison(one: SizeComparison): void {
  const signed = (bytes: number) => (bytes > 0 ? `+${formatBytes(bytes)}` : formatBytes(bytes));
  print('');
  print(`against ${one.before}:`);
  printTable(
    [
      ...one.packages.map(({ name, before, after }) => [
        `  ${name}`,
        formatBytes(before),
        formatBytes(after),
        signed(after - before),
      ]),
      ...one.installSets.map(({ name, before, after }) => [
        `  install set ${name}`,
        before ? formatBytes(before) : '-',
        after ? formatBytes(after) : '-',
        before && after ? signed(after - before) : '',
      ]),
    ],
    [1, 2, 3],
  );
  if (one.moved.length > 0) print(`  ${one.moved.length} modules moved; the heaviest:`);
  for (const { module, from, to, bytes } of one.moved.slice(0, 10))
    print(`    ${module}  ${formatBytes(bytes)}  ${from ?? 'nowhere'} -> ${to ?? 'nowhere'}`);
  if (!one.saving) return;
  const { bytes, percent, installSet } = one.saving;
  const verdict = one.worthIt === null ? '' : one.worthIt ? ': meets the threshold' : ': below the threshold';
  print(
    `  the smallest install set (${installSet}) is ${formatBytes(Math.abs(bytes))} (${Math.abs(percent).toFixed(1)} %) ${bytes >= 0 ? 'smaller' : 'larger'}${verdict}`,
  );
}

/** Another split or kernel, what an earlier `split size --json` printed, or a run. */
async function otherReport(
  flags: SplitFlags,
  loaded: LoadedKernel,
  same: Split,
  weigh: (split: Split, on: LoadedKernel) => Promise<SizeReport>,
): Promise<SizeReport> {
  const { format: _, kernel: __, ...rest } = flags;
  const on = flags.againstKernel ? await loadKernel({ ...rest, kernel: flags.againstKernel }) : loaded;
  const source = flags.against;
  if (source === undefined) return weigh(await loadSplit(same.file, flags, on), on);
  const run = join(source, 'run.json');
  const file = existsSync(run) ? run : source;
  if (!file.endsWith('.json')) return weigh(await loadSplit(source, rest, on), on);
  return readSizeReport(file);
}

function thresholdOf(flags: SplitFlags): { bytes?: number; percent?: number } | undefined {
  if (flags.threshold === undefined && flags.thresholdPercent === undefined) return undefined;
  const bytes = flags.threshold === undefined ? undefined : parseBytes(flags.threshold);
  // Number('') is 0, a threshold that everything reaches.
  const percent =
    flags.thresholdPercent === undefined ? undefined : Number(flags.thresholdPercent.trim() || Number.NaN);
  if (flags.threshold !== undefined && bytes === undefined)
    throw userError('E_USAGE', `--threshold ${flags.threshold}: expected a size such as 20MiB`);
  if (percent !== undefined && !(percent >= 0 && percent <= 100))
    throw userError(
      'E_USAGE',
      `--threshold-percent ${flags.thresholdPercent}: expected a number from 0 to 100`,
    );
  if (!flags.against && !flags.againstKernel)
    throw userError('E_USAGE', 'a threshold needs something to compare with', {
      hint: 'give --against or --against-kernel',
    });
  return { ...(bytes === undefined ? {} : { bytes }), ...(percent === undefined ? {} : { percent }) };
}

async function sizeOfFile(path: string): Promise<number> {
  if (!existsSync(path)) throw userError('E_USAGE', `--initramfs ${path}: there is no such file`);
  const entry = await stat(path);
  if (!entry.isFile()) throw userError('E_USAGE', `--initramfs ${path}: this is not a file`);
  return entry.size;
}
