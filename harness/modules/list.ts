import { type BootgateError, type Problem, userError } from '../errors.js';
import { MAX_PROBLEMS } from '../limits.js';
import { someOf } from '../printable.js';
import { didYouMean } from '../suggest.js';
import { readBlocks } from './listblocks.js';
import { type ListEntry, readListLine } from './listforms.js';
import type { ModuleIndex, RulePlace } from './module.js';
import { nameOfPath } from './names.js';
import { shownFile } from './place.js';
import { type Selection, Selector } from './selector.js';

/** What rules pick out of a tree, before anything is added back. */
export interface Picked {
  names: Set<string>;
  /** For a module that is out: the last rule that said so. */
  excludedBy: Map<string, RulePlace>;
  warnings: string[];
}

export interface ListOptions {
  /** Names that this kernel has built in or does not have are counted and listed instead of refused. */
  allowMissing?: boolean;
}

/**
 * Reads a module list. bootgate's own form: one pattern a line (see selector.ts), `#` comments, `-PATTERN` takes out again, later
 * lines win, a trailing `?` allows the pattern to match nothing. What other tools print and read (listforms.ts, listblocks.ts) is
 * recognised by its form, and a warning says which. A name that is no module is looked up as an alias, as modprobe does. Built-ins
 * satisfy a line silently.
 * @throws BootgateError blame `user`, E_MODULE_LIST: every problem at once, as file:line.
 */
export function readList(
  index: ModuleIndex,
  text: string | Uint8Array,
  path: string,
  options: ListOptions = {},
): Picked {
  const file = path === STDIN ? 'standard input' : shownFile(path);
  const selector = Selector.of(index);
  const { entries, notes } = readEntries(decode(text, file), file);
  const picked: Picked = { names: new Set(), excludedBy: new Map(), warnings: notes };
  const problems: Problem[] = [];
  const missing = new Set<string>();
  const builtIn = new Set<string>();
  let count = 0;
  for (const entry of entries) {
    const { line } = entry;
    const problem = apply(entry, { file, line, text: entry.text });
    if (!problem) continue;
    count++;
    if (problems.length < MAX_PROBLEMS) problems.push({ file, line, ...problem });
  }
  if (options.allowMissing) {
    if (builtIn.size > 0) picked.warnings.push(`${file}: built in: ${counted(builtIn)}`);
    if (missing.size > 0) picked.warnings.push(`${file}: not in ${index.release}: ${counted(missing)}`);
  }
  if (count > 0) {
    if (count > problems.length) problems.push({ file, message: `and ${count - problems.length} more` });
    const lines = count === 1 ? 'a line' : `${count} lines`;
    throw userError('E_MODULE_LIST', `${file}: ${lines} of the module list cannot be used`, {
      problems,
      hint: `the tree is that of ${index.release}; a trailing ? makes a line optional, --allow-missing all of them`,
    });
  }
  return picked;

  function apply(entry: ListEntry, place: RulePlace): Omit<Problem, 'file' | 'line'> | null {
    const { pattern, remove } = entry;
    if (pattern === '') return { message: `"${entry.text}" names no module` };
    let selection: Selection;
    try {
      selection = select(selector, index, pattern);
    } catch {
      return { message: `"${pattern}" is not a valid pattern: its brackets are not a valid range` };
    }
    const { names, builtins } = selection;
    if (names.length === 0 && builtins > 0) builtIn.add(pattern);
    if (names.length === 0 && builtins === 0 && !entry.optional) {
      if (!options.allowMissing) return unknown(pattern);
      missing.add(pattern);
    }
    let changed = 0;
    for (const name of names) {
      if (remove) {
        if (picked.names.delete(name)) changed++;
        picked.excludedBy.set(name, place);
      } else {
        picked.names.add(name);
        picked.excludedBy.delete(name);
      }
    }
    if (remove && names.length > 0 && changed === 0)
      picked.warnings.push(`${file}:${place.line}: "${entry.text}" removes nothing that was in the list`);
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

/** What stands for standard input in the place of a file. */
export const STDIN = '-';

/** A pattern as selector.ts has it; a word that is no module may be an alias of some: `crc32c`, `fs-xfs`, `pci:v00001AF4...`. */
function select(selector: Selector, index: ModuleIndex, pattern: string): Selection {
  const isAlias = /^[a-z0-9]+:/.test(pattern);
  const selection = isAlias ? { names: [], builtins: 0 } : selector.select(pattern);
  if (selection.names.length + selection.builtins > 0 || (!isAlias && /[*?[/]/.test(pattern)))
    return selection;
  const found = index.resolve(pattern);
  if (found.kind === 'builtin') return { names: [], builtins: found.names.length };
  return { names: found.kind === 'modules' ? found.names : [], builtins: 0 };
}

/** What the text names, in order, and sentences about its form. */
function readEntries(text: string, file: string): { entries: ListEntry[]; notes: string[] } {
  const blocks = readBlocks(text);
  if (blocks) return { entries: blocks.entries, notes: [`${file}: read as ${blocks.form}`] };
  const rows = text.split('\n');
  const isListing = rows.some((row) => /\blib\/modules\/[^/\s]+\/\S+\.ko\b/.test(row));
  const entries: ListEntry[] = [];
  const forms = new Set<string>();
  const withOptions: string[] = [];
  const foreign: number[] = [];
  for (const [at, row] of rows.entries()) {
    const line = at + 1;
    if (isListing && isOtherFile(row)) continue;
    const read = readListLine(row);
    if (!read) foreign.push(line);
    if (!read) continue;
    if (read.form) forms.add(read.form);
    for (const entry of read.entries) entries.push({ ...entry, line, text: read.text });
    if (read.options) withOptions.push(...read.entries.map(({ pattern }) => pattern));
  }
  if (foreign.length > 0) throw notList(file, foreign);
  const notes = forms.size > 0 ? [`${file}: read as ${[...forms].join(', ')}`] : [];
  if (withOptions.length > 0)
    notes.push(
      `${file}: module options are not passed to the guest: they are ignored for ${counted(new Set(withOptions))}`,
    );
  return { entries, notes };
}

/** In a listing of an initramfs or a package: a line of a file or folder that is no module. */
const isOtherFile = (row: string): boolean =>
  !/\.ko(\.\w+)?(\s|$)/.test(row) &&
  (/^[-dlcbps][-rwxsStT]{9}[.+@]?\s/.test(row) ||
    /^\.?\/?(usr|bin|sbin|etc|lib|lib32|lib64|libx32|var|run|conf|scripts|init|dev|proc|sys|root|tmp|cryptroot)(\/|\s*$|\s->\s)/.test(
      row,
    ) ||
    /^\.\/?\s*$/.test(row));

/** `3: a, b, c` */
const counted = (names: ReadonlySet<string>): string => `${names.size} (${someOf([...names], 12)})`;

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
