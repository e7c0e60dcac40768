/**
 * The rows of one index of a tree (key -> module), sorted by key, as bytes: tens of thousands of strings would cost more
 * to collect than the work on them. Modules are numbers, their place in depmod's order.
 */
export interface IndexRows {
  /** All keys, one after the other, nothing between them. */
  keys: Uint8Array;
  /** Where key N begins; one more than there are rows. */
  starts: Uint32Array;
  /** Whose key it is. */
  modules: Uint32Array;
}

/**
 * Sorts rows by key, bytewise; rows of one key stay in the order in which they come. Keys are ASCII: depmod gives
 * up on anything else, so others are left out here.
 */
export function makeRows(entries: readonly (readonly [key: string, module: number])[]): IndexRows {
  const sorted = entries.filter(([key]) => isAscii(key)).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const starts = new Uint32Array(sorted.length + 1);
  for (const [at, [key]] of sorted.entries()) starts[at + 1] = (starts[at] as number) + key.length;
  return {
    keys: Buffer.from(sorted.map(([key]) => key).join(''), 'latin1'),
    starts,
    modules: Uint32Array.from(sorted, ([, module]) => module),
  };
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** For the cache: count, starts, modules, keys; numbers in this machine's own byte order. */
export function packRows({ keys, starts, modules }: IndexRows): Buffer {
  const numbers = [Uint32Array.of(modules.length), starts, modules];
  return Buffer.concat([
    ...numbers.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
    keys,
  ]);
}

export function unpackRows(packed: Uint8Array): IndexRows {
  // A copy, because a Uint32Array must begin at a multiple of four.
  const bytes = packed.byteOffset % 4 === 0 ? packed : Uint8Array.from(packed);
  const [count = 0] = new Uint32Array(bytes.buffer, bytes.byteOffset, 1);
  return {
    starts: new Uint32Array(bytes.buffer, bytes.byteOffset + 4, count + 1),
    modules: new Uint32Array(bytes.buffer, bytes.byteOffset + 8 + count * 4, count),
    keys: bytes.subarray(8 + count * 8),
  };
}

/** The rows of the modules that are there, by number. */
export function pickRows(rows: IndexRows, present: Uint8Array): number[] {
  const picked: number[] = [];
  for (let row = 0; row < rows.modules.length; row++)
    if (present[rows.modules[row] as number]) picked.push(row);
  return picked;
}

/** Of picked rows with one key only the last: a symbol has one owner, the one that depmod met last. */
export function lastOfEach(rows: IndexRows, picked: readonly number[]): number[] {
  return picked.filter((row, at) => {
    const next = picked[at + 1];
    return next === undefined || !sameKey(rows, row, next);
  });
}

function sameKey({ keys, starts }: IndexRows, a: number, b: number): boolean {
  const [from, other] = [starts[a] as number, starts[b] as number];
  const length = (starts[a + 1] as number) - from;
  if ((starts[b + 1] as number) - other !== length) return false;
  // From the end: keys that lie side by side begin alike.
  for (let at = length - 1; at >= 0; at--) if (keys[from + at] !== keys[other + at]) return false;
  return true;
}
