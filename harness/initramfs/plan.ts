import { type Problem, userError } from '../errors.js';
import type { Entry } from './initramfs.js';
import { MAX_FILE_BYTES, MAX_NAME_BYTES, MODE, TRAILER } from './newc.js';

/** One record to write: an entry with its number, or a folder that an entry lies in. */
export interface PlannedRecord {
  path: string;
  mode: number;
  inode: number;
  links: number;
  /** What follows the header: nothing for every name of a hard-linked file but the last. */
  content: { data: Uint8Array } | { source: string; bytes: number } | null;
  major: number;
  minor: number;
}

/** What a record must read back as. */
export interface WrittenRecord extends PlannedRecord {
  bytes: number;
  /** `sha256:...` of the bytes that were written for it. */
  digest: string;
}

/**
 * Puts entries into the order in which they are written: sorted by path, each folder before what lies in it, folders
 * made where nobody listed them. The names of one hard-linked file share an inode number, and the last one carries the
 * data, as cpio has it.
 * @throws BootgateError blame `user`, E_ARCHIVE_ENTRY: every entry that cannot be written, at once.
 */
export function planArchive(entries: readonly Entry[]): PlannedRecord[] {
  const problems: Problem[] = [];
  const complain = (entry: Entry, why: string) =>
    problems.push({ message: `${JSON.stringify(entry.path)} ${why}` });

  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    const wrong = badPath(entry.path) ?? badContent(entry);
    if (wrong) complain(entry, wrong);
    else if (byPath.has(entry.path)) complain(entry, 'appears twice');
    else byPath.set(entry.path, entry);
  }
  for (const entry of [...byPath.values()]) {
    for (let cut = entry.path.lastIndexOf('/'); cut > 0; cut = entry.path.lastIndexOf('/', cut - 1)) {
      const folder = entry.path.slice(0, cut);
      const there = byPath.get(folder);
      if (there && there.type !== 'directory') complain(entry, `lies below ${folder}, which is not a folder`);
      if (there) break;
      byPath.set(folder, { path: folder, type: 'directory' });
    }
    if (entry.type === 'hardlink' && byPath.get(entry.target)?.type !== 'file')
      complain(entry, `links to ${JSON.stringify(entry.target)}, which is not a file of this archive`);
  }
  if (problems.length > 0)
    throw userError('E_ARCHIVE_ENTRY', 'the archive cannot be written as listed', { problems });

  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  return number(sorted, byPath);
}

/** A parent's path is a prefix of its children's, so sorting by path has already put it first. */
function number(sorted: readonly Entry[], byPath: ReadonlyMap<string, Entry>): PlannedRecord[] {
  const groups = new Map<string, { count: number; inode: number }>();
  const groupOf = (entry: Entry) => (entry.type === 'hardlink' ? entry.target : entry.path);
  let inode = 0;
  for (const entry of sorted) {
    const group = groups.get(groupOf(entry));
    if (group) group.count++;
    else groups.set(groupOf(entry), { count: 1, inode: ++inode });
  }
  const left = new Map([...groups].map(([path, group]) => [path, group.count]));
  return sorted.map((entry): PlannedRecord => {
    const key = groupOf(entry);
    const { count, inode } = groups.get(key) ?? { count: 1, inode: 0 };
    const record = { path: entry.path, inode, links: count, content: null, major: 0, minor: 0 };
    const remaining = (left.get(key) ?? 1) - 1;
    left.set(key, remaining);
    switch (entry.type) {
      case 'directory':
        return { ...record, mode: MODE.directory | (entry.mode ?? 0o755), links: 2 };
      case 'symlink':
        return { ...record, mode: MODE.symlink | 0o777, content: { data: Buffer.from(entry.target) } };
      case 'device':
        return {
          ...record,
          mode: MODE[entry.kind] | (entry.mode ?? 0o600),
          major: entry.major,
          minor: entry.minor,
        };
      default: {
        const file = byPath.get(key) as Entry & { type: 'file' };
        const content = 'data' in file ? { data: file.data } : { source: file.source, bytes: file.bytes };
        const mode = MODE.file | (file.mode ?? 0o644);
        return { ...record, mode, content: remaining === 0 ? content : null };
      }
    }
  });
}

function badPath(path: string): string | null {
  if (path === '') return 'is not a path';
  if (path.startsWith('/')) return 'must not start with a slash';
  if (path.includes('\0')) return 'holds a NUL';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return 'has an empty, "." or ".." part';
  if (path === TRAILER) return 'is the name that ends an archive';
  if (Buffer.from(path).toString() !== path) return 'is not well-formed Unicode';
  if (Buffer.byteLength(path) >= MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES - 1} bytes`;
  return null;
}

function badContent(entry: Entry): string | null {
  if ('mode' in entry && entry.mode !== undefined && (entry.mode & ~0o7777) !== 0)
    return `has mode ${entry.mode.toString(8)}, which is past 7777`;
  if (entry.type === 'file') {
    const bytes = 'data' in entry ? entry.data.length : entry.bytes;
    if (!Number.isSafeInteger(bytes) || bytes < 0) return `has no size: ${bytes}`;
    if (bytes > MAX_FILE_BYTES) return 'is larger than 4 GiB less one byte, the most that cpio can hold';
  }
  if (entry.type === 'symlink') {
    const bytes = Buffer.byteLength(entry.target);
    if (bytes === 0 || bytes >= MAX_NAME_BYTES || entry.target.includes('\0'))
      return `has a target that is empty, holds a NUL, or is longer than ${MAX_NAME_BYTES - 1} bytes`;
  }
  if (entry.type === 'device' && ![entry.major, entry.minor].every((id) => id >= 0 && id <= 0xffff_ffff))
    return `has device number ${entry.major}:${entry.minor}`;
  return null;
}
