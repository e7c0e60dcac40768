import { ELF_MACHINE } from '../elf.js';

/** The library cache that ldconfig writes, in the format of glibc's dl-cache.h ("glibc-ld.so.cache1.1"). */

const MAGIC = Buffer.from('glibc-ld.so.cache1.1');
const OLD_MAGIC = Buffer.from('ld.so-1.7.0');
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;

/** The flags of an entry: FLAG_ELF_LIBC6 (3) and the architecture's own, e.g. FLAG_X8664_LIB64. */
const FLAGS = new Map<number, number>([
  [ELF_MACHINE.x86_64, 0x0303],
  [ELF_MACHINE.aarch64, 0x0a03],
]);

/**
 * Soname -> absolute path, for one architecture (e_machine); empty where the cache is of another kind. Libraries for
 * better processors (glibc-hwcaps) do not count: the guest's processor may be a lesser one.
 */
export function parseLdCache(bytes: Uint8Array, machine: number): Map<string, string> {
  const found = new Map<string, string>();
  const cache = newFormat(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  const flags = FLAGS.get(machine);
  if (!cache || flags === undefined || cache.length < HEADER_BYTES) return found;
  const count = Math.min(cache.readUInt32LE(20), Math.floor((cache.length - HEADER_BYTES) / ENTRY_BYTES));
  for (let index = 0; index < count; index++) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const hwcap = cache.readBigUInt64LE(at + 16);
    if (cache.readInt32LE(at) !== flags || hwcap !== 0n) continue;
    const name = text(cache, cache.readUInt32LE(at + 4));
    const path = text(cache, cache.readUInt32LE(at + 8));
    if (name && path?.startsWith('/') && !found.has(name)) found.set(name, path);
  }
  return found;
}

/** ldconfig may put the old format in front: a header of 12 bytes, a count, 12 bytes each, then padding to 8. */
function newFormat(cache: Buffer): Buffer | null {
  if (cache.subarray(0, MAGIC.length).equals(MAGIC)) return cache;
  if (!cache.subarray(0, OLD_MAGIC.length).equals(OLD_MAGIC) || cache.length < 16) return null;
  const end = 16 + cache.readUInt32LE(12) * 12;
  const rest = cache.subarray(Math.ceil(end / 8) * 8);
  return rest.subarray(0, MAGIC.length).equals(MAGIC) ? rest : null;
}

/** Strings are counted from the new format's header. */
function text(cache: Buffer, offset: number): string | null {
  const end = offset < cache.length ? cache.indexOf(0, offset) : -1;
  return end < 0 ? null : cache.toString('utf8', offset, end);
}
