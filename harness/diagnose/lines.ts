import { stripAnsi } from '../report/clean.js';

/** A line of the kernel's console without what stands around its message. */
export interface ConsoleLine {
  text: string;
  /** Who printed it, where the kernel says so (CONFIG_PRINTK_CALLER): `T123` a task, `C0` a CPU. */
  caller: string | null;
}

/** What init puts before each line that a step printed: such a line is never the kernel's. */
export const STEP_PREFIX = 'step| ';

const LEVEL = /^<\d{1,3}>/;
/** `[    1.234567]`, with the caller right behind it; printk.c, print_prefix(). */
const UPTIME = /^\[ *\d+\.\d+\] ?/;
/** dmesg -T, dmesg --time-format iso, and journalctl's short form. */
const CLOCK =
  /^(?:\[[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:]{8} \d{4}\]|\d{4}-\d\d-\d\dT[\d:.,]+(?:[+-][\d:]+|Z)|[A-Z][a-z]{2} +\d+ [\d:]{8} \S+ kernel:) ?/;
const CALLER = /^\[ *([TC]\d+)\] ?/;
/** A message that begins behind an unfinished line of somebody else's. */
const EMBEDDED = /(?=\[ *\d{1,7}\.\d{6}\])/;

/**
 * The console as lines of kernel messages: terminal sequences, carriage returns, log levels, timestamps of all kinds
 * and caller prefixes taken off. A line that holds the beginning of a second message becomes two.
 */
export function consoleLines(text: string): ConsoleLine[] {
  const lines: ConsoleLine[] = [];
  // A carriage return never ends a line here: a step could make its output look like the kernel's otherwise.
  for (const whole of stripAnsi(text).replaceAll('\r', '').split('\n')) {
    const raw = whole.replace(LEVEL, '');
    if (raw.startsWith(STEP_PREFIX)) {
      lines.push({ text: raw, caller: null });
      continue;
    }
    const parts = raw.indexOf('.') > 0 && raw.includes('[') ? raw.split(EMBEDDED) : [raw];
    for (const part of parts) if (part !== '' || parts.length === 1) lines.push(parseLine(part));
  }
  return lines;
}

function parseLine(raw: string): ConsoleLine {
  let text = raw.replace(UPTIME, '').replace(CLOCK, '');
  const caller = CALLER.exec(text);
  if (caller) text = text.slice(caller[0].length);
  return { text, caller: caller?.[1] ?? null };
}
