import { existsSync } from 'node:fs';
import { Cache } from '../cache.js';
import type { Kernel } from '../kernel/kernel.js';
import { resolveKernel } from '../kernel/resolve.js';
import { library } from '../library.js';
import { loadModuleDetails } from '../modules/details.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { detectFormat, parseFormat, readSplit } from '../splits/read.js';
import type { Split } from '../splits/split.js';
import { say } from './output.js';

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
  kernel: Kernel;
  index: ModuleIndex;
  cache: Cache;
}

/** The kernel of --kernel, else of BOOTGATE_KERNEL, else Debian's generic one; given packages serve as a split themselves. */
export async function loadKernel(flags: SplitFlags): Promise<LoadedKernel> {
  const cache = new Cache();
  const sources = flags.kernel ?? [process.env.BOOTGATE_KERNEL ?? 'apt:linux-image-amd64'];
  const kernel = await resolveKernel(sources, { cache, log: say });
  return { kernel, index: await loadModuleIndex(kernel.modulesDir, kernel.release, cache), cache };
}

export async function loadSplit(source: string, flags: SplitFlags, loaded: LoadedKernel): Promise<Split> {
  const { kernel, index, cache } = loaded;
  const path = existsSync(source) ? source : (library().find('splits', source) ?? source);
  const forced = flags.format ? parseFormat(flags.format) : undefined;
  const format = path === 'packages' ? 'packages' : detectFormat(path, forced).format;
  const details = format === 'fedora-filters' ? await loadModuleDetails(index, cache) : undefined;
  return readSplit(path, index, {
    format,
    arch: flags.arch ?? kernel.arch,
    packages: kernel.packages,
    ...(flags.flavour ? { flavour: flags.flavour } : {}),
    ...(flags.variant ? { variants: flags.variant } : {}),
    ...(details
      ? { direct: new Map([...index.modules.keys()].map((name) => [name, details.direct(name)])) }
      : {}),
  });
}

export { print, printJson, printTable, say as log, write } from './output.js';
