/** One line of the agent's records. The format is described in harness/guest/README.md. */
import { type SealKey, sealOf } from './seal.js';

/** One record as it was taken: authentic and in order. */
export interface AgentRecord {
  seq: number;
  type: string;
  /** In the order of the line; a key may stand more than once. */
  pairs: [key: string, value: string][];
}

/** What every record has in its line. */
export const MARK = '@bg2 ';
/** What they had before they were sealed: runs that were recorded then can still be judged again. */
const OLD_MARK = '@bg1 ';

/** The value of a record's first such key, or ''. */
export function fieldOf(record: AgentRecord, key: string): string {
  return record.pairs.find((pair) => pair[0] === key)?.[1] ?? '';
}

/** The record that a line ends with: undefined for a line without one, null for what looks like one and is none of this boot. */
export function recordIn(line: string, key: SealKey | null, nonce: string): AgentRecord | null | undefined {
  const at = Math.max(line.lastIndexOf(MARK), line.lastIndexOf(OLD_MARK));
  if (at < 0) return undefined;
  const text = line.slice(at + MARK.length).replace(/\r+$/, '');
  return line.startsWith(MARK, at) ? parseSealed(text, key) : parseOld(text, nonce);
}

/** `SEQ SEAL TYPE KEY=VALUE...`; null when it is not a record of this boot. */
function parseSealed(text: string, key: SealKey | null): AgentRecord | null {
  const [seq, seal, ...rest] = text.split(' ');
  if (!key || !seq || seal !== sealOf(key, [seq, ...rest].join(' '))) return null;
  return recordOf(seq, rest);
}

/** `NONCE SEQ CRC TYPE KEY=VALUE...`: a record that shows its secret. */
function parseOld(text: string, nonce: string): AgentRecord | null {
  const [theirs, seq, crc, ...rest] = text.split(' ');
  if (theirs !== nonce || !seq) return null;
  if (crc !== String(cksum([theirs, seq, ...rest].join(' ')))) return null;
  return recordOf(seq, rest);
}

function recordOf(seq: string, [type, ...payload]: readonly string[]): AgentRecord | null {
  if (!type || !/^[1-9]\d{0,8}$/.test(seq)) return null;
  const pairs = payload.map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
  });
  return { seq: Number(seq), type, pairs };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc >>> 0;
});

/** POSIX cksum of latin1 text: the CRC of its bytes followed by their number, lowest byte first. */
export function cksum(text: string): number {
  let crc = 0;
  const step = (byte: number) => {
    crc = ((crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] ?? 0)) >>> 0;
  };
  for (let at = 0; at < text.length; at++) step(text.charCodeAt(at) & 0xff);
  for (let length = text.length; length > 0; length = Math.floor(length / 256)) step(length & 0xff);
  return ~crc >>> 0;
}

/** Percent-decoding to bytes (as latin1), which never throws. */
function decode(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
