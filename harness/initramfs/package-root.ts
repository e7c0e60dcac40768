import { copyFile, link, mkdir, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import { USR_MERGED } from './host-files.js';
import type { UserlandPackage } from './userland-package.js';

/**
 * One root file system out of packages, as a guest sees it: usr-merged, every link relative, so that none leads out of it.
 * Files are hard links into the cache. @returns its real path
 * @throws BootgateError blame `user`, E_PACKAGE_CONFLICT, when two packages bring one file.
 */
export async function rootOfPackages(packages: readonly UserlandPackage[], cache: Cache): Promise<string> {
  const owners = ownersOf(packages);
  await cache.settle(packages.map(({ root }) => root));
  const digests = packages.map(({ digest }) => digest).sort();
  return cache.entry('userland-root', `1 ${digests.join(' ')}`, async (temporary) => {
    const made = new Set<string>();
    const folderOf = async (place: string) => {
      const folder = dirname(join(temporary, place));
      if (!made.has(folder)) await mkdir(folder, { recursive: true });
      made.add(folder);
    };
    for (const name of USR_MERGED) {
      await mkdir(join(temporary, 'usr', name), { recursive: true });
      await symlink(`usr/${name}`, join(temporary, name));
    }
    const linked = packages.flatMap(({ links }) => links).filter(([place]) => !owners.has(place));
    for (const [place, target] of new Map(linked)) {
      await folderOf(place);
      await symlink(relative(dirname(place), target) || '.', join(temporary, place));
    }
    for (const [place, { root, path }] of owners) {
      await folderOf(place);
      const from = join(root, path);
      await link(from, join(temporary, place)).catch(() => copyFile(from, join(temporary, place)));
    }
  });
}

/** Which package each file of the guest is of. */
export function ownersOf(
  packages: readonly UserlandPackage[],
): Map<string, { name: string; root: string; path: string }> {
  const owners = new Map<string, { name: string; root: string; path: string }>();
  for (const { name, root, files } of packages)
    for (const [place, path] of files) {
      const other = owners.get(place);
      if (other)
        throw userError('E_PACKAGE_CONFLICT', `/${place} is in the package ${other.name} and in ${name}`, {
          hint: 'correct images/userland.yaml: its tools cannot be in one guest',
        });
      owners.set(place, { name, root, path });
    }
  return owners;
}
