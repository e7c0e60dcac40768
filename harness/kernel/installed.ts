import { access, readdir } from 'node:fs/promises';
import { release as runningRelease } from 'node:os';
import { join } from 'node:path';
import { userError } from '../errors.js';
import { didYouMean } from '../suggest.js';

/**
 * Which of the machine's kernels `installed` means: the wanted release, else the running one, else the newest. Only
 * those with both a module tree and a vmlinuz count.
 * @throws BootgateError blame `user`, E_KERNEL_NOT_FOUND, naming what is there.
 */
export async function findInstalled(
  root: string,
  wanted: string | null,
  running = runningRelease(),
): Promise<{ root: string; release: string }> {
  const releases = await installedReleases(root);
  if (wanted !== null && !releases.includes(wanted)) {
    const there =
      releases.length > 0 ? `installed kernels: ${releases.join(', ')}` : 'no kernel is installed here';
    throw userError(
      'E_KERNEL_NOT_FOUND',
      `kernel ${wanted} is not installed${didYouMean(wanted, releases)}`,
      {
        hint: there,
      },
    );
  }
  const newest = releases.at(-1);
  const release = wanted ?? (releases.includes(running) ? running : newest);
  if (release === undefined)
    throw userError('E_KERNEL_NOT_FOUND', 'no kernel with a vmlinuz is installed on this machine', {
      hint: 'give a package instead: --kernel apt:linux-image-amd64, or a .deb or .rpm file',
    });
  return { root, release };
}

/** Oldest first, as `sort -V` would have them. */
async function installedReleases(root: string): Promise<string[]> {
  const found = new Set<string>();
  for (const parent of [join(root, 'lib/modules'), join(root, 'usr/lib/modules')]) {
    for (const release of await readdir(parent).catch(() => [])) {
      const places = [join(parent, release, 'vmlinuz'), join(root, 'boot', `vmlinuz-${release}`)];
      const there = await Promise.all(
        places.map((path) =>
          access(path).then(
            () => true,
            () => false,
          ),
        ),
      );
      if (there.includes(true)) found.add(release);
    }
  }
  return [...found].sort(new Intl.Collator('en', { numeric: true }).compare);
}
