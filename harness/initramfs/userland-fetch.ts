import { basename } from 'node:path';
import { hostError } from '../errors.js';
import { exec } from '../exec.js';
import { cachedPackage } from '../kernel/aptpackage.js';
import { type AptContext, debianArchives } from '../kernel/aptview.js';
import type { LockedPackage } from './userland-lock.js';

/** apt's own downloader: it knows the proxies of this machine. */
const APT_HELPER = '/usr/lib/apt/apt-helper';

/**
 * The .deb files of locked packages, from the cache or from where this machine gets Debian's packages; BOOTGATE_DEBIAN_ARCHIVE names
 * another place, such as `http://mirror/debian`. Nothing is installed.
 * @throws BootgateError blame `host`: E_APT_DOWNLOAD, E_APT_CHECKSUM, E_USERLAND_ARCHIVE.
 */
export async function fetchLocked(
  packages: readonly LockedPackage[],
  context: AptContext,
): Promise<string[]> {
  const { signal } = context;
  let archives: string[] | undefined;
  const fetch = (one: LockedPackage) => async (folder: string) => {
    archives ??= await knownArchives();
    for (const [index, archive] of archives.entries()) {
      const uri = `${archive.replace(/\/*$/, '/')}${one.path}`;
      const args = ['download-file', uri, basename(one.path), `SHA256:${one.sha256}`];
      const options = { cwd: folder, timeout: 600_000, ...(signal ? { signal } : {}) };
      try {
        return await exec(APT_HELPER, args, options);
      } catch (error) {
        if (index + 1 === archives.length) throw error;
      }
    }
    return undefined;
  };
  const hint =
    'check the network; when the archive no longer has this version, run `bootgate userland update`, or name an archive ' +
    'that has it in BOOTGATE_DEBIAN_ARCHIVE';
  const files: string[] = [];
  for (const one of packages) files.push(await cachedPackage(one, context, fetch(one), hint));
  return files;
}

async function knownArchives(): Promise<string[]> {
  const named = process.env.BOOTGATE_DEBIAN_ARCHIVE;
  const archives = named ? [named] : await debianArchives();
  if (archives.length > 0) return archives;
  throw hostError(
    'E_USERLAND_ARCHIVE',
    "this machine has no source of Debian's packages for the guest's tools",
    {
      hint: 'name an archive in BOOTGATE_DEBIAN_ARCHIVE, such as http://MIRROR/debian',
    },
  );
}
