import type { Style } from './screen.js';

/** Text, or text with a colour; numbers stand right, the first column and whatever says so stands left. */
export type Cell = string | { text: string; style?: (text: string) => string; left?: boolean };

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text);

/** Rows in columns, two spaces apart, below a bold head. No line ends in spaces. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], style: Style): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => textOf(row[column] ?? '').length)),
  );
  const line = (cells: readonly Cell[], all?: (text: string) => string): string => {
    const parts = cells.map((cell, column) => {
      const text = textOf(cell);
      const left = column === 0 || (typeof cell !== 'string' && cell.left);
      const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - text.length));
      const shown = typeof cell === 'string' ? text : (cell.style?.(text) ?? text);
      return left ? shown + space : space + shown;
    });
    const joined = parts.join('  ').trimEnd();
    return `${all ? all(joined) : joined}\n`;
  };
  return line(head, style.bold) + rows.map((row) => line(row)).join('');
}
