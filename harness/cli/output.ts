import { cleanLine, forJson, forTerminal } from '../printable.js';
import { MOST_COLUMNS, screenOf, styleOf } from '../report/screen.js';
import { type Cell, table } from '../report/table.js';

/**
 * Where a command's words go: the answer to standard output, everything else to standard error. Nothing else in cli/ writes to
 * either, so that no text from a file or guest reaches a terminal or a CI log as it is.
 */

/** A piece of the answer, as it stands: whole lines. */
export function write(text: string): void {
  screenOf(process.stdout).write(text);
}

/** A line of the answer. */
export function print(line: string): void {
  write(`${line}\n`);
}

/** The answer as JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(forJson(value));
}

/** What is meant for CI's runner to act upon: escaped by whoever made it (forGithub). */
export function writeOrders(text: string): void {
  process.stdout.write(text);
}

/** A sentence for people, on standard error. */
export function say(sentence: string): void {
  process.stderr.write(`bootgate: ${forTerminal(cleanLine(sentence))}\n`);
}

/** The terminal's style, and the width that text wraps at. */
export function standardOutput() {
  const screen = screenOf(process.stdout);
  return { screen, style: styleOf(screen), width: Math.min(screen.columns, MOST_COLUMNS) };
}

/** Rows in columns without a head; columns named by `right` are aligned right. */
export function printTable(rows: readonly (readonly string[])[], right: readonly number[] = []): void {
  const cells = rows.map((row) =>
    row.map((text, column): Cell => ({ text: cleanLine(text), left: !right.includes(column) })),
  );
  write(table([], cells, styleOf({ colour: false })));
}
