import { readFile } from 'node:fs/promises';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { ModuleDelivery } from '../initramfs/initramfs.js';
import { readKernelConfig } from '../kernel/config.js';
import type { Kernel, Vmlinux } from '../kernel/kernel.js';
import { resolveKernel } from '../kernel/resolve.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { setFromPolicy } from '../modules/policy.js';
import { setFromList, wholeTree } from '../modules/set.js';
import { architectureOf } from '../vm/arch/index.js';
import type { Image, ModuleSource } from './image.js';

/** An image with everything at hand that a boot needs, apart from the scenario. */
export interface PreparedImage {
  image: Image;
  kernel: Kernel;
  vmlinux: Vmlinux;
  index: ModuleIndex;
  set: ModuleSet;
  delivery: ModuleDelivery;
}

export interface PrepareOptions {
  cache: Cache;
  /** Refuse to add modules to the set (exit code 1). */
  strict?: boolean;
  /** Unless given: the window where kernel, architecture and tree allow it. */
  delivery?: ModuleDelivery;
  log?: (sentence: string) => void;
  signal?: AbortSignal;
}

/** `kernel -> module set`: the first stages of the line. */
export async function prepareImage(image: Image, options: PrepareOptions): Promise<PreparedImage> {
  const { cache, log = () => {}, signal } = options;
  const kernel = await resolveKernel(image.kernel, { cache, log, ...(signal ? { signal } : {}) });
  const [vmlinux, index] = await Promise.all([
    extractVmlinux(kernel, cache),
    loadModuleIndex(kernel.modulesDir, kernel.release, cache),
  ]);
  const set = await makeModuleSet(index, image.modules, options.strict ?? false);
  for (const warning of set.warnings) log(warning);
  return {
    image,
    kernel,
    vmlinux,
    index,
    set,
    delivery: await chooseDelivery(kernel, index, options.delivery),
  };
}

/** The module set of an image or of `--modules`. */
export async function makeModuleSet(
  index: ModuleIndex,
  source: ModuleSource,
  strict: boolean,
): Promise<ModuleSet> {
  if (source.kind === 'all') return wholeTree(index);
  if (source.kind === 'policy') return setFromPolicy(index, source.file, { strict });
  const text = await readFile(source.file).catch((cause: Error) => {
    throw userError('E_MODULE_LIST', `cannot read the module list ${source.file}: ${cause.message}`, {
      cause,
    });
  });
  return setFromList(index, text, source.file, { strict });
}

/**
 * The window needs an architecture that has one, a tree that fits, and a kernel with /dev/mem. Elsewhere the files
 * travel in the archive, which costs about 23 ms of boot per MB but needs nothing.
 */
async function chooseDelivery(
  kernel: Kernel,
  index: ModuleIndex,
  wanted: ModuleDelivery | undefined,
): Promise<ModuleDelivery> {
  const { window } = architectureOf(kernel.arch);
  if (wanted === 'archive' || !window || index.bytes > window.maxBytes) return 'archive';
  if (!kernel.config) return 'window';
  const config = await readKernelConfig(kernel.config);
  return config.isEnabled('DEVMEM') ? 'window' : 'archive';
}
