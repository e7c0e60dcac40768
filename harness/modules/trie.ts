import type { IndexRows } from './rows.js';

/** kmod tools/depmod.c: INDEX_MAGIC, INDEX_VERSION, and the flags in the high bits of a node's offset. */
const MAGIC = 0xb007f457;
const VERSION = 0x0002_0001;
const PREFIX = 0x8000_0000;
const VALUES = 0x4000_0000;
const CHILDREN = 0x2000_0000;

/** What a module's number stands for in one index file. */
export interface IndexValues {
  /** ASCII; with a NUL at its end. */
  value(module: number): Uint8Array;
  /** A lower one is answered first. */
  priority(module: number): number;
}

/**
 * Writes one of kmod's index files (modules.alias.bin and the like): a radix tree, children before parents, everything
 * big-endian. Equal to the byte to what depmod's index_write() makes of the same rows.
 * @param picked Numbers of the rows that go in, ascending.
 */
export function writeIndex(rows: IndexRows, picked: readonly number[], values: IndexValues): Buffer {
  return new Writer(rows, picked, values).write();
}

class Writer {
  readonly #keys: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #modules: Uint32Array;
  readonly #picked: readonly number[];
  readonly #values: IndexValues;
  #bytes: Buffer;
  #at = 12;

  constructor(rows: IndexRows, picked: readonly number[], values: IndexValues) {
    this.#keys = rows.keys;
    this.#starts = rows.starts;
    this.#modules = rows.modules;
    this.#picked = picked;
    this.#values = values;
    this.#bytes = Buffer.allocUnsafe(1024 + picked.length * 100); // it grows where that is too little
  }

  write(): Buffer {
    // The root never has a prefix, even when all keys begin alike.
    const root = this.#node(0, this.#picked.length, 0, 0);
    this.#bytes.writeUInt32BE(MAGIC, 0);
    this.#bytes.writeUInt32BE(VERSION, 4);
    this.#bytes.writeUInt32BE(root, 8);
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  /** The node of the rows [from, to), whose keys agree in their first `end` bytes; its prefix is [start, end). */
  #node(from: number, to: number, start: number, end: number): number {
    let next = from;
    while (next < to && this.#length(next) === end) next++;
    const own = next;
    const chars: number[] = [];
    const offsets: number[] = [];
    while (next < to) {
      const char = this.#char(next, end);
      const first = next;
      next = this.#endOf(first, to, end, char);
      chars.push(char);
      offsets.push(this.#node(first, next, end + 1, this.#common(first, next - 1, end + 1)));
    }
    return this.#emit(from, own, start, end, chars, offsets);
  }

  #emit(from: number, to: number, start: number, end: number, chars: number[], offsets: number[]): number {
    let offset = this.#at;
    if (end > start) {
      this.#room(end - start + 1);
      const key = this.#start(from);
      for (let at = start; at < end; at++) this.#bytes[this.#at++] = this.#keys[key + at] as number;
      this.#bytes[this.#at++] = 0;
      offset += PREFIX;
    }
    if (chars.length > 0) {
      const first = chars[0] as number;
      const last = chars[chars.length - 1] as number;
      const span = (last - first + 1) * 4;
      this.#room(2 + span);
      this.#bytes[this.#at++] = first;
      this.#bytes[this.#at++] = last;
      this.#bytes.fill(0, this.#at, this.#at + span);
      for (let at = 0; at < chars.length; at++)
        this.#bytes.writeUInt32BE(offsets[at] as number, this.#at + ((chars[at] as number) - first) * 4);
      this.#at += span;
      offset += CHILDREN;
    }
    if (to > from) {
      this.#emitValues(from, to);
      offset += VALUES;
    }
    return offset;
  }

  /** index_add_value() puts a value before those of the same priority: equal ones come out last inserted first. */
  #emitValues(from: number, to: number): void {
    const modules: number[] = [];
    for (let at = to - 1; at >= from; at--) modules.push(this.#modules[this.#picked[at] as number] as number);
    if (modules.length > 1) modules.sort((a, b) => this.#values.priority(a) - this.#values.priority(b));
    this.#number(modules.length);
    for (const module of modules) {
      const value = this.#values.value(module);
      this.#number(this.#values.priority(module));
      this.#room(value.length);
      this.#bytes.set(value, this.#at);
      this.#at += value.length;
    }
  }

  #start(at: number): number {
    return this.#starts[this.#picked[at] as number] as number;
  }

  #length(at: number): number {
    const row = this.#picked[at] as number;
    return (this.#starts[row + 1] as number) - (this.#starts[row] as number);
  }

  #char(at: number, place: number): number {
    return this.#keys[this.#start(at) + place] as number;
  }

  /** Where the rows from `first` on that have `char` at `place` end: in growing steps, then by halves. */
  #endOf(first: number, to: number, place: number, char: number): number {
    let inside = first;
    let step = 1;
    while (inside + step < to && this.#char(inside + step, place) === char) {
      inside += step;
      step *= 2;
    }
    let outside = Math.min(inside + step, to);
    while (outside - inside > 1) {
      const middle = (inside + outside) >> 1;
      if (this.#char(middle, place) === char) inside = middle;
      else outside = middle;
    }
    return outside;
  }

  /** How long the common beginning of the first and last key of a range is, which is that of all of it: they are sorted. */
  #common(first: number, last: number, from: number): number {
    const most = Math.min(this.#length(first), this.#length(last));
    const [a, b] = [this.#start(first), this.#start(last)];
    let at = from;
    while (at < most && this.#keys[a + at] === this.#keys[b + at]) at++;
    return at;
  }

  #number(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
