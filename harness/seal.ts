import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { bootId } from './scratch.js';

/** What one file of a cache entry was when it was made, or where a symbolic link led. */
type SealedFile =
  | { path: string; bytes: number; digest: string; mtimeMs: number; inode: number }
  | { path: string; target: string };

/**
 * What a cache entry must still be when it is used. Size, time and inode are compared each time; the bytes themselves when
 * one of those has changed, and where a caller asks for it.
 */
export interface Seal {
  version: 2;
  /** Null when every file was synced; else the boot in which the entry was made: after a crash of the machine, blocks may be lost. */
  boot: string | null;
  files: SealedFile[];
}

/** Each fsync may wait for the disk: a tree of thousands of files is left to the kernel, and its bytes are read again after a reboot. */
const MOST_SYNCED = 64;
/** Longer than a tick of any kernel's clock: a file that is written within it after being hashed would keep its time. */
const CLOCK_TICK_MS = 25;

/**
 * How much of an entry is compared: `light` all but its bulk, by stamps (a tree of thousands of modules takes 30 ms, and most
 * commands read none of them); `stamps` all files, and that there are no others; `bytes` the bytes of all files.
 */
export type Depth = 'light' | 'stamps' | 'bytes';

/** Seals what lies at `path`, a file or a folder: reads all of it, and syncs it where it is few files. */
export async function sealOf(path: string): Promise<Seal> {
  const stats = walk(path);
  const newest = Math.max(0, ...[...stats.values()].map((one) => one.mtimeMs));
  const wait = newest + CLOCK_TICK_MS - Date.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, CLOCK_TICK_MS)));
  const synced = stats.size <= MOST_SYNCED;
  const files: SealedFile[] = [];
  for (const [name, found] of stats) {
    const file = name ? join(path, name) : path;
    if (found.isSymbolicLink()) files.push({ path: name, target: readlinkSync(file) });
    else files.push({ path: name, digest: await hashFile(file), ...stampOf(found) });
    if (synced && found.isFile()) await sync(file);
  }
  return { version: 2, boot: synced ? null : bootId(), files };
}

/** The result of a check: why an entry can no longer be used, or the seal with new stamps where only those had changed. */
export type Checked = { damage: string } | { damage: null; restamped: Seal | null };

/** The part of a seal that is about the files which fit, or about the others. */
export function partOf(seal: Seal, bulk: RegExp, fits: boolean): Seal {
  return { ...seal, files: seal.files.filter((file) => bulk.test(file.path) === fits) };
}

/**
 * Compares what lies at `path` with its seal, or with a part of it (`light`).
 * @throws the system's error when a file may not be read.
 */
export async function checkSeal(path: string, seal: Seal, depth: Depth): Promise<Checked> {
  try {
    return await compare(path, seal, depth);
  } catch (error) {
    // Also while it is looked at: another process may be replacing it.
    if (!isGone(error)) throw error;
    return { damage: 'its files are gone' };
  }
}

async function compare(path: string, seal: Seal, depth: Depth): Promise<Checked> {
  const stats = depth === 'light' ? statsOf(path, seal) : walk(path);
  const rebooted = seal.boot !== null && seal.boot !== bootId();
  let changed = rebooted;
  const files: SealedFile[] = [];
  for (const sealed of seal.files) {
    const found = stats.get(sealed.path);
    stats.delete(sealed.path);
    const name = sealed.path || 'its file';
    if (!found) return { damage: `${name} is gone` };
    const file = sealed.path ? join(path, sealed.path) : path;
    if ('target' in sealed) {
      if (!found.isSymbolicLink() || readlinkSync(file) !== sealed.target)
        return { damage: `${name} points elsewhere` };
      files.push(sealed);
      continue;
    }
    if (!found.isFile()) return { damage: `${name} is not a file any more` };
    if (found.size !== sealed.bytes)
      return { damage: `${name} has ${found.size} bytes instead of ${sealed.bytes}` };
    const stamp = stampOf(found);
    const moved = stamp.mtimeMs !== sealed.mtimeMs || stamp.inode !== sealed.inode;
    if ((depth === 'bytes' || moved || rebooted) && (await hashFile(file)) !== sealed.digest)
      return { damage: `${name} has different contents` };
    changed ||= moved;
    files.push({ ...sealed, ...stamp });
  }
  const [extra] = stats.keys();
  if (extra !== undefined) return { damage: `${extra || 'its file'} does not belong to it` };
  const boot = seal.boot === null ? null : bootId();
  return { damage: null, restamped: changed ? { version: 2, boot, files } : null };
}

/** A seal as text, with its own digest in front: a seal may be damaged as well. */
export function writeSeal(seal: Seal): string {
  return sealText(JSON.stringify(seal));
}

/** Null for what is no seal, or a damaged one. */
export function readSeal(path: string): Seal | null {
  const text = readSealedText(path);
  if (text === null) return null;
  const seal = JSON.parse(text) as Seal;
  return seal.version === 2 ? seal : null;
}

/** `DIGEST\nTEXT` */
export function sealText(text: string): string {
  return `${createHash('sha256').update(text).digest('hex')}\n${text}`;
}

/** The text behind the digest; null when it is not what was written. Undefined behaviour of the disk is caught here. */
export function openSealedText(sealed: string): string | null {
  const text = sealed.slice(65);
  return sealed.startsWith(`${createHash('sha256').update(text).digest('hex')}\n`) ? text : null;
}

/** @throws the system's error, but for a file that is gone or was replaced by something else: that is null. */
function readSealedText(path: string): string | null {
  try {
    return openSealedText(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** Whether a path is not there, or is something else than it was. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function statsOf(path: string, seal: Seal): Map<string, Stats> {
  const found = new Map<string, Stats>();
  for (const file of seal.files) {
    const stats = lstatSync(file.path ? join(path, file.path) : path, { throwIfNoEntry: false });
    if (stats) found.set(file.path, stats);
  }
  return found;
}

/** Files and symbolic links at or below a path, by relative path; '' for the path itself. */
function walk(path: string): Map<string, Stats> {
  const found = new Map<string, Stats>();
  const look = (relative: string) => {
    const at = relative ? `${path}/${relative}` : path;
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const below = relative ? `${relative}/${entry.name}` : entry.name;
      if (entry.isDirectory()) look(below);
      else found.set(below, lstatSync(`${path}/${below}`));
    }
  };
  const top = lstatSync(path);
  if (top.isDirectory()) look('');
  else found.set('', top);
  return found;
}

function stampOf({ size, mtimeMs, ino }: Stats) {
  return { bytes: size, mtimeMs, inode: ino };
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** A file or folder to the disk, where its file system can do that. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } catch {
    // Some file systems cannot sync a folder: what is lost then is found by the seal.
  } finally {
    await file.close();
  }
}
