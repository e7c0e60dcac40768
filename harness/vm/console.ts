/** A UART's bytes, bounded in memory and on disk. */

const HEAD_BYTES = 256 * 1024;
const TAIL_BYTES = 1024 * 1024;

/** Keeps the first and the last bytes of an endless stream. */
export class CappedBuffer {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  /** Everything that ever came in. */
  total = 0;

  constructor(headLimit = HEAD_BYTES, tailLimit = TAIL_BYTES) {
    this.#headLimit = headLimit;
    this.#tailLimit = tailLimit;
  }

  /** True once bytes had to be thrown away. */
  get cut(): boolean {
    return this.total > this.#headLimit + this.#tailLimit;
  }

  push(bytes: Uint8Array): void {
    this.total += bytes.length;
    const forHead = bytes.subarray(0, this.#headLimit - this.#headBytes);
    if (forHead.length > 0) {
      this.#head.push(Buffer.from(forHead));
      this.#headBytes += forHead.length;
    }
    if (forHead.length === bytes.length) return;
    this.#tail.push(Buffer.from(bytes.subarray(forHead.length)));
    this.#tailBytes += bytes.length - forHead.length;
    // Joined only when twice the limit has gathered, so that many small pieces cost no more than a few large ones.
    if (this.#tailBytes > 2 * this.#tailLimit) this.#joinTail();
  }

  /** The head, a line that says how much is missing, the tail. */
  toBuffer(): Buffer {
    this.#joinTail();
    const missing = this.total - this.#headBytes - this.#tailBytes;
    const mark = missing > 0 ? [Buffer.from(`\n[bootgate: ${missing} bytes left out]\n`)] : [];
    return Buffer.concat([...this.#head, ...mark, ...this.#tail]);
  }

  #joinTail(): void {
    const joined = Buffer.concat(this.#tail);
    const kept = joined.subarray(Math.max(0, joined.length - this.#tailLimit));
    // A copy, lest a small view keep the large buffer alive.
    this.#tail = [Buffer.from(kept)];
    this.#tailBytes = kept.length;
  }
}
