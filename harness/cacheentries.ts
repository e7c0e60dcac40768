import { lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeScratch } from './scratch.js';
import { checkSeal, openSealedText, readSeal } from './seal.js';

/** One entry of the cache: see cache.ts for where it lies. */
export interface CacheEntry {
  kind: string;
  path: string;
  /** What removing it gives back, hard links counted once each. */
  bytes: number;
  /** When it was last read, as far as the file system keeps that (relatime: to a day), or written. */
  usedMs: number;
}

const HEX = /^[0-9a-f]+$/;

/** Every entry below a cache's root; empty where there is no cache. Other files there are none of ours and are left out. */
export async function entriesOf(root: string, only?: string): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  const inodes = new Set<string>();
  for (const kind of await namesIn(root)) {
    if (kind === 'tmp' || (only !== undefined && kind !== only)) continue;
    for (const two of await namesIn(join(root, kind))) {
      if (two.length !== 2 || !HEX.test(two)) continue;
      for (const rest of await namesIn(join(root, kind, two))) {
        if (rest.length !== 62 || !HEX.test(rest)) continue;
        const path = join(root, kind, two, rest);
        entries.push({ kind, path, ...(await weigh(path, inodes)) });
      }
    }
  }
  return entries;
}

/**
 * Removes what was not used for `days`, then the longest unused until what is left has at most `size` bytes. An entry goes in one
 * rename, so that no other process sees half of one; a run that is under way may have to make one again.
 */
export async function pruneEntries(
  root: string,
  { days, size, kind, now = Date.now() }: { days?: number; size?: number; kind?: string; now?: number },
): Promise<{ entries: number; bytes: number }> {
  const entries = (await entriesOf(root, kind)).sort((a, b) => a.usedMs - b.usedMs);
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const removed = { entries: 0, bytes: 0 };
  for (const { path, bytes, usedMs } of entries) {
    const isOld = days !== undefined && now - usedMs > days * 86_400_000;
    const isTooMuch = size !== undefined && (left > size || size === 0);
    if (!isOld && !isTooMuch) continue;
    await removeEntry(root, path);
    left -= bytes;
    removed.entries++;
    removed.bytes += bytes;
  }
  return removed;
}

/** Reads every byte of every entry; one that is not what its seal says is removed: the next run makes it again. */
export async function verifyEntries(
  root: string,
): Promise<{ checked: number; damaged: { path: string; why: string }[] }> {
  const damaged: { path: string; why: string }[] = [];
  const entries = await entriesOf(root);
  for (const { path } of entries) {
    const why = await damageOf(path);
    if (why === null) continue;
    damaged.push({ path, why });
    await removeEntry(root, path);
  }
  return { checked: entries.length, damaged };
}

async function damageOf(path: string): Promise<string | null> {
  if ((await lstat(path)).isFile())
    return openSealedText(await readFile(path, 'utf8')) === null
      ? 'its text differs from what was written'
      : null;
  const light = readSeal(join(path, 'seal'));
  if (light === null) return 'its seal is damaged or missing';
  const bulk = (await namesIn(path)).includes('seal.bulk') ? readSeal(join(path, 'seal.bulk')) : undefined;
  if (bulk === null) return 'its seal is damaged or missing';
  const seal = bulk ? { ...light, files: [...light.files, ...bulk.files] } : light;
  return (await checkSeal(join(path, 'content'), seal, 'bytes')).damage;
}

async function removeEntry(root: string, path: string): Promise<void> {
  const scratch = await makeScratch(join(root, 'tmp'));
  await rename(path, join(scratch, 'gone')).catch(() => undefined);
  await rm(scratch, { recursive: true, force: true });
}

async function weigh(path: string, inodes: Set<string>): Promise<{ bytes: number; usedMs: number }> {
  const { size, blocks, ino, dev, atimeMs, mtimeMs, nlink, ...stats } = await lstat(path);
  const own = `${dev} ${ino}`;
  const isCounted = nlink > 1 && inodes.has(own);
  inodes.add(own);
  // Window images are sparse: what counts is what they take on the disk.
  const sum = { bytes: isCounted ? 0 : Math.min(blocks * 512, Math.max(size, 4096)), usedMs: mtimeMs };
  if ((stats.mode & 0o170000) !== 0o040000) return { ...sum, usedMs: Math.max(atimeMs, mtimeMs) };
  for (const name of await namesIn(path)) {
    const { bytes, usedMs } = await weigh(join(path, name), inodes);
    sum.bytes += bytes;
    // The seal is read on every use; the times of the content are those of the package.
    if (name.startsWith('seal')) sum.usedMs = Math.max(sum.usedMs, usedMs);
  }
  return sum;
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
