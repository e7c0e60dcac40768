import { existsSync } from 'node:fs';
import type { Cache } from '../cache.js';
import type { KernelTree } from '../kernel/moduletree.js';
import { library } from '../library.js';
import { loadModuleDetails } from '../modules/details.js';
import type { ModuleIndex } from '../modules/module.js';
import { detectFormat } from './detect.js';
import type { ReadSplitOptions, Split } from './split.js';

/** What a split is read against. */
export interface SplitTarget {
  kernel: Pick<KernelTree, 'arch' | 'packages'>;
  index: ModuleIndex;
  cache: Cache;
}

/**
 * Reads a split for a kernel, with everything that its format needs from there.
 * @param source A file or folder, a name under splits/, or `packages` for the package files that the kernel came in.
 * @throws as readSplit, and those of reading the modules' files.
 */
export async function loadSplit(
  source: string,
  { kernel, index, cache }: SplitTarget,
  options: Omit<ReadSplitOptions, 'direct' | 'packages'> = {},
): Promise<Split> {
  const { format, path } = detected(source, options);
  const details = format.needs?.includes('direct') ? await loadModuleDetails(index, cache) : undefined;
  const read = await format.reader();
  return read(path, index, {
    ...options,
    arch: options.arch ?? kernel.arch,
    packages: kernel.packages,
    ...(details
      ? { direct: new Map([...index.modules.keys()].map((name) => [name, details.direct(name)])) }
      : {}),
  });
}

/**
 * Reads a split of any known format and places every module of a tree, with the files given.
 * @param source As for loadSplit.
 * @throws BootgateError blame `user`: E_SPLIT_FORMAT (unknown, or several in one folder), E_SPLIT and E_SPLIT_TEXT (what is wrong, and where).
 */
export async function readSplit(
  source: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const { format, path } = detected(source, options);
  return (await format.reader())(path, index, options);
}

function detected(source: string, { format }: ReadSplitOptions) {
  if (source === 'packages' && !existsSync(source)) return detectFormat(source, 'packages');
  const path = existsSync(source) ? source : (library().find('splits', source) ?? source);
  return detectFormat(path, format);
}
