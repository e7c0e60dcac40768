import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, digestOf, digestOfFile } from '../cache.js';
import { userError } from '../errors.js';
import { MAX_FILE } from '../limits.js';
import { formatBytes } from '../units.js';

/**
 * The digest of a file's bytes, remembered for as long as its path, size, times and inode stay the same, as git
 * does: hashing a 70 MB package or a 300 MB tree each time would be most of a warm start.
 */
export async function digestOfUnchanged(cache: Cache, path: string): Promise<string> {
  return remembered(cache, await stampOf(path), () => digestOfFile(path));
}

/** The same over many files of one folder: their relative paths and bytes. */
export async function digestOfTree(cache: Cache, folder: string, paths: readonly string[]): Promise<string> {
  const stamps = await inTurns(paths, async (path) => {
    const { size } = await stat(join(folder, path));
    if (size > MAX_FILE.kernelFile) throw tooLarge(folder, path, size); // before it is read to its end
    return stampOf(join(folder, path));
  });
  return remembered(cache, digestOf(...stamps), async () => {
    const digests = await inTurns(paths, (path) => digestOfFile(join(folder, path)));
    return digestOf(...paths.flatMap((path, index) => [path, digests[index] ?? '']));
  });
}

function remembered(cache: Cache, stamp: string, make: () => Promise<string>): Promise<string> {
  return cache.text('digest', stamp, make);
}

function tooLarge(folder: string, path: string, size: number) {
  const most = formatBytes(MAX_FILE.kernelFile);
  return userError(
    'E_KERNEL_TREE',
    `${join(folder, path)} has ${formatBytes(size)}; at most ${most} are read`,
  );
}

async function stampOf(path: string): Promise<string> {
  const { size, mtimeMs, ctimeMs, ino, dev } = await stat(path);
  return [path, size, mtimeMs, ctimeMs, ino, dev].join('\0');
}

/** Changes when a file below one of the paths appears, goes or is written; a path that is not there counts as empty. */
export async function stampOfFolders(paths: readonly string[]): Promise<string> {
  const stamps: string[] = [];
  for (const path of paths) {
    const below = await readdir(path, { recursive: true }).catch(() => []);
    const files = [path, ...below.sort().map((name) => join(path, name))];
    stamps.push(...(await inTurns(files, (file) => stampOf(file).catch(() => ''))));
  }
  return digestOf(...stamps);
}

/** Thousands of files: sixteen at a time keep the disk busy and the descriptors few. */
async function inTurns<T>(paths: readonly string[], make: (path: string) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < paths.length; at += 16)
    results.push(...(await Promise.all(paths.slice(at, at + 16).map(make))));
  return results;
}
