import type { ArchitectureTable } from '../arch/index.js';

/** The library cache that ldconfig writes, in the format of glibc's dl-cache.h ("glibc-ld.so.cache1.1"). */

const MAGIC = Buffer.from('glibc-ld.so.cache1.1');
const OLD_MAGIC = Buffer.from('ld.so-1.7.0');
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;

/**
 * Soname -> absolute path, for one architecture; empty where the cache is of another kind. Numbers have its byte order. Libraries for
 * better processors (glibc-hwcaps) do not count: the guest's processor may be a lesser one.
 */
export function parseLdCache(
  bytes: Uint8Array,
  { elf, libraries }: Pick<ArchitectureTable, 'elf' | 'libraries'>,
): Map<string, string> {
  const found = new Map<string, string>();
  const { littleEndian } = elf;
  const cache = newFormat(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), littleEndian);
  if (!cache || cache.length < HEADER_BYTES) return found;
  const view = new DataView(cache.buffer, cache.byteOffset, cache.length);
  const number = (offset: number) => view.getUint32(offset, littleEndian);
  const count = Math.min(number(20), Math.floor((cache.length - HEADER_BYTES) / ENTRY_BYTES));
  for (let index = 0; index < count; index++) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const hwcap = view.getBigUint64(at + 16, littleEndian);
    if (number(at) !== libraries.cacheFlags || hwcap !== 0n) continue;
    const name = text(cache, number(at + 4));
    const path = text(cache, number(at + 8));
    if (name && path?.startsWith('/') && !found.has(name)) found.set(name, path);
  }
  return found;
}

/** ldconfig may put the old format in front: a header of 12 bytes, a count, 12 bytes each, then padding to 8. */
function newFormat(cache: Buffer, littleEndian: boolean): Buffer | null {
  if (cache.subarray(0, MAGIC.length).equals(MAGIC)) return cache;
  if (!cache.subarray(0, OLD_MAGIC.length).equals(OLD_MAGIC) || cache.length < 16) return null;
  const end = 16 + (littleEndian ? cache.readUInt32LE(12) : cache.readUInt32BE(12)) * 12;
  const rest = cache.subarray(Math.ceil(end / 8) * 8);
  return rest.subarray(0, MAGIC.length).equals(MAGIC) ? rest : null;
}

/** Strings are counted from the new format's header. */
function text(cache: Buffer, offset: number): string | null {
  const end = offset < cache.length ? cache.indexOf(0, offset) : -1;
  return end < 0 ? null : cache.toString('utf8', offset, end);
}
