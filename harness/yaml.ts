import { Composer, type Document, isMap, isScalar, LineCounter, Parser, visit } from 'yaml';
import { BootgateError, type Problem, userError } from './errors.js';
import { MAX_PROBLEMS } from './limits.js';

/** One YAML document, with the means to say where a part of it stands. */
export interface YamlText {
  document: Document.Parsed;
  /** Line and column, from 1, of an offset into the text. */
  placeOf(offset: number): { line: number; column: number };
}

/** The parser is done with a document when this is thrown: what follows would only be more of the same. */
class Enough extends Error {}

/**
 * Parses one YAML document in linear time: it stops at the first MAX_PROBLEMS errors. Keys are unique, merge keys are off.
 * @throws BootgateError blame `user`, E_DOCUMENT, with each problem at file:line:col.
 */
export function parseYaml(file: string, text: string): YamlText {
  const lines = new LineCounter();
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems: Problem[] = [];
  const complain = (offset: number, message: string) => {
    // Some of the library's messages end with the text that they are about, up to a whole line of it.
    const [first = ''] = message.split('\n');
    const plain = first.replace(/: "[^"]{20,}"?.*$/, '');
    problems.push({ file, ...placeOf(offset), message: shorten(plain) });
    if (problems.length >= MAX_PROBLEMS) throw new Enough();
  };
  // The library's own check for unique keys compares every key with every other.
  const composer = new Composer({ strict: true, uniqueKeys: false, merge: false });
  let document: Document.Parsed | undefined;
  try {
    for (const found of composer.compose(tokensOf(text, lines), true, text.length)) {
      for (const error of found.errors) complain(error.pos[0], error.message);
      if (document) complain(found.range[0], 'a second document begins here: a file can have only one');
      document ??= found;
    }
    if (document)
      for (const [offset, key] of repeatedKeys(document)) complain(offset, `the key ${key} appears twice`);
  } catch (error) {
    if (error instanceof RangeError)
      throw userError('E_DOCUMENT', `${file} is not valid YAML: it is nested too deep`, { cause: error });
    if (!(error instanceof Enough)) throw error;
    problems.push({ file, message: `the first ${MAX_PROBLEMS} problems are shown` });
  }
  if (problems.length > 0 || !document)
    throw new BootgateError(`${file} is not valid YAML`, { code: 'E_DOCUMENT', blame: 'user', problems });
  return { document, placeOf };
}

/** The parser's tokens, up to the first that hold only errors: each of those costs more than a line of text. */
function* tokensOf(text: string, lines: LineCounter) {
  let errors = 0;
  for (const token of new Parser(lines.addNewLine).parse(text)) {
    yield token;
    if (token.type === 'error' && ++errors > MAX_PROBLEMS) return;
  }
}

function repeatedKeys(document: Document.Parsed): [offset: number, key: string][] {
  const repeated: [number, string][] = [];
  visit(document, {
    Map(_, map) {
      if (!isMap(map)) return;
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && repeated.length <= MAX_PROBLEMS)
          repeated.push([key.range?.[0] ?? 0, shorten(JSON.stringify(key.value) ?? '', 60)]);
        seen.add(key.value);
      }
    },
  });
  return repeated;
}

/** Errors quote a word of the file, never a page of it. */
export function shorten(text: string, most = 160): string {
  return text.length > most ? `${text.slice(0, most - 3)}...` : text;
}
