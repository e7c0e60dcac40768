import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { type ByteSource, bufferSource, fileSource } from '../elf.js';
import { userError } from '../errors.js';
import { HEADER_BYTES, MAX_NAME_BYTES, MODE, padding, parseHeader, TRAILER } from './newc.js';

/** One record as it stands in an archive. */
export interface ArchivedEntry {
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'other';
  /** Permissions, without the type: 0o755. */
  mode: number;
  inode: number;
  /** More than 1 for a file with several names; those names share `inode`, and only one of them has the data. */
  links: number;
  mtime: number;
  bytes: number;
  /** `sha256:...` of the record's data. */
  digest: string;
  /** Where the data starts in the file. */
  offset: number;
  /** Of a symlink. */
  target: string | null;
  /** Of a device. */
  major: number;
  minor: number;
  /** Which archive of the row it stands in, from 0. */
  archive: number;
}

const CHUNK_BYTES = 1 << 20;

/**
 * Reads a newc archive, or a row of them with NULs between, by the kernel's rules: what init/initramfs.c would not
 * take is an error here. Memory does not grow with the files' sizes.
 * @param from a path, or the bytes themselves
 * @throws BootgateError blame `user`, E_CPIO with the byte offset.
 */
export function readCpio(from: string | Uint8Array): ArchivedEntry[] {
  if (typeof from !== 'string') return readRow(bufferSource(from, 'the archive'));
  const fd = openSync(from, 'r');
  try {
    return readRow(fileSource(fd, from));
  } finally {
    closeSync(fd);
  }
}

function readRow(source: ByteSource): ArchivedEntry[] {
  const entries: ArchivedEntry[] = [];
  let at = 0;
  for (let archive = 0; ; archive++) {
    at = skipNuls(source, at);
    if (at === source.size) return entries;
    // The kernel looks for cpio at multiples of 4 only; anywhere else it would try a decompressor and give up.
    if (at % 4 !== 0) throw bad(source, at, 'an archive starts at an offset that is not a multiple of 4');
    at = readArchive(source, at, archive, entries);
  }
}

/** Returns the offset after the trailer. */
function readArchive(source: ByteSource, start: number, archive: number, entries: ArchivedEntry[]): number {
  for (let at = start; ; ) {
    const header = parseHeader(latin1(take(source, at, HEADER_BYTES)));
    if (!header) throw bad(source, at, 'no newc header');
    const { nameBytes, bytes } = header;
    if (nameBytes < 2 || nameBytes > MAX_NAME_BYTES) throw bad(source, at, `a name of ${nameBytes} bytes`);
    const name = take(source, at + HEADER_BYTES, nameBytes);
    if (name.indexOf(0) !== nameBytes - 1) throw bad(source, at, 'a name that does not end at its NUL');
    const path = Buffer.from(name.subarray(0, -1)).toString('utf8');
    const offset = aligned(at + HEADER_BYTES + nameBytes);
    if (path === TRAILER) return offset;
    if (offset + bytes > source.size) throw bad(source, at, `${path} is cut short`);
    const type = typeOf(header.mode);
    entries.push({
      path,
      type,
      mode: header.mode & 0o7777,
      inode: header.inode,
      links: header.links,
      mtime: header.mtime,
      bytes,
      digest: digest(source, offset, bytes),
      offset,
      target: type === 'symlink' ? Buffer.from(take(source, offset, bytes)).toString('utf8') : null,
      major: header.major,
      minor: header.minor,
      archive,
    });
    at = aligned(offset + bytes);
  }
}

const types = new Map<number, ArchivedEntry['type']>([
  [MODE.file, 'file'],
  [MODE.directory, 'directory'],
  [MODE.symlink, 'symlink'],
  [MODE.char, 'char'],
  [MODE.block, 'block'],
]);

function typeOf(mode: number): ArchivedEntry['type'] {
  return types.get(mode & MODE.format) ?? 'other';
}

function digest(source: ByteSource, offset: number, bytes: number): string {
  const hash = createHash('sha256');
  for (let done = 0; done < bytes; done += CHUNK_BYTES)
    hash.update(source.read(offset + done, Math.min(CHUNK_BYTES, bytes - done)));
  return `sha256:${hash.digest('hex')}`;
}

function skipNuls(source: ByteSource, from: number): number {
  for (let at = from; at < source.size; at += CHUNK_BYTES) {
    const chunk = source.read(at, Math.min(CHUNK_BYTES, source.size - at));
    const found = chunk.findIndex((byte) => byte !== 0);
    if (found >= 0) return at + found;
  }
  return source.size;
}

function take(source: ByteSource, offset: number, length: number): Uint8Array {
  if (offset + length > source.size) throw bad(source, offset, 'it ends in the middle of a record');
  return source.read(offset, length);
}

function aligned(offset: number): number {
  return offset + padding(offset, 4);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function bad(source: ByteSource, offset: number, what: string) {
  return userError(
    'E_CPIO',
    `${source.name} is not a cpio archive that the kernel accepts: at byte ${offset}, ${what}`,
  );
}
