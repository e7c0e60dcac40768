import type { ModuleIndex, RulePlace } from '../../modules/module.js';
import { shownFile } from '../../modules/place.js';
import type { Split } from '../../splits/split.js';
import type { WantedModule } from './addition.js';

/** A split's files: absolute path -> text. */
export type Texts = ReadonlyMap<string, string>;

/** What a patcher is given; it answers with the texts that change, or undefined where a person has to do it. */
export interface PatchInput {
  texts: Texts;
  /** The file that the split is read from; of a folder format the folder. */
  file: string;
  wanted: readonly WantedModule[];
  split: Split;
  index: ModuleIndex;
}

export type Patcher = (input: PatchInput) => Map<string, string> | undefined;

/** A line with what was put before it; null once it was taken out, and its number stays. */
interface Row {
  before: string[];
  text: string | null;
}

/** Lines of several files that are changed in place: numbers are those of the file as it was. */
export class Editor {
  readonly #rows = new Map<string, Row[]>();
  readonly #texts: Texts;

  constructor(texts: Texts) {
    this.#texts = texts;
  }

  /** The file that a rule stands in, if it is one of these. */
  fileOf(rule: RulePlace | null | undefined): string | undefined {
    return rule ? [...this.#texts.keys()].find((file) => shownFile(file) === rule.file) : undefined;
  }

  /** Line `at` from 1; empty where there is none, or it was taken out. */
  line(file: string, at: number): string {
    return this.#of(file)[at - 1]?.text ?? '';
  }

  count(file: string): number {
    return this.#of(file).length;
  }

  set(file: string, at: number, text: string | null): void {
    const row = this.#of(file)[at - 1];
    if (row) row.text = text;
  }

  drop(file: string, at: number): void {
    this.set(file, at, null);
  }

  /** Puts a line before line `at`. */
  before(file: string, at: number, text: string): void {
    this.#of(file)[at - 1]?.before.push(text);
  }

  append(file: string, text: string): void {
    this.#of(file).push({ before: [], text });
  }

  /** The texts that are no longer as they were. */
  changed(): Map<string, string> {
    const found = new Map<string, string>();
    for (const [file, rows] of this.#rows) {
      const lines = rows.flatMap(({ before, text }) => [...before, ...(text === null ? [] : [text])]);
      const after = lines.map((line) => `${line}\n`).join('');
      if (after !== this.#texts.get(file)) found.set(file, after);
    }
    return found;
  }

  #of(file: string): Row[] {
    const known = this.#rows.get(file);
    if (known) return known;
    const lines = (this.#texts.get(file) ?? '').split('\n');
    if (lines.at(-1) === '') lines.pop();
    const rows = lines.map((text): Row => ({ before: [], text }));
    this.#rows.set(file, rows);
    return rows;
  }
}

/** Takes one word out of a line of words between blanks or commas; undefined where it is not there. */
export function withoutWord(line: string, isIt: (word: string) => boolean): string | undefined {
  for (const { 0: word, index } of line.matchAll(/[^\s,"'()]+/g)) {
    if (!isIt(word)) continue;
    const head = line.slice(0, index);
    const tail = line.slice(index + word.length);
    // One of the two gaps goes with it; an indent stays.
    if (/^[\s,]/.test(tail) && (/[\s,("']$/.test(head) || head === ''))
      return head + (/^\s*$/.test(head) ? tail.replace(/^[ \t,]+/, '') : tail.replace(/^,?[ \t]?/, ''));
    return head.replace(/[ \t,]+$/, '') + tail;
  }
  return undefined;
}

/** The module file's own name, as its author spells it: `virtio-blk` where the name is virtio_blk. */
export function spelling(index: ModuleIndex, module: string): string {
  const path = index.modules.get(module)?.path ?? module;
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.ko(\.\w+)?$/, '');
}

/** The path below kernel/ without the suffix. */
export function pathOf(index: ModuleIndex, module: string): string {
  return (index.modules.get(module)?.path ?? module).replace(/^kernel\//, '').replace(/\.ko(\.\w+)?$/, '');
}
