import { basename } from 'node:path';
import { architectureOf } from '../arch/index.js';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { ModuleDelivery } from '../initramfs/initramfs.js';
import { defaultUserland, type Userland } from '../initramfs/tool-source.js';
import { readInput, readStandardInput } from '../input.js';
import { readKernelConfig } from '../kernel/config.js';
import type { Kernel, Vmlinux } from '../kernel/kernel.js';
import { resolveKernel } from '../kernel/resolve.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { MAX_FILE } from '../limits.js';
import { danglingIn, loadDangling, refuseDangling, sayDangling } from '../modules/dangling.js';
import { loadModuleIndex } from '../modules/index.js';
import { STDIN } from '../modules/list.js';
import { readBlocks } from '../modules/listblocks.js';
import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import { setFromPolicy } from '../modules/policy.js';
import { exactSet, type SetOptions, setFromList, wholeTree } from '../modules/set.js';
import { chosenSets, type InstallSet } from '../splits/installsets.js';
import { loadSplit } from '../splits/read.js';
import type { Split } from '../splits/split.js';
import type { Image, ModuleSource } from './image-file.js';

/** An image with everything that a boot needs, apart from the scenario: one module set of it. */
export interface PreparedImage {
  image: Image;
  kernel: Kernel;
  vmlinux: Vmlinux;
  index: ModuleIndex;
  set: ModuleSet;
  delivery: ModuleDelivery;
  userland: Userland;
  /** Where the set is what some packages of a split hold. */
  split: Split | null;
  installSet: InstallSet | null;
}

export interface PrepareOptions {
  cache: Cache;
  /** Refuse to add modules to the set (exit code 1). */
  strict?: boolean;
  /** Of a module list: see SetOptions. */
  allowMissing?: boolean;
  /** Unless given: the window where kernel, architecture and tree allow it. */
  delivery?: ModuleDelivery;
  /** Where the guest's tools come from; see defaultUserland. */
  userland?: Userland | undefined;
  log?: (sentence: string) => void;
  signal?: AbortSignal;
}

/**
 * `kernel -> module set`: the first stages of the line, once for each module set of the image. There is one, but for
 * a split: an install set each.
 */
export async function prepareImages(
  image: Image,
  options: PrepareOptions,
): Promise<[PreparedImage, ...PreparedImage[]]> {
  const { cache, log = () => {}, signal } = options;
  const kernel = await resolveKernel(image.kernel, { cache, log, ...(signal ? { signal } : {}) });
  const [vmlinux, index] = await Promise.all([
    extractVmlinux(kernel, cache),
    loadModuleIndex(kernel.modulesDir, kernel.release, cache),
  ]);
  const delivery = await chooseDelivery(kernel, index, options.delivery);
  const userland = options.userland ?? defaultUserland(kernel.arch);
  if (userland === 'packages') log(`the guest's tools are packages of ${kernel.arch} (userland.lock)`);
  const common = { image, kernel, vmlinux, index, delivery, userland };
  if (image.modules.kind !== 'split') {
    const { strict = false, allowMissing = false } = options;
    const set = await makeModuleSet(index, image.modules, { strict, allowMissing });
    for (const warning of set.warnings) log(warning);
    const dangling = await loadDangling(index, cache);
    if (options.strict) refuseDangling(index, dangling, set.names);
    for (const one of danglingIn(dangling, set.names)) log(sayDangling(one, index));
    return [{ ...common, set, split: null, installSet: null }];
  }
  const { file, format, install } = image.modules;
  const split = await loadSplit(file, { kernel, index, cache }, format === undefined ? {} : { format });
  const [first, ...rest] = chosenSets(split, install, index).map((installSet): PreparedImage => {
    const source = `${basename(file)}: ${installSet.name}`;
    return { ...common, set: exactSet(index, installSet.modules, source), split, installSet };
  });
  if (!first) throw userError('E_SPLIT', `${file} has no package, so there is nothing to install`);
  return [first, ...rest];
}

/** The same for an image with one module set. @throws user error E_USAGE for a split with several install sets. */
export async function prepareImage(image: Image, options: PrepareOptions): Promise<PreparedImage> {
  const [prepared, ...others] = await prepareImages(image, options);
  if (others.length > 0)
    throw userError('E_USAGE', `${image.file} has ${others.length + 1} install sets: choose one`, {
      hint: 'give --install, for example --install core',
    });
  return prepared;
}

/** The module set of a list, a policy, or the full module tree. */
export async function makeModuleSet(
  index: ModuleIndex,
  source: Exclude<ModuleSource, { kind: 'split' }>,
  options: SetOptions,
): Promise<ModuleSet> {
  if (source.kind === 'all') return wholeTree(index);
  // Booster's and Talos's lists are YAML as a policy is, and only their text tells which it is.
  if (source.kind === 'policy' && !(await isYamlList(source.file)))
    return setFromPolicy(index, source.file, options);
  const limit = { most: MAX_FILE.list, code: 'E_MODULE_LIST' };
  const text = source.file === STDIN ? await readStandardInput(limit) : await readInput(source.file, limit);
  return setFromList(index, text, source.file, options);
}

async function isYamlList(file: string): Promise<boolean> {
  const text = await readInput(file, { most: MAX_FILE.list, code: 'E_DOCUMENT' }).catch(() => null);
  return (
    text !== null && !/^rules:/m.test(text.toString('latin1')) && readBlocks(text.toString('latin1')) !== null
  );
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
  const window = architectureOf(kernel.arch).boot?.window;
  if (wanted === 'archive' || !window || index.bytes > window.maxBytes) return 'archive';
  if (!kernel.config) return 'window';
  const config = await readKernelConfig(kernel.config);
  return config.isEnabled('DEVMEM') ? 'window' : 'archive';
}
