import { type BootgateError, type Problem, userError } from '../errors.js';
import { MAX_PROBLEMS } from '../limits.js';
import { didYouMean } from '../suggest.js';
import type { ModuleIndex, RulePlace } from './module.js';
import { nameOfPath } from './names.js';
import { shownFile } from './place.js';
import { Selector } from './selector.js';

/** What rules pick out of a tree, before anything is added back. */
export interface Picked {
  names: Set<string>;
  /** For a module that is out: the last rule that said so. */
  excludedBy: Map<string, RulePlace>;
  warnings: string[];
}

/** Whether it is made of what names, paths and globs of modules are made of. */
function isPlausible(pattern: string): boolean {
  return /^[-\w.,+@/*?[\]!^]{0,200}$/.test(pattern.replace(/\[:[a-z]+:\]/g, ''));
}

/**
 * Reads a module list: one pattern a line (see selector.ts), `#` comments, `-PATTERN` takes out again, later lines win, a
 * trailing `?` allows the pattern to match nothing. Built-ins satisfy a line silently.
 * @throws BootgateError blame `user`, E_MODULE_LIST: every problem at once, as file:line.
 */
export function readList(index: ModuleIndex, text: string | Uint8Array, path: string): Picked {
  const file = shownFile(path);
  const selector = Selector.of(index);
  const picked: Picked = { names: new Set(), excludedBy: new Map(), warnings: [] };
  const lines = decode(text, file).split('\n').map(parseLine);
  const foreign = lines.flatMap((line, at) => (line && !isPlausible(line.pattern) ? [at + 1] : []));
  if (foreign.length > 0) throw notList(file, foreign);
  const problems: Problem[] = [];
  let count = 0;
  for (const [at, line] of lines.entries()) {
    if (!line) continue;
    const place = { file, line: at + 1, text: line.text };
    const problem = apply(line, place);
    if (!problem) continue;
    count++;
    if (problems.length < MAX_PROBLEMS) problems.push({ file, line: at + 1, ...problem });
  }
  if (count > 0) {
    if (count > problems.length) problems.push({ file, message: `and ${count - problems.length} more` });
    const counted = count === 1 ? 'a line' : `${count} lines`;
    throw userError('E_MODULE_LIST', `${file}: ${counted} of the module list cannot be used`, {
      problems,
      hint: `the tree is that of ${index.release}; a trailing ? makes a line optional`,
    });
  }
  return picked;

  function apply(line: ListLine, place: RulePlace): Omit<Problem, 'file' | 'line'> | null {
    if (line.pattern === '') return { message: `"${line.text}" names no module` };
    let selection: ReturnType<Selector['select']>;
    try {
      selection = selector.select(line.pattern);
    } catch {
      return { message: `"${line.pattern}" is not a valid pattern: its brackets are not a valid range` };
    }
    const { names, builtins } = selection;
    if (names.length === 0 && builtins === 0 && !line.optional) return unknown(line.pattern);
    let changed = 0;
    for (const name of names) {
      if (line.remove) {
        if (picked.names.delete(name)) changed++;
        picked.excludedBy.set(name, place);
      } else {
        picked.names.add(name);
        picked.excludedBy.delete(name);
      }
    }
    if (line.remove && names.length > 0 && changed === 0)
      picked.warnings.push(`${file}:${place.line}: "${line.text}" removes nothing that was in the list`);
    return null;
  }

  function unknown(pattern: string): Omit<Problem, 'file' | 'line'> {
    const glob = /[*?[]/.test(pattern);
    if (glob || pattern.includes('/')) {
      const near = glob || problems.length >= MAX_PROBLEMS ? '' : nearModule(index, nameOfPath(pattern));
      return { message: `"${pattern}" matches no module${near}` };
    }
    const known = problems.length < MAX_PROBLEMS ? [...index.modules.keys(), ...index.builtins.keys()] : [];
    return { message: `there is no module "${pattern}"${didYouMean(nameOfPath(pattern), known)}` };
  }
}

/**
 * The error of a file that is no list: it may be anybody's, and an error ends in logs that many read, so nothing of it is quoted.
 * @param lines The numbers of the lines that show it, from 1.
 */
export function notList(file: string, lines: readonly number[], code = 'E_MODULE_LIST'): BootgateError {
  const message = 'this line is no module name, path or glob';
  const problems: Problem[] = lines.slice(0, MAX_PROBLEMS).map((line) => ({ file, line, message }));
  if (lines.length > MAX_PROBLEMS)
    problems.push({ file, message: `and ${lines.length - MAX_PROBLEMS} more` });
  return userError(code, `${file} is not a module list`, {
    problems,
    hint: 'a module list is plain text, one name, path or glob a line; # begins a comment',
  });
}

/** For a path that is not there: where the module of that name is. */
function nearModule(index: ModuleIndex, name: string): string {
  const module = index.modules.get(name);
  return module ? ` (${name} is at ${module.path})` : didYouMean(name, index.modules.keys());
}

interface ListLine {
  text: string;
  pattern: string;
  remove: boolean;
  optional: boolean;
}

/** Null for a line that says nothing. A trailing `?` is the mark, never a wildcard. */
function parseLine(raw: string): ListLine | null {
  const text = raw.replace(/(^|\s)#.*$/s, '').trim();
  if (text === '') return null;
  const remove = text.startsWith('-');
  const optional = text.endsWith('?');
  const pattern = text.slice(remove ? 1 : 0, optional ? -1 : undefined).trim();
  return { text, pattern, remove, optional };
}

/** A list is UTF-8 (names are ASCII); CRLF and a byte order mark are taken as they come. */
function decode(text: string | Uint8Array, file: string): string {
  let decoded: string;
  try {
    decoded = typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    const line = firstBadLine(text as Uint8Array);
    throw userError('E_MODULE_LIST', `${file} is not UTF-8 text`, {
      problems: [{ file, line, message: 'this line has a byte that UTF-8 does not allow (Latin-1?)' }],
      hint: 'module names are ASCII; convert the file with iconv, or remove the line',
    });
  }
  if (decoded.includes('\0')) {
    const line = decoded.slice(0, decoded.indexOf('\0')).split('\n').length;
    throw userError('E_MODULE_LIST', `${file} is not a text file`, {
      problems: [{ file, line, message: 'this line has a NUL byte' }],
      hint: 'a module list is plain text, one name, path or glob a line',
    });
  }
  return decoded.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
}

function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(10, from);
    try {
      decoder.decode(bytes.subarray(from, end < 0 ? undefined : end));
    } catch {
      return line;
    }
    if (end < 0) break;
    from = end + 1;
  }
  return line;
}
