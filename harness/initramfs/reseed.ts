import { type Architecture, architectureOf } from '../arch/index.js';
import type { Entry } from './initramfs.js';

/** Where the program lies and is mapped: the first megabytes of an address space are not all a program's (mmap_min_addr). */
const BASE = 0x400000;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;

/**
 * /bootgate/reseed: has the kernel make new random numbers at once (ioctl RNDRESEEDCRNG), which no program of the userland can.
 * Clones of a template would share theirs otherwise. An ELF file of one segment around the architecture's code; nothing where
 * it has none.
 */
export function reseedProgram(arch: Architecture): Entry[] {
  const { elf, boot } = architectureOf(arch);
  if (!boot?.fork || elf.class !== 64 || !elf.littleEndian) return [];
  const code = Buffer.from(boot.fork.reseed, 'hex');
  const start = HEADER_BYTES + SEGMENT_BYTES;
  const file = Buffer.alloc(start + code.length);
  // elf(5): identification, ET_EXEC, machine, version, entry, program headers behind this header.
  file.write('7f454c46020101', 0, 'hex');
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(elf.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + start), 24);
  file.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  file.writeUInt16LE(HEADER_BYTES, 52);
  file.writeUInt16LE(SEGMENT_BYTES, 54);
  file.writeUInt16LE(1, 56);
  // PT_LOAD, readable and executable, all of the file.
  file.writeUInt32LE(1, HEADER_BYTES);
  file.writeUInt32LE(5, HEADER_BYTES + 4);
  file.writeBigUInt64LE(BigInt(BASE), HEADER_BYTES + 16);
  file.writeBigUInt64LE(BigInt(BASE), HEADER_BYTES + 24);
  file.writeBigUInt64LE(BigInt(file.length), HEADER_BYTES + 32);
  file.writeBigUInt64LE(BigInt(file.length), HEADER_BYTES + 40);
  file.writeBigUInt64LE(0x1000n, HEADER_BYTES + 48);
  code.copy(file, start);
  return [{ path: 'bootgate/reseed', type: 'file', mode: 0o755, data: file }];
}
