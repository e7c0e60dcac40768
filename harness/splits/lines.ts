import { statSync } from 'node:fs';
import { BootgateError, type Problem, userError } from '../errors.js';
import { readInput } from '../input.js';
import { MAX_FILE } from '../limits.js';
import { notList } from '../modules/list.js';
import type { RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { didYouMean } from '../suggest.js';

/** A line-based list. Lines are numbered from 1 by their position. */
export interface LineFile {
  /** As it is shown. */
  file: string;
  lines: string[];
}

/**
 * Refuses a pipe or a device, whose end may never come. What is not there is left to whoever reads it.
 * @throws BootgateError blame `user`, E_SPLIT_READ.
 */
export function requireRegular(file: string): void {
  const entry = statSync(file, { throwIfNoEntry: false });
  if (entry && !entry.isFile())
    throw userError('E_SPLIT_READ', `cannot read ${shownFile(file)}: it is not a regular file`);
}

/**
 * Reads a list as UTF-8.
 * @param crlf `refuse` where the distribution's own tool would take the carriage return as part of a word.
 * @throws BootgateError blame `user`, E_SPLIT_TEXT: bytes that are not UTF-8, NULs or CRLF, with their place.
 */
export async function readLines(file: string, crlf: 'refuse' | 'trim' = 'refuse'): Promise<LineFile> {
  const bytes = await readInput(file, { most: MAX_FILE.list, code: 'E_SPLIT_READ' });
  return linesOf(shownFile(file), bytes, crlf);
}

/**
 * Refuses a file that is no list of modules at all: paths, globs and guards have no colon, the accounts, keys and settings of a
 * machine do. It may be anybody's, and what is said of it ends in logs that many read: nothing of it is quoted.
 * @throws BootgateError blame `user`, E_SPLIT: each such line, by its number.
 */
export function requireModuleLines(list: LineFile, isRead: (line: string) => boolean = () => true): void {
  const foreign = list.lines.flatMap((line, at) =>
    isRead(line) && line.replace(/#.*$/, '').includes(':') ? [at + 1] : [],
  );
  if (foreign.length > 0) throw notList(list.file, foreign, 'E_SPLIT');
}

/** The same for bytes already read. */
export function linesOf(file: string, bytes: Uint8Array, crlf: 'refuse' | 'trim' = 'refuse'): LineFile {
  const problems: Problem[] = [];
  const at = (offset: number) => {
    const before = Buffer.from(bytes.subarray(0, offset)).toString('latin1');
    return { file, line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
  };
  const wrong = firstNotUtf8(bytes);
  if (wrong >= 0)
    problems.push({
      ...at(wrong),
      message: `byte 0x${bytes[wrong]?.toString(16)} is not UTF-8`,
      hint: 'the file looks like Latin-1: convert it with `iconv -f latin1 -t utf8`',
    });
  const nul = bytes.indexOf(0);
  if (nul >= 0) problems.push({ ...at(nul), message: 'a NUL byte: this is not a text file' });
  const carriage = crlf === 'refuse' ? bytes.indexOf(13) : -1;
  if (carriage >= 0)
    problems.push({
      ...at(carriage),
      message: 'the line ends in CR LF: the carriage return would be read as part of the last word',
      hint: "remove them with `sed -i 's/\\r$//'`",
    });
  if (problems.length > 0)
    throw new BootgateError(`${file} cannot be read as a list`, {
      code: 'E_SPLIT_TEXT',
      blame: 'user',
      problems,
    });
  const lines = Buffer.from(bytes).toString('utf8').split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return { file, lines };
}

/** Offset of the first byte that breaks UTF-8, or -1. */
function firstNotUtf8(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const right = (end: number) => {
    try {
      decoder.decode(bytes.subarray(0, end), { stream: false });
      return true;
    } catch {
      return false;
    }
  };
  if (right(bytes.length)) return -1;
  // The first wrong byte is the first high byte behind which no prefix that ends before a high byte is right.
  let from = 0;
  let to = bytes.length;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    let end = middle;
    while (end < to && ((bytes[end] ?? 0) & 0xc0) === 0x80) end++; // not in the middle of a character
    if (right(end)) from = end < to ? end : middle;
    else to = middle;
    if (end >= to && from < middle) to = middle;
  }
  return from;
}

/** A rule's place from a line of a file. */
export function placeAt(list: LineFile, line: number, text = list.lines[line - 1] ?? ''): RulePlace {
  return { file: list.file, line, text: text.trim() };
}

/**
 * "Did you mean" for the first wrong names of a list only: looking for the nearest of 4,000 names takes milliseconds, and
 * a list for another kernel has thousands of wrong ones.
 */
export class Suggestions {
  #left = 20;

  for(wrong: string, names: Iterable<string>): string {
    return this.#left-- > 0 ? didYouMean(wrong, names) : '';
  }
}
