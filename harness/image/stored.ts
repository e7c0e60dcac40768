import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import { resolveKernel } from '../kernel/resolve.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { loadModuleIndex } from '../modules/index.js';
import type { StoredRun } from '../results/read.js';
import type { PreparedImage } from './prepare.js';
import { readStoredSet, type StoredSet } from './rules-file.js';

/** What one result of a stored run was booted with. */
export interface StoredImage
  extends Pick<PreparedImage, 'kernel' | 'vmlinux' | 'index' | 'set' | 'delivery'>,
    Pick<StoredSet, 'split'> {
  installSet: { name: string } | null;
}

/**
 * The image that a run booted, from what the run itself keeps: its lists, policies and splits may have changed since, and its
 * image file may be gone. Only the kernel has to be there.
 * @throws BootgateError blame `user`, E_RUN_RECIPE: the kernel is another one now.
 */
export async function storedImage(
  { folder, result }: StoredRun,
  installSet: string | undefined,
  { cache, log, signal }: { cache: Cache; log?: (sentence: string) => void; signal?: AbortSignal },
): Promise<StoredImage> {
  const { recipe, kernel: was } = result.image;
  if (!recipe)
    throw userError('E_RUN_RECIPE', `${folder} does not record what its image was made from`, {
      hint: 'run it again with this version of bootgate',
    });
  const kernel = await resolveKernel(recipe.kernel, {
    cache,
    ...(log ? { log } : {}),
    ...(signal ? { signal } : {}),
  });
  if (kernel.digest !== was.digest)
    throw userError(
      'E_RUN_RECIPE',
      `${recipe.kernel.join(' ')} is a different kernel now than in ${result.id} (${was.release})`,
      { hint: 'run it again first' },
    );
  const [vmlinux, index] = await Promise.all([
    extractVmlinux(kernel, cache),
    loadModuleIndex(kernel.modulesDir, kernel.release, cache),
  ]);
  return {
    kernel,
    vmlinux,
    index,
    delivery: recipe.delivery,
    ...(await readStoredSet(folder, installSet, index)),
    installSet: installSet === undefined ? null : { name: installSet },
  };
}
