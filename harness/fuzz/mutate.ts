import type { Random } from './random.js';

/** Numbers at which sizes, counts and signs go wrong. */
const EDGES = [
  0, 1, 7, 8, 0x3f, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];
const LARGEST = 1 << 20;

type Mutation = (
  bytes: Buffer,
  random: Random,
  others: readonly Buffer[],
  words: readonly string[],
) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  function setEdge(bytes, random) {
    const [width, value] = [random.pick([1, 2, 4, 8]), random.pick(EDGES)];
    if (bytes.length < width) return bytes;
    const at = random.below(bytes.length - width + 1);
    const number = Buffer.alloc(8);
    if (random.below(2) === 0) number.writeUInt32LE(value);
    else number.writeUInt32BE(value, width < 4 ? 0 : width - 4);
    number.copy(bytes, at, 0, width);
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length));
  },
  function take(bytes, random) {
    const [from, length] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  },
  function repeat(bytes, random) {
    const [from, length] = range(bytes, random);
    const piece = bytes.subarray(from, from + length);
    const times = random.pick([1, 1, 2, 16, 200]);
    if (bytes.length + piece.length * times > LARGEST) return bytes;
    return Buffer.concat([
      bytes.subarray(0, from),
      ...Array.from({ length: times }, () => piece),
      bytes.subarray(from),
    ]);
  },
  function insertWord(bytes, random, _, words) {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(random.pick(words), 'latin1'),
      bytes.subarray(at),
    ]);
  },
  function overwriteWord(bytes, random, _, words) {
    const word = Buffer.from(random.pick(words), 'latin1');
    word.copy(bytes, random.below(bytes.length));
    return bytes;
  },
  function splice(bytes, random, others) {
    const other = random.pick(others);
    const [from, length] = range(other, random);
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + length), bytes.subarray(at)]);
  },
  function swapLines(bytes, random) {
    const lines = bytes.toString('latin1').split('\n');
    const [a, b] = [random.below(lines.length), random.below(lines.length)];
    [lines[a], lines[b]] = [lines[b] ?? '', lines[a] ?? ''];
    return Buffer.from(lines.join('\n'), 'latin1');
  },
];

/** What hurts many readers of text. */
const WORDS = [
  '\0',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '%',
  '*',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  '"',
  "'",
  '\\',
  '#',
  ':',
  '..',
  '/',
  '../',
  '-',
  '=',
  '\xff',
  '\xc3',
  '\u00e9',
  '$(',
  '`',
  '&a',
  '*a',
  '? ',
  '99999999999999999999',
  '-1',
];

/** One of the seeds with one to eight changes. */
export function mutate(seeds: readonly Buffer[], random: Random, words: readonly string[] = []): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(seeds));
  const all = [...WORDS, ...words, ...words];
  const changes = random.pick([1, 1, 1, 2, 2, 3, 5, 8]);
  for (let change = 0; change < changes; change++) {
    if (bytes.length === 0) bytes = Buffer.from(random.pick(all), 'latin1');
    bytes = random.pick(MUTATIONS)(bytes, random, seeds, all);
  }
  return bytes;
}

function range(bytes: Buffer, random: Random): [from: number, length: number] {
  const from = random.below(bytes.length + 1);
  return [from, random.below(Math.min(bytes.length - from, random.pick([4, 64, 4096, LARGEST])) + 1)];
}
