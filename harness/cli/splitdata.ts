import { Cache } from '../cache.js';
import type { KernelTree } from '../kernel/moduletree.js';
import { resolveModuleTree } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { loadSplit as loadSplitFor } from '../splits/read.js';
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

export interface RebaseFlags extends SplitFlags {
  from: string[];
  to: string[];
  least?: number;
  growth?: string;
  write?: boolean;
  boot?: boolean;
  install?: string[];
  scenario?: string[];
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
  const kernel = await resolveModuleTree(sources, { cache, log: say });
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

export { print, printJson, printTable, say as log, write } from './output.js';
