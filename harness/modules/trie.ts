/** One key of an index file and what it stands for; a lower priority is answered first. */
export interface IndexEntry {
  key: string;
  value: string;
  priority: number;
}

/** kmod tools/depmod.c: INDEX_MAGIC, INDEX_VERSION, and the flags in the high bits of a node's offset. */
const MAGIC = 0xb007f457;
const VERSION = 0x0002_0001;
const PREFIX = 0x8000_0000;
const VALUES = 0x4000_0000;
const CHILDREN = 0x2000_0000;

/**
 * Writes one of kmod's index files (modules.alias.bin and the like): a radix tree, children before parents, everything
 * big-endian. Equal to the byte to what depmod's index_write() makes of the same entries.
 * @param entries Sorted by key, bytewise; for one key in the order of insertion. Keys and values are ASCII:
 *   depmod gives up on anything else, so others are left out here.
 */
export function writeIndex(entries: readonly IndexEntry[]): Buffer {
  return new Writer(entries.filter(({ key }) => isAscii(key))).write();
}

/** Sorts entries as writeIndex wants them; Array.sort keeps the order of equal keys. */
export function sortEntries(entries: IndexEntry[]): IndexEntry[] {
  return entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

class Writer {
  readonly #entries: readonly IndexEntry[];
  #bytes = Buffer.allocUnsafe(1 << 20);
  #at = 12;

  constructor(entries: readonly IndexEntry[]) {
    this.#entries = entries;
  }

  write(): Buffer {
    // The root never has a prefix, even when all keys begin alike.
    const root = this.#node(0, this.#entries.length, 0, 0);
    this.#bytes.writeUInt32BE(MAGIC, 0);
    this.#bytes.writeUInt32BE(VERSION, 4);
    this.#bytes.writeUInt32BE(root, 8);
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  /** The node of the entries [from, to), which agree in their first `end` characters; its prefix is [start, end). */
  #node(from: number, to: number, start: number, end: number): number {
    let next = from;
    while (next < to && this.#key(next).length === end) next++;
    const own = next;
    const children: [char: number, offset: number][] = [];
    while (next < to) {
      const char = this.#key(next).charCodeAt(end);
      const first = next;
      while (next < to && this.#key(next).charCodeAt(end) === char) next++;
      const common = commonLength(this.#key(first), this.#key(next - 1), end + 1);
      children.push([char, this.#node(first, next, end + 1, common)]);
    }
    return this.#emit(from, own, this.#prefix(from, to, start, end), children);
  }

  #prefix(from: number, to: number, start: number, end: number): string {
    return from < to ? this.#key(from).slice(start, end) : '';
  }

  #emit(
    from: number,
    to: number,
    prefix: string,
    children: readonly [char: number, offset: number][],
  ): number {
    let offset = this.#at;
    if (prefix) {
      this.#string(prefix);
      offset += PREFIX;
    }
    const [first, last] = [children[0]?.[0], children.at(-1)?.[0]];
    if (first !== undefined && last !== undefined) {
      const span = last - first + 1;
      this.#room(2 + span * 4);
      this.#bytes[this.#at++] = first;
      this.#bytes[this.#at++] = last;
      this.#bytes.fill(0, this.#at, this.#at + span * 4);
      for (const [char, child] of children) this.#bytes.writeUInt32BE(child, this.#at + (char - first) * 4);
      this.#at += span * 4;
      offset += CHILDREN;
    }
    if (to > from) {
      const values = inOrder(this.#entries, from, to);
      this.#number(values.length);
      for (const { priority, value } of values) {
        this.#number(priority);
        this.#string(value);
      }
      offset += VALUES;
    }
    return offset;
  }

  #key(at: number): string {
    return (this.#entries[at] as IndexEntry).key;
  }

  #string(text: string): void {
    this.#room(text.length + 1);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
    this.#bytes[this.#at++] = 0;
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

/** index_add_value() puts a value before those of the same priority: equal ones come out last inserted first. */
function inOrder(entries: readonly IndexEntry[], from: number, to: number): IndexEntry[] {
  const values = entries.slice(from, to);
  return values.length > 1 ? values.reverse().sort((a, b) => a.priority - b.priority) : values;
}

function commonLength(a: string, b: string, from: number): number {
  const most = Math.min(a.length, b.length);
  let at = from;
  while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}
