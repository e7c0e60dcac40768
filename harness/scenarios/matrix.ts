import type { Document } from '../document.js';
import type { Problem } from '../errors.js';
import { didYouMean } from '../suggest.js';
import type { ScenarioFile } from './schema.js';

export type Row = Readonly<Record<string, string>>;

/** One scenario of a file, its placeholders filled in. */
export interface Expanded {
  row: Row;
  value: ScenarioFile;
}

/**
 * The scenarios of one file: one for each row of its matrix, or itself. `${word}` is filled in wherever a string
 * stands; in `run`, words that are not of the matrix are the shell's own and stay.
 */
export function expandMatrix(document: Document<ScenarioFile>, problems: Problem[]): Expanded[] {
  const { matrix, ...template } = document.value;
  const rows: Row[] = matrix ?? [{}];
  const words = new Set(rows.flatMap((row) => Object.keys(row)));
  rows.forEach((row, number) => {
    for (const word of words)
      if (!Object.hasOwn(row, word))
        problems.push(document.problem(['matrix', number], `this row has no ${word}, other rows do`));
  });
  const unknown = new Set<string>();
  const expanded = rows.map((row) => ({ row, value: fill(template, row, []) as ScenarioFile }));
  for (const text of unknown) {
    const { path, word } = JSON.parse(text) as { path: PropertyKey[]; word: string };
    problems.push(
      document.problem(path, `\${${word}} is not a word of the matrix${didYouMean(word, words)}`),
    );
  }
  return expanded;

  function fill(value: unknown, row: Row, path: PropertyKey[]): unknown {
    if (Array.isArray(value)) return value.map((item, index) => fill(item, row, [...path, index]));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, fill(item, row, [...path, key])]),
      );
    if (typeof value !== 'string') return value;
    return value.replace(/\$\{([A-Za-z]\w*)\}/g, (whole, word: string) => {
      if (Object.hasOwn(row, word)) return row[word] ?? '';
      if (path.at(-1) !== 'run' && !words.has(word)) unknown.add(JSON.stringify({ path, word }));
      return whole;
    });
  }
}
