import { type Style, wrap } from './screen.js';

/** Text, or text with a colour; the first column is aligned left and numbers right, unless a cell says otherwise. */
export type Cell = string | { text: string; style?: (text: string) => string; left?: boolean };

const textOf = (cell: Cell | undefined): string => (typeof cell === 'object' ? cell.text : (cell ?? ''));

/**
 * Rows in columns, two spaces apart, below a bold head; without a head where it is empty. No line ends in spaces.
 * @param width where it is wider, each row becomes a line with what the others say of it below: `storage`, `  ok 3, fail 1`.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: Style,
  width = Number.POSITIVE_INFINITY,
): string {
  const columns = Math.max(head.length, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    [head, ...rows].reduce((most, row) => Math.max(most, textOf(row[column]).length), 0),
  );
  if (widths.reduce((sum, one) => sum + one + 2, -2) > width) return narrow(head, rows, style, width);
  const line = (cells: readonly Cell[], all?: (text: string) => string): string => {
    const parts = cells.map((cell, column) => {
      const text = textOf(cell);
      const left = typeof cell === 'string' ? column === 0 : (cell.left ?? column === 0);
      const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - text.length));
      const shown = typeof cell === 'string' ? text : (cell.style?.(text) ?? text);
      return left ? shown + space : space + shown;
    });
    const joined = parts.join('  ').trimEnd();
    return `${all ? all(joined) : joined}\n`;
  };
  return (head.length > 0 ? line(head, style.bold) : '') + rows.map((row) => line(row)).join('');
}

/** Cells that say nothing (empty, `-`, a bar) are left out. */
function narrow(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: Style,
  width: number,
): string {
  const lines = head[0] ? wrap(head[0], width).map(style.bold) : [];
  for (const [first, ...rest] of rows) {
    const facts = rest.flatMap((cell, at) => {
      const text = textOf(cell).trim();
      return /^[-█]*$/.test(text) ? [] : [[head[at + 1], text].filter(Boolean).join(' ')];
    });
    lines.push(...wrap(textOf(first).trim(), width));
    lines.push(...wrap(facts.join(', '), width - 2).map((line) => `  ${line}`));
  }
  return `${lines.join('\n')}\n`;
}
