import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import { MAX_PATH } from '../limits.js';
import { checkEntries, extractArchive, listArchive } from './archive.js';
import { openDeb, type PackageControl } from './deb.js';
import { digestOfUnchanged } from './digest.js';
import { plainPayload } from './payload.js';
import { readRpm } from './rpmheader.js';

/** One package file, unpacked in the cache. */
export interface UnpackedPackage extends PackageControl {
  /** Base name of the file. */
  file: string;
  /** `sha256:...` of the file. */
  digest: string;
  /** Absolute path of the folder with boot/, lib/modules/ or usr/lib/modules/. */
  root: string;
  /** Files and symlinks below the root, sorted. */
  paths: string[];
}

/** Of an unpacked package: thousands of files that most commands do not read. Those that do call Cache.settle. */
export const MODULES = /\.ko(\.\w+)?$/;

/** Changes when something else is kept of a package. */
const FORMAT = 'package 1';

/**
 * Unpacks a .deb, .udeb or .rpm into the cache, once for its bytes.
 * @throws BootgateError blame `user`: E_PACKAGE_DAMAGED, E_PACKAGE_UNSAFE (nothing is unpacked then), E_PACKAGE_SOURCE.
 */
export async function unpackPackage(
  path: string,
  format: 'deb' | 'rpm',
  { cache, log, signal }: { cache: Cache; log: (sentence: string) => void; signal?: AbortSignal },
): Promise<UnpackedPackage> {
  const digest = await digestOfUnchanged(cache, path);
  const file = basename(path);
  const folder = await cache.entry(
    'package',
    `${FORMAT} ${digest}`,
    async (temporary) => {
      log(`unpacking ${file}`);
      const scratch = join(temporary, 'scratch');
      const root = join(temporary, 'root');
      await mkdir(scratch, { recursive: true });
      const { control, payload } =
        format === 'deb' ? await openDeb(path, scratch, signal) : await openRpm(path, scratch, signal);
      const entries = await listArchive(payload, file, signal);
      checkEntries(entries, file);
      await extractArchive(payload, entries, root, file, signal);
      await rm(scratch, { recursive: true });
      const paths = await filesBelow(root);
      await writeFile(join(temporary, 'package.json'), JSON.stringify({ ...control, paths }));
    },
    MODULES,
  );
  const saved = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as PackageControl & {
    paths: string[];
  };
  return { ...saved, file, digest, root: join(folder, 'root') };
}

async function openRpm(path: string, scratch: string, signal?: AbortSignal) {
  const { control, payload } = await readRpm(path);
  return { control, payload: await plainPayload(path, payload, scratch, basename(path), signal) };
}

/**
 * Paths of all files and symlinks below a folder, sorted by code point.
 * @throws BootgateError blame `user`, E_KERNEL_TREE: folders lie deeper in one another than any kernel's do.
 */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (below: string, depth = 0): Promise<void> => {
    if (depth > MAX_PATH.depth)
      throw userError(
        'E_KERNEL_TREE',
        `${folder} has folders more than ${MAX_PATH.depth} deep: ${below.slice(0, 60)}...`,
      );
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below ? `${below}/${entry.name}` : entry.name;
      if (entry.isDirectory()) await walk(path, depth + 1);
      else found.push(path);
    }
  };
  await walk('');
  return found.sort();
}
