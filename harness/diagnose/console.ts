import { StringDecoder } from 'node:string_decoder';
import { type ConsoleLine, LineReader, STEP_PREFIX } from './lines.js';
import { type ConsoleReport, LEAD, OpenReport } from './openreport.js';
import type { Recogniser } from './recognisers/recogniser.js';
import { RECOGNISERS } from './recognisers/table.js';
import { Speaker } from './speaker.js';

export type { ConsoleReport } from './openreport.js';

/** A console that floods with different reports is bounded. */
const MOST_REPORTS = 500;
/** So many more fatal ones are kept: a flood of warnings must not hide what a verdict is made from. */
const MOST_FATAL = 100;

/** One look that most lines do not stand: does a line hold any of the literals? */
const ANY_LITERAL = new RegExp(
  [...new Set(RECOGNISERS.map((rule) => rule.literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')))].join('|'),
);

/**
 * Finds the reports on a console while it is being written. The bytes may come in any pieces: the reports are the same.
 * Memory is bounded whatever comes.
 */
export class ConsoleScanner {
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines = new LineReader();
  readonly #speaker = new Speaker();
  /** The first report of each group. */
  readonly #first = new Map<string, ConsoleReport>();
  readonly #before: ConsoleLine[] = [];
  #open: OpenReport[] = [];
  #at = 0;
  #fatalCount = 0;
  #lastFatal: Recogniser | null = null;
  /** In the order in which they began; one whose end has not come yet holds what there is of it. */
  readonly reports: ConsoleReport[] = [];
  /** The first of them that makes the guest a crash. */
  fatal: ConsoleReport | null = null;

  /** A line has come that is surely the kernel's. */
  get kernelSpoke(): boolean {
    return this.#speaker.kernelSpoke;
  }

  /** Whether all fatal reports so far have come to their end, and no further one is likely. */
  get fatalIsWhole(): boolean {
    if (!this.#lastFatal || this.#lastFatal.goesOn) return false;
    return !this.#open.some(({ report }) => report.severity === 'fatal');
  }

  /** Gives the lines that this completed, for who else wants to know them. */
  push(piece: string | Uint8Array): ConsoleLine[] {
    const text = typeof piece === 'string' ? piece : this.#decoder.write(Buffer.from(piece));
    const lines = this.#lines.push(text);
    for (const line of lines) this.#take(line);
    return lines;
  }

  /** Nothing more will come. */
  end(): ConsoleReport[] {
    for (const line of [...this.#lines.push(this.#decoder.end()), ...this.#lines.end()]) this.#take(line);
    for (const one of this.#open) {
      one.close(true);
      this.#fold(one.report);
    }
    this.#open = [];
    return this.reports;
  }

  #take(line: ConsoleLine): void {
    const spoken = this.#speaker.mayBeKernel(line);
    const seen = recognise(line.text);
    const found = seen && (spoken || seen.rule.unstamped) ? seen : undefined;
    const said = this.#open.length > 0 && this.#continue(line, found?.rule);
    if (found && !said) this.#begin(line, found.rule, found.match);
    if (this.#before.length === LEAD) this.#before.shift();
    this.#before.push(line);
    this.#at++;
  }

  /** Gives a line to the reports that are open. True when one of them says already what the line would begin. */
  #continue(line: ConsoleLine, rule: Recogniser | undefined): boolean {
    let said = false;
    this.#open = this.#open.filter((one) => {
      const role = one.take(line, this.#at, rule);
      // A fatal report must not be lost inside a warning that has no end.
      said ||=
        role === 'taken' || (role === 'inside' && rule?.secondary === true && !outranks(rule, one.rule));
      if (one.over) this.#fold(one.report);
      return !one.over;
    });
    return said;
  }

  #begin(line: ConsoleLine, rule: Recogniser, match: RegExpExecArray): void {
    const fatal = rule.severity === 'fatal';
    if (this.reports.length >= MOST_REPORTS && !(fatal && this.#fatalCount < MOST_FATAL)) return;
    const one = new OpenReport(rule, match, line, this.#at, this.#before);
    if (fatal) {
      this.#fatalCount++;
      this.#lastFatal = rule;
      this.fatal ??= one.report;
    }
    this.reports.push(one.report);
    if (one.over) this.#fold(one.report);
    else this.#open.push(one);
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

const outranks = (one: Recogniser, other: Recogniser): boolean =>
  one.severity === 'fatal' && other.severity !== 'fatal';

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
