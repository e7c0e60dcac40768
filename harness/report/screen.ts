import { forTerminal } from '../printable.js';

/** What a reporter writes to, passed in rather than read from the process: a test's screen is as good as a terminal. */
export interface Screen {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Lines for people: whatever they quote, no control sequence but styles and no order to a CI runner gets through. */
  write(text: string): void;
  /** Our own control sequences, and orders that a CI runner is to take: nothing from outside that is not escaped. */
  raw(text: string): void;
  /** Calls back when the process ends in whatever way, to put a terminal right; returns how to take that back. */
  onExit?(restore: () => void): () => void;
}

/** Where a line ends in a log, and where text wraps on a terminal that is wider: nobody reads further. */
export const MOST_COLUMNS = 100;

/**
 * The screen behind a stream. Colour: NO_COLOR (not empty) takes it away, FORCE_COLOR gives it (but for 0), else a
 * terminal that is not `dumb` has it (https://no-color.org, https://force-color.org). `CI` and a dumb terminal get no live rows.
 */
export function screenOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): Screen {
  const live = Boolean(stream.isTTY) && env.TERM !== 'dumb' && !env.CI;
  const colour = wantsColour(Boolean(stream.isTTY) && env.TERM !== 'dumb', env);
  return {
    isTTY: live,
    get columns() {
      return stream.columns || MOST_COLUMNS;
    },
    get rows() {
      return stream.rows || 24;
    },
    colour,
    write: (text) => {
      stream.write(forTerminal(text, { styles: colour }));
    },
    raw: (text) => {
      stream.write(text);
    },
    onExit: (restore) => {
      // Before the terminal is let go of.
      process.prependListener('exit', restore);
      return () => process.off('exit', restore);
    },
  };
}

/** Whether colour is wanted, as the environment says. */
export function wantsColour(terminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return terminal;
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** One function for each style; the text as it came where there is no colour. */
export type Style = Record<keyof typeof CODES, (text: string) => string>;

export function styleOf(screen: Pick<Screen, 'colour'>): Style {
  const entries = Object.entries(CODES).map(([name, [on, off]]) => [
    name,
    (text: string) => (screen.colour && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text),
  ]);
  return Object.fromEntries(entries) as Style;
}

/** Text cut to `width` characters, the cut marked. For plain text: cut first, then colour. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Text broken at spaces into lines of at most `width` characters; a word that is longer is broken anywhere. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    while (word.length > width) {
      lines.push(word.slice(0, width));
      word = word.slice(width);
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}
