import { type ConsoleLine, consoleLines, STEP_PREFIX } from './lines.js';
import type { Recogniser, Severity } from './recognisers/recogniser.js';
import { RECOGNISERS } from './recognisers/table.js';

/** A kernel report found on the console, with its whole text cut out. */
export interface ConsoleReport {
  kind: string;
  severity: Severity;
  title: string;
  /** What it means and what to do. */
  hint: string;
  /** The pattern's groups: names of modules, symbols, files. */
  groups: string[];
  /** Its first line, from 0, in the lines of the console. */
  line: number;
  /** Without timestamps and other prefixes. */
  text: string;
  /** How often it came, for reports of one line. */
  count: number;
  /** The end marker never came: the report is as much as there was. */
  truncated: boolean;
}

const MOST_LINES = 120;
/** A console that floods with different reports is bounded too. */
const MOST_REPORTS = 500;
const CUT_HERE = /^-+\[ cut here \]-+$/;

/** Every report on a console, in order. Scans 10 MB in well under a second: most lines hold none of the literals. */
export function scanConsole(text: string): ConsoleReport[] {
  const lines = consoleLines(text);
  const reports: ConsoleReport[] = [];
  const single = new Map<string, ConsoleReport>();
  /** Up to where the last report goes: a line that only ever stands inside reports begins none before it. */
  let insideUntil = 0;

  for (let at = 0; at < lines.length && reports.length < MOST_REPORTS; at++) {
    const found = recognise(lines[at] as ConsoleLine);
    if (!found || (found.rule.secondary && at < insideUntil)) continue;
    const { rule, match } = found;
    const title = fill(rule.title, match);
    const seen = rule.end ? undefined : single.get(`${rule.kind} ${title}`);
    if (seen) {
      seen.count++;
      continue;
    }
    const body = rule.end
      ? cutOut(lines, at, rule)
      : { text: lines[at]?.text ?? '', until: at + 1, truncated: false };
    if (rule.end) insideUntil = body.until;
    const report: ConsoleReport = {
      kind: rule.kind,
      severity: rule.severity,
      title,
      hint: rule.hint,
      groups: match.slice(1).map((group) => group ?? ''),
      line: at,
      text: body.text,
      count: 1,
      truncated: body.truncated,
    };
    if (!rule.end) single.set(`${rule.kind} ${title}`, report);
    reports.push(report);
  }
  return reports;
}

function recognise(line: ConsoleLine): { rule: Recogniser; match: RegExpExecArray } | undefined {
  const { text } = line;
  if (text.startsWith(STEP_PREFIX)) return undefined;
  for (const rule of RECOGNISERS) {
    if (!text.includes(rule.literal) || rule.benign?.test(text)) continue;
    const match = rule.pattern.exec(text);
    if (match) return { rule, match };
  }
  return undefined;
}

/**
 * The whole report that begins at a line: to its end marker, to the beginning of another report, or as long as such a
 * report can be. Where the kernel names its callers, lines of others are left out.
 */
function cutOut(lines: readonly ConsoleLine[], start: number, rule: Recogniser) {
  const caller = lines[start]?.caller ?? null;
  const body = leadIn(lines, start, caller);
  const last = Math.min(lines.length, start + (rule.most ?? MOST_LINES));
  let at = start;
  for (; at < last; at++) {
    const line = lines[at] as ConsoleLine;
    if (line.text.startsWith(STEP_PREFIX) || (line.caller && caller && line.caller !== caller)) continue;
    if (at > start) {
      const other = recognise(line);
      if (other?.rule.end && !other.rule.secondary)
        return { text: body.join('\n'), until: at, truncated: true };
      if (CUT_HERE.test(line.text)) return { text: body.join('\n'), until: at, truncated: true };
    }
    body.push(line.text);
    if (rule.end?.test(line.text)) return { text: body.join('\n'), until: at + 1, truncated: false };
  }
  return { text: body.join('\n').trimEnd(), until: at, truncated: true };
}

/** What belongs to a report and stands before the line that tells it: `cut here`, and the words of WARN(). */
function leadIn(lines: readonly ConsoleLine[], start: number, caller: string | null): string[] {
  const body: string[] = [];
  for (let at = start - 1; at >= Math.max(0, start - 4); at--) {
    const line = lines[at] as ConsoleLine;
    if (line.caller !== caller) continue;
    body.unshift(line.text);
    if (CUT_HERE.test(line.text)) return body;
  }
  return [];
}

function fill(title: string, match: RegExpExecArray): string {
  return title.replace(/\$(\d)/g, (_, digit: string) => match[Number(digit)] ?? '').replace(/ \(\)$/, '');
}
