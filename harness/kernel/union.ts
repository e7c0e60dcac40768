import { copyFile, link, lstat, mkdir, readlink, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Cache, digestOfFile } from '../cache.js';
import { type Problem, userError } from '../errors.js';
import { MODULES, type UnpackedPackage } from './package.js';

/**
 * One folder out of the packages of a split kernel, as installing them together would give. Files are hard links:
 * both sides are cache entries, which never change.
 * @throws BootgateError blame `user`, E_PACKAGE_CONFLICT, when two packages bring one path with different bytes.
 */
export async function unionOf(packages: readonly UnpackedPackage[], cache: Cache): Promise<string> {
  const carrying = packages.filter((one) => one.paths.length > 0);
  const [only] = carrying;
  if (only && carrying.length === 1) return only.root;
  await cache.settle(carrying.map(({ root }) => root));
  const owners = new Map<string, UnpackedPackage>();
  const problems: Problem[] = [];
  for (const one of carrying) {
    for (const path of one.paths) {
      const owner = owners.get(path);
      if (!owner) owners.set(path, one);
      else if (!(await isSame(join(owner.root, path), join(one.root, path))))
        problems.push({ message: `${path}: in ${owner.file} and, with other bytes, in ${one.file}` });
    }
  }
  if (problems.length > 0)
    throw userError('E_PACKAGE_CONFLICT', 'the packages do not belong together', {
      problems: problems.slice(0, 10),
      hint: 'give the packages of one build',
    });
  const key = carrying.map((one) => one.digest).sort();
  return cache.entry(
    'union',
    `union 1 ${key.join(' ')}`,
    async (temporary) => {
      await mkdir(temporary);
      const made = new Set<string>();
      for (const [path, { root }] of owners) {
        const to = join(temporary, path);
        if (!made.has(dirname(to))) await mkdir(dirname(to), { recursive: true });
        made.add(dirname(to));
        await place(join(root, path), to);
      }
    },
    MODULES,
  );
}

async function place(from: string, to: string): Promise<void> {
  if ((await lstat(from)).isSymbolicLink()) await symlink(await readlink(from), to);
  // Some file systems have no hard links, and some stop at 1,024 of one file.
  else await link(from, to).catch(() => copyFile(from, to));
}

async function isSame(a: string, b: string): Promise<boolean> {
  const [left, right] = [await lstat(a), await lstat(b)];
  if (left.isSymbolicLink() || right.isSymbolicLink())
    return left.isSymbolicLink() && right.isSymbolicLink() && (await readlink(a)) === (await readlink(b));
  return left.size === right.size && (await digestOfFile(a)) === (await digestOfFile(b));
}
