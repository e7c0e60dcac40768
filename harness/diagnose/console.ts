import { StringDecoder } from 'node:string_decoder';
import { type ConsoleLine, LineReader, STEP_PREFIX } from './lines.js';
import type { Recogniser, Severity } from './recognisers/recogniser.js';
import { RECOGNISERS } from './recognisers/table.js';
import { fillTitle, groupOf } from './title.js';

/** A kernel report found on the console, with its whole text cut out. */
export interface ConsoleReport {
  kind: string;
  severity: Severity;
  title: string;
  /** Equal for the same trouble on another boot, CPU or address: what reports are grouped by. */
  group: string;
  /** What it means and what to do. */
  hint: string;
  /** The pattern's groups: names of modules, symbols, files. */
  groups: string[];
  /** Its first line, from 0, in the lines of the console. */
  line: number;
  /** Without timestamps and other prefixes. */
  text: string;
  /** How often it came; the text is that of the first. */
  count: number;
  /** The end marker never came: the report is as much as there was. */
  truncated: boolean;
}

const MOST_LINES = 120;
/** A console that floods with different reports is bounded too, and so is what is kept of one of them. */
const MOST_REPORTS = 500;
const MOST_CHARACTERS = 64 * 1024;
const CUT_HERE = /^-+\[ cut here \]-+$/;
/** How far before its first telling line a report may begin. */
const LEAD = 4;

/** One look that most lines do not stand: does a line hold any of the literals? */
const ANY_LITERAL = new RegExp(
  [...new Set(RECOGNISERS.map((rule) => rule.literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')))].join('|'),
);

interface Open {
  report: ConsoleReport;
  rule: Recogniser;
  caller: string | null;
  body: string[];
  characters: number;
}

/**
 * Finds the reports on a console while it is being written. The bytes may come in any pieces: the reports are the same.
 * Memory is bounded whatever comes.
 */
export class ConsoleScanner {
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines = new LineReader();
  /** The first report of each group. */
  readonly #first = new Map<string, ConsoleReport>();
  readonly #before: ConsoleLine[] = [];
  #open: Open[] = [];
  #at = 0;
  /** In the order in which they began; one whose end has not come yet holds what there is of it. */
  readonly reports: ConsoleReport[] = [];

  push(piece: string | Uint8Array): void {
    const text = typeof piece === 'string' ? piece : this.#decoder.write(Buffer.from(piece));
    for (const line of this.#lines.push(text)) this.#take(line);
  }

  /** Nothing more will come. */
  end(): ConsoleReport[] {
    for (const line of [...this.#lines.push(this.#decoder.end()), ...this.#lines.end()]) this.#take(line);
    for (const one of this.#open) this.#close(one, true);
    this.#open = [];
    return this.reports;
  }

  #take(line: ConsoleLine): void {
    const found = recognise(line.text);
    const inside = this.#open.length > 0 && this.#continue(line, found?.rule);
    if (found && !(found.rule.secondary && inside) && this.reports.length < MOST_REPORTS)
      this.#begin(line, found.rule, found.match);
    if (this.#before.length === LEAD) this.#before.shift();
    this.#before.push(line);
    this.#at++;
  }

  /** Gives a line to the reports that are open. True when it stands inside one of them. */
  #continue(line: ConsoleLine, rule: Recogniser | undefined): boolean {
    const begins = (rule?.end && !rule.secondary) || CUT_HERE.test(line.text);
    let inside = false;
    this.#open = this.#open.filter((one) => {
      if (this.#at - one.report.line >= (one.rule.most ?? MOST_LINES)) return this.#close(one, true);
      if (line.text.startsWith(STEP_PREFIX) || (line.caller && one.caller && line.caller !== one.caller))
        return true;
      if (begins) return this.#close(one, true);
      inside = true;
      one.characters += line.text.length;
      if (one.characters < MOST_CHARACTERS) one.body.push(line.text);
      const last = one.rule.end?.exec(line.text);
      return last ? this.#close(one, false, last) : true;
    });
    return inside;
  }

  #begin(line: ConsoleLine, rule: Recogniser, match: RegExpExecArray): void {
    const title = fillTitle(rule.title, match);
    const report: ConsoleReport = {
      kind: rule.kind,
      severity: rule.severity,
      title,
      group: groupOf(rule.kind, title),
      hint: rule.hint,
      groups: match.slice(1).map((group) => group ?? ''),
      line: this.#at,
      text: line.text,
      count: 1,
      truncated: false,
    };
    this.reports.push(report);
    if (rule.end) {
      const body = [...leadIn(this.#before, line.caller), line.text];
      this.#open.push({ report, rule, caller: line.caller, body, characters: 0 });
    } else this.#fold(report);
  }

  /** Always false: what `filter` wants to hear of a report that is over. */
  #close({ report, rule, body }: Open, truncated: boolean, last?: RegExpExecArray): false {
    report.text = body.join('\n').trimEnd();
    report.truncated = truncated;
    if (rule.endTitle && last?.[1]) report.title = fillTitle(rule.endTitle, last);
    if (rule.guilty) report.title += guiltyOf(body);
    report.group = groupOf(rule.kind, report.title);
    this.#fold(report);
    return false;
  }

  /** The same trouble again is counted with its first report, so that a flood of one does not hide another. */
  #fold(report: ConsoleReport): void {
    const first = this.#first.get(report.group);
    if (first) {
      first.count++;
      this.reports.splice(this.reports.lastIndexOf(report), 1);
    } else this.#first.set(report.group, report);
  }
}

/** Every report on a whole console, in order. */
export function scanConsole(text: string | Uint8Array): ConsoleReport[] {
  const scanner = new ConsoleScanner();
  scanner.push(text);
  return scanner.end();
}

/** The first rule that a message satisfies; `text` is a line without its prefixes. */
export function recognise(text: string): { rule: Recogniser; match: RegExpExecArray } | undefined {
  if (!ANY_LITERAL.test(text) || text.startsWith(STEP_PREFIX)) return undefined;
  for (const rule of RECOGNISERS) {
    // Anchored patterns fail sooner than a literal is looked for.
    const match = rule.pattern.exec(text);
    if (match && text.includes(rule.literal) && !rule.benign?.test(text)) return { rule, match };
  }
  return undefined;
}

/** x86's `RIP: 0010:virtblk_probe+0x12f/0x9d0 [virtio_blk]`; arm64's `pc : virtblk_probe+0x88/0x640 [virtio_blk]`. */
const WHERE = /^(?:RIP: [0-9a-f]+:|pc : )([A-Za-z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+(?: (\[\w+\]))?/;

/** A frame that the unwinder is sure of; one with a `?` may be left over. */
const FRAME = /^ {1,2}([A-Za-z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+(?: (\[\w+\]))?/;
/** A jump to nowhere: who jumped is the first frame. */
const NOWHERE = /^(?:RIP: [0-9a-f]+:|pc : )0x/;

function guiltyOf(body: readonly string[]): string {
  const at = body.findIndex((line) => WHERE.test(line) || NOWHERE.test(line));
  if (at < 0) return '';
  const where = WHERE.exec(body[at] ?? '');
  const found =
    where ??
    body
      .slice(at)
      .map((line) => FRAME.exec(line))
      .find((frame) => frame !== null);
  return found ? ` in ${found[1]}${found[2] ? ` ${found[2]}` : ''}` : '';
}

/** What belongs to a report and stands before the line that tells it: `cut here`, and the words of WARN(). */
function leadIn(before: readonly ConsoleLine[], caller: string | null): string[] {
  const lines = before.filter((line) => line.caller === caller);
  const start = lines.findLastIndex((line) => CUT_HERE.test(line.text));
  return start < 0 ? [] : lines.slice(start).map((line) => line.text);
}
