import { hostError } from '../errors.js';
import { type ArchivedEntry, readCpio } from './cpio-read.js';
import { MODE } from './newc.js';
import type { WrittenRecord } from './plan.js';

/**
 * Reads an archive back and compares it with what was meant to be written: names, order, types, modes, sizes, links,
 * and the digest of every file.
 * @throws BootgateError blame `host`, E_ARCHIVE_CHECK, with the first difference.
 */
export function checkArchive(path: string, meant: readonly WrittenRecord[], mtime: number): void {
  const found = readCpio(path);
  for (let index = 0; index < Math.max(meant.length, found.length); index++) {
    const [want, have] = [meant[index], found[index]];
    if (want && have && describeWritten(want, mtime) === describeFound(have)) continue;
    const name = want?.path ?? have?.path;
    throw hostError('E_ARCHIVE_CHECK', `${path} differs from what was written, from ${name} on`, {
      hint: 'the disk may be full or failing; free some space and try again',
    });
  }
}

function describeWritten(record: WrittenRecord, mtime: number): string {
  const { path, mode, inode, links, bytes, digest, major, minor } = record;
  return JSON.stringify([path, mode, inode, links, mtime, bytes, digest, major, minor]);
}

function describeFound(entry: ArchivedEntry): string {
  const { path, type, inode, links, mtime, bytes, digest, major, minor } = entry;
  const format = type === 'other' ? 0 : MODE[type];
  return JSON.stringify([path, format | entry.mode, inode, links, mtime, bytes, digest, major, minor]);
}
