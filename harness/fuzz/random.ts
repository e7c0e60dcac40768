import { createHash } from 'node:crypto';

/** Numbers that only depend on a seed (xorshift32): every input can be made again from its seed and number. */
export class Random {
  #state: number;

  constructor(...seeds: (string | number)[]) {
    this.#state = createHash('sha256').update(seeds.join('\0')).digest().readUInt32LE(0) | 1;
  }

  /** A whole number from 0 up to, but without, `limit`. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return limit > 0 ? (state >>> 0) % limit : 0;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }
}
