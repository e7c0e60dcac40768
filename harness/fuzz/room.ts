import { join } from 'node:path';
import { Cache } from '../cache.js';
import { resolveKernel } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { Room } from './target.js';

/** A kernel of 660 modules: small enough to index in a moment, and real. */
export const FUZZ_KERNEL = 'apt:linux-image-cloud-amd64';

/** @param folder an empty folder, for everything that targets write. */
export async function makeRoom(folder: string): Promise<Room> {
  const shared = new Cache();
  const kernel = await resolveKernel([FUZZ_KERNEL], { cache: shared });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, shared);
  return { folder, modulesDir: kernel.modulesDir, index, cache: new Cache(join(folder, 'cache')) };
}
