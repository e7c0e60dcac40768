import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { CappedBuffer } from './console.js';

const CHUNK = 64 * 1024;

/**
 * Follows the file that QEMU writes a UART into. QEMU writes byte by byte (hw/char/serial.c), so a socket would wake
 * us for each of them and lose some when we are late; a file costs nothing until it is read, loses nothing when
 * QEMU ends, and a person can `tail -f` it.
 */
export class Follower {
  readonly #path: string;
  readonly #fd: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK);
  #at = 0;
  readonly kept = new CappedBuffer();

  /** Makes the file, with what was said `before` in it. */
  constructor(path: string, before?: Uint8Array) {
    this.#path = path;
    this.#fd = openSync(path, 'w+');
    if (before) writeSync(this.#fd, before);
  }

  /** What has been written since the last time, at most 1 MiB at once; null when nothing. */
  read(): Uint8Array | null {
    const pieces: Buffer[] = [];
    for (let number = 0; number < 16; number++) {
      const bytes = readSync(this.#fd, this.#chunk, 0, CHUNK, this.#at);
      if (bytes === 0) break;
      this.#at += bytes;
      pieces.push(Buffer.from(this.#chunk.subarray(0, bytes)));
      if (bytes < CHUNK) break;
    }
    if (pieces.length === 0) return null;
    const joined = Buffer.concat(pieces);
    this.kept.push(joined);
    return joined;
  }

  /** Once QEMU is gone: a file that has grown past the cap is replaced by what was kept. */
  async close(): Promise<Buffer> {
    while (this.read());
    closeSync(this.#fd);
    const buffer = this.kept.toBuffer();
    if (this.kept.cut) await writeFile(this.#path, buffer);
    return buffer;
  }
}
