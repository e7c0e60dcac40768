import { Cache } from '../cache.js';
import type { KernelTree } from '../kernel/moduletree.js';
import { resolveModuleTree } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { loadSplit as loadSplitFor } from '../splits/read.js';
import type { Split } from '../splits/split.js';

export interface SplitFlags {
  kernel?: string[];
  format?: string;
  arch?: string;
  flavour?: string;
  variant?: string[];
  json?: boolean;
  as?: 'table' | 'yaml' | 'list';
  module?: string[];
  package?: string[];
  files?: boolean;
  severity?: 'error' | 'warning' | 'note';
  compressed?: boolean;
  against?: string;
  againstKernel?: string[];
  threshold?: string;
  thresholdPercent?: string;
  initramfs?: string;
}

export interface LoadedKernel {
  kernel: KernelTree;
  index: ModuleIndex;
  cache: Cache;
}

/** The kernel of --kernel, else of BOOTGATE_KERNEL, else Debian's generic one; given packages serve as a split themselves. No vmlinuz is needed. */
export async function loadKernel(flags: SplitFlags): Promise<LoadedKernel> {
  const cache = new Cache();
  const sources = flags.kernel ?? [process.env.BOOTGATE_KERNEL ?? 'apt:linux-image-amd64'];
  const kernel = await resolveModuleTree(sources, { cache, log });
  return { kernel, index: await loadModuleIndex(kernel.modulesDir, kernel.release, cache), cache };
}

export function loadSplit(source: string, flags: SplitFlags, loaded: LoadedKernel): Promise<Split> {
  const { format, arch, flavour, variant: variants } = flags;
  return loadSplitFor(source, loaded, {
    ...(format ? { format } : {}),
    ...(arch ? { arch } : {}),
    ...(flavour ? { flavour } : {}),
    ...(variants ? { variants } : {}),
  });
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function log(sentence: string): void {
  process.stderr.write(`bootgate: ${sentence}\n`);
}

/** Columns padded to their widest cell; those named by `right` stand at the right. */
export function printTable(rows: readonly (readonly string[])[], right: readonly number[] = []): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    print(
      row
        .map((cell, at) =>
          right.includes(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    );
}
