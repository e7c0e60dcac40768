/**
 * The newc record, as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst): the magic,
 * thirteen fields of eight hexadecimal digits, the name with its NUL padded to four bytes, the data padded to four.
 */

export const NEWC_MAGIC = '070701';
export const HEADER_BYTES = 110;
/** Ends an archive. The kernel also forgets its table of hard links here, so inode numbers may start over. */
export const TRAILER = 'TRAILER!!!';
/** An archive ends on this boundary: the kernel takes a next one only at a multiple of 4, and 512 is what cpio does. */
export const ARCHIVE_ALIGN = 512;
/** Sizes are eight hexadecimal digits. */
export const MAX_FILE_BYTES = 0xffff_ffff;
/** PATH_MAX with its NUL: init/initramfs.c silently skips an entry with a longer name. */
export const MAX_NAME_BYTES = 4096;

export const MODE = {
  format: 0o170000,
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  char: 0o020000,
  block: 0o060000,
} as const;

/** The fields that differ; uid, gid, the archive's own device and the checksum are always 0. */
export interface NewcHeader {
  inode: number;
  mode: number;
  links: number;
  mtime: number;
  bytes: number;
  major: number;
  minor: number;
  /** With the NUL. */
  nameBytes: number;
}

/** How many NULs bring `offset` to a multiple of `to`. */
export function padding(offset: number, to: number): number {
  return (to - (offset % to)) % to;
}

export function formatHeader(header: NewcHeader): string {
  const { inode, mode, links, mtime, bytes, major, minor, nameBytes } = header;
  const fields = [inode, mode, 0, 0, links, mtime, bytes, 0, 0, major, minor, nameBytes, 0];
  return NEWC_MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
}

/** The header that `text` (110 characters) holds, or null when it is none. */
export function parseHeader(text: string): NewcHeader | null {
  if (!/^07070[12][0-9a-fA-F]{104}$/.test(text)) return null;
  const field = (index: number) => Number.parseInt(text.slice(6 + index * 8, 14 + index * 8), 16);
  return {
    inode: field(0),
    mode: field(1),
    links: field(4),
    mtime: field(5),
    bytes: field(6),
    major: field(9),
    minor: field(10),
    nameBytes: field(11),
  };
}

/** How many bytes of an archive lie before the record that ends it: what another archive may follow on, to make one of both. */
export function lengthWithoutTrailer(archive: Buffer): number {
  const name = archive.lastIndexOf(`${TRAILER}\0`);
  const header = name - HEADER_BYTES;
  if (header < 0 || !parseHeader(archive.toString('latin1', header, name)))
    throw new Error('an archive without an end');
  return header;
}
