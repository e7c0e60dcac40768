import { fstatSync, readSync } from 'node:fs';
import { userError } from './errors.js';

/** Bytes that are read a piece at a time, so that a vmlinux of 60 MB is not held whole. */
export interface ByteSource {
  /** What to call it in an error: a path as a rule. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`; callers stay within `size`. */
  read(offset: number, length: number): Uint8Array;
}

export function bufferSource(bytes: Uint8Array, name = 'the file'): ByteSource {
  return { name, size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Reads from an open file; the caller closes it. */
export function fileSource(fd: number, name = 'the file'): ByteSource {
  const { size } = fstatSync(fd);
  return {
    name,
    size,
    read(offset, length) {
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const got = readSync(fd, bytes, done, length - done, offset + done);
        if (got === 0) throw userError('E_FILE_CHANGED', `${name} became shorter while it was read`);
        done += got;
      }
      return bytes;
    },
  };
}

/** Numbers out of bytes, in the width and byte order of one ELF file. */
export class ElfView {
  readonly bytes: Uint8Array;
  readonly #data: DataView;
  readonly #wide: boolean;
  readonly #little: boolean;
  readonly #tooBig: () => Error;

  /** `tooBig` makes the error for a size or offset that no file can have. */
  constructor(bytes: Uint8Array, wide: boolean, littleEndian: boolean, tooBig: () => Error) {
    this.bytes = bytes;
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#wide = wide;
    this.#little = littleEndian;
    this.#tooBig = tooBig;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    return this.#data.getUint8(at);
  }

  u16(at: number): number {
    return this.#data.getUint16(at, this.#little);
  }

  u32(at: number): number {
    return this.#data.getUint32(at, this.#little);
  }

  /** An offset or size: 4 bytes in a 32 bit file, 8 in a 64 bit one. */
  word(at: number): number {
    if (!this.#wide) return this.u32(at);
    const [low, high] = this.#little ? [at, at + 4] : [at + 4, at];
    const value = this.u32(high) * 2 ** 32 + this.u32(low);
    if (!Number.isSafeInteger(value)) throw this.#tooBig();
    return value;
  }

  /** The same for an address, which may use all 64 bits. */
  wordBig(at: number): bigint {
    return this.#wide ? this.#data.getBigUint64(at, this.#little) : BigInt(this.u32(at));
  }
}
