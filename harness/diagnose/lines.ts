import { stripAnsi } from '../printable.js';

/** A line of the kernel's console without what stands around its message. */
export interface ConsoleLine {
  text: string;
  /** Who printed it, where the kernel says so (CONFIG_PRINTK_CALLER): `T123` a task, `C0` a CPU. */
  caller: string | null;
  /** It carries a timestamp of the kernel's or of a log daemon's: a program's own line has none. */
  stamped: boolean;
}

/** What init puts before each line that a step printed: such a line is never the kernel's. */
export const STEP_PREFIX = 'step| ';

const LEVEL = /^<\d{1,3}>/;
/** `[    1.234567]`, with the caller right behind it; printk.c, print_prefix(). */
const UPTIME = /^\[ *\d+\.\d+\] ?/;
/** dmesg -T, dmesg --time-format iso, dmesg -d and -e, and journalctl's short and short-iso forms. */
const CLOCK =
  /^(?:\[[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:]{8} \d{4}\]|\d{4}-\d\d-\d\dT[\d:.,]+(?:[+-][\d:]+|Z)(?: \S+ kernel:)?|\[[A-Z][a-z]{2}\d\d [\d:]{5}\]|\[ *\+\d+\.\d+\]|[A-Z][a-z]{2} +\d+ [\d:]{8} \S+ kernel:) ?/;
const CALLER = /^\[ *([TC]\d+)\] ?/;
/** A message that begins behind an unfinished line of somebody else's. */
const EMBEDDED = /(?=\[ *\d{1,7}\.\d{6}\])/;
/** A guest that never ends its line gets it ended here. */
const LONGEST_LINE = 8192;

/**
 * Cuts a console into lines of kernel messages: terminal sequences, carriage returns, log levels, timestamps of all kinds
 * and caller prefixes taken off. A line that holds the beginning of a second message becomes two. The same text gives
 * the same lines, however it was cut.
 */
export class LineReader {
  #partial = '';

  push(text: string): ConsoleLine[] {
    const lines: ConsoleLine[] = [];
    const whole = (this.#partial + text).split('\n');
    this.#partial = whole.pop() ?? '';
    for (const line of whole) readLine(line, lines);
    while (this.#partial.length > LONGEST_LINE) {
      readLine(this.#partial.slice(0, LONGEST_LINE), lines);
      this.#partial = this.#partial.slice(LONGEST_LINE);
    }
    return lines;
  }

  /** What stands after the last line end, when nothing more will come. */
  end(): ConsoleLine[] {
    const lines: ConsoleLine[] = [];
    readLine(this.#partial, lines);
    this.#partial = '';
    return lines;
  }
}

/** The lines of a whole console. */
export function consoleLines(text: string): ConsoleLine[] {
  const reader = new LineReader();
  return [...reader.push(text), ...reader.end()];
}

function readLine(whole: string, lines: ConsoleLine[]): void {
  for (let at = 0; at === 0 || at < whole.length; at += LONGEST_LINE)
    readRow(whole.length > LONGEST_LINE ? whole.slice(at, at + LONGEST_LINE) : whole, lines);
}

function readRow(whole: string, lines: ConsoleLine[]): void {
  // A carriage return never ends a line here: a step could make its output look like the kernel's otherwise.
  const bare = stripAnsi(whole).replaceAll('\r', '').replace(LEVEL, '');
  // What a log daemon puts in front of the kernel's own timestamp.
  const raw = bare.startsWith('[') ? bare : bare.replace(CLOCK, '');
  if (raw.startsWith(STEP_PREFIX)) {
    lines.push({ text: raw, caller: null, stamped: false });
    return;
  }
  // Most lines hold one timestamp, at their beginning.
  const parts = raw.indexOf('[', 1) > 0 && raw.indexOf('.') > 0 ? raw.split(EMBEDDED) : [raw];
  const byDaemon = raw.length < bare.length;
  for (const part of parts) if (part !== '' || parts.length === 1) lines.push(parseLine(part, byDaemon));
}

function parseLine(raw: string, byDaemon: boolean): ConsoleLine {
  let text = raw.replace(UPTIME, '').replace(CLOCK, '');
  const stamped = byDaemon || text.length < raw.length;
  const caller = CALLER.exec(text);
  if (caller) text = text.slice(caller[0].length);
  return { text, caller: caller?.[1] ?? null, stamped };
}
