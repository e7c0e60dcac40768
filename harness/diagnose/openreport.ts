import { framesOf } from './guilty/frames.js';
import { guiltyOf } from './guilty/guilty.js';
import { type ConsoleLine, STEP_PREFIX } from './lines.js';
import type { Recogniser, Severity } from './recognisers/recogniser.js';
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
const MOST_CHARACTERS = 64 * 1024;
const CUT_HERE = /^-+\[ cut here \]-+$/;
/** How far before its first telling line a report may begin, and behind a preface the report that it belongs to. */
export const LEAD = 4;

/**
 * What a line is to a report that is being written: not its own, one of it, the first line of the report that it is the preface of, or
 * the first behind its end.
 */
export type Role = 'aside' | 'inside' | 'taken' | 'behind';

/** A report whose end has not come yet. */
export class OpenReport {
  readonly report: ConsoleReport;
  readonly rule: Recogniser;
  readonly #caller: string | null;
  readonly #body: string[];
  /** How much of it there was when the report began. */
  readonly #lead: number;
  #characters = 0;
  /** It is only a preface as yet. */
  #waiting: boolean;
  /** The end marker counts from now on. */
  #mayEnd: boolean;
  #hasStack = false;
  over = false;

  constructor(
    rule: Recogniser,
    match: RegExpExecArray,
    line: ConsoleLine,
    at: number,
    before: readonly ConsoleLine[],
  ) {
    const title = fillTitle(rule.title, match);
    this.rule = rule;
    this.report = {
      kind: rule.kind,
      severity: rule.severity,
      title,
      group: groupOf(rule.kind, title),
      hint: rule.hint,
      groups: match.slice(1).map((group) => group ?? ''),
      line: at,
      text: line.text,
      count: 1,
      truncated: false,
    };
    this.#caller = line.caller;
    this.#body = rule.end ? [...leadIn(before, line.caller), line.text] : [line.text];
    this.#lead = this.#body.length;
    this.#waiting = rule.preface !== undefined;
    this.#mayEnd = rule.endAfter === undefined;
    if (!rule.end) this.close(false);
  }

  /** What the line is to it. `rule`: of the report that the line would begin. */
  take(line: ConsoleLine, at: number, rule: Recogniser | undefined): Role {
    if (at - this.report.line >= (this.rule.most ?? MOST_LINES)) return this.#behind(true);
    if (line.text.startsWith(STEP_PREFIX) || (line.caller && this.#caller && line.caller !== this.#caller))
      return 'aside';
    if (this.#waiting) return this.#await(line, at, rule);
    const begins = rule?.end && !rule.secondary && !(rule.sequel && !this.#hasStack);
    if (begins || CUT_HERE.test(line.text)) return this.#behind(true);
    this.#add(line);
    this.#mayEnd ||= this.rule.endAfter?.test(line.text) ?? false;
    const last = this.#mayEnd ? this.rule.end?.exec(line.text) : null;
    if (last) this.close(false, last);
    return 'inside';
  }

  #await(line: ConsoleLine, at: number, rule: Recogniser | undefined): Role {
    if (rule && this.rule.preface?.test(line.text)) {
      this.#waiting = false;
      this.#add(line);
      return 'taken';
    }
    if (at - this.report.line > LEAD || rule?.end) return this.#behind(false);
    this.#add(line);
    return 'aside';
  }

  #add({ text }: ConsoleLine): void {
    this.#hasStack ||= framesOf(text).length > 0;
    this.#characters += text.length;
    if (this.#characters < MOST_CHARACTERS) this.#body.push(text);
  }

  #behind(truncated: boolean): Role {
    this.close(truncated);
    return 'behind';
  }

  /** Its text and title become final. `truncated`: its end marker never came. `last`: what the end marker matched. */
  close(truncated: boolean, last?: RegExpExecArray): void {
    const { report, rule } = this;
    this.over = true;
    // A preface that nothing followed is one line, and all of it is there.
    const body = this.#waiting ? this.#body.slice(0, this.#lead) : this.#body;
    report.text = body.join('\n').trimEnd();
    report.truncated = truncated && !this.#waiting;
    if (rule.endTitle && last?.[1]) report.title = fillTitle(rule.endTitle, last);
    if (rule.guilty) report.title += guiltyOf(body.slice(this.#lead - 1), rule.guilty);
    report.group = groupOf(rule.kind, report.title);
  }
}

/** What belongs to a report and stands before the line that tells it: `cut here`, and the words of WARN(). */
function leadIn(before: readonly ConsoleLine[], caller: string | null): string[] {
  const lines = before.filter((line) => line.caller === caller);
  const start = lines.findLastIndex((line) => CUT_HERE.test(line.text));
  return start < 0 ? [] : lines.slice(start).map((line) => line.text);
}
