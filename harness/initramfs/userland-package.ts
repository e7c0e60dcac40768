import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { AptContext } from '../kernel/aptview.js';
import { checkEntries, extractArchive, isKept, listArchive } from '../kernel/archive.js';
import { openDeb } from '../kernel/deb.js';
import { digestOfUnchanged } from '../kernel/digest.js';
import { guestPath } from './host-files.js';

/** One package of the userland, unpacked in the cache; nothing in it is run here. */
export interface UserlandPackage {
  name: string;
  /** `sha256:...` of the .deb. */
  digest: string;
  /** Absolute path of the folder that it was unpacked into. */
  root: string;
  /** Where each of its files lies below `root`, by its path in the guest. */
  files: [place: string, path: string][];
  /** Its symbolic links, both as paths in the guest. */
  links: [place: string, target: string][];
}

/** What a guest can use of a package: no documentation, no headers. */
const KEPT = ['bin', 'sbin', 'lib', 'lib64', 'etc', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64'];

/** @throws BootgateError blame `user`: E_PACKAGE_DAMAGED, E_PACKAGE_UNSAFE. */
export async function unpackForGuest(path: string, { cache, signal }: AptContext): Promise<UserlandPackage> {
  const digest = await digestOfUnchanged(cache, path);
  const name = basename(path);
  const folder = await cache.entry('userland-package', `1 ${digest}`, async (temporary) => {
    const scratch = join(temporary, 'scratch');
    await mkdir(scratch, { recursive: true });
    const { control, payload } = await openDeb(path, scratch, signal);
    const entries = await listArchive(payload, name, signal);
    checkEntries(entries, name, KEPT);
    await extractArchive(payload, entries, join(temporary, 'root'), name, signal, KEPT);
    await rm(scratch, { recursive: true });
    const kept = entries.filter((entry) => isKept(entry.path, KEPT));
    const files = kept
      .filter(({ type }) => type === 'file' || type === 'hardlink')
      .map((entry): [string, string] => [guestPath(`/${entry.path}`), entry.path]);
    // Links are made from the list: those that were unpacked may lead out of the folder.
    const links = kept.flatMap(({ path: at, target, type }): [string, string][] =>
      type === 'symlink' && target
        ? [[guestPath(`/${at}`), guestPath(resolve('/', dirname(at), target))]]
        : [],
    );
    await writeFile(join(temporary, 'package.json'), JSON.stringify({ name: control.name, files, links }));
  });
  const facts = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Pick<
    UserlandPackage,
    'name' | 'files' | 'links'
  >;
  return { ...facts, digest, root: join(folder, 'root') };
}
