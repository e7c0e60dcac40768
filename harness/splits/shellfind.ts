import { expandBraces, globMatcher } from '../patterns/glob.js';
import { grepMatcher } from '../patterns/grep.js';
import { FindExpression } from './findexpression.js';
import { compiled, pipeline, ShellBeyond, type Word } from './shellwords.js';

/**
 * `find FOLDER... EXPRESSION [| grep [-v] PATTERN] [| sort]`, the commands that Ubuntu's inclusion lists hold, answered from
 * a list of paths. Nothing is run, and what goes beyond this is told from what is merely wrong.
 */

const GLOB = { doubleStar: false, brackets: true, crossSlash: false, dashIsUnderscore: false };
/**
 * The files that a command prints.
 * @param tree The folder in which the command would run.
 * @throws ShellBeyond for what is not understood.
 */
export function findFiles(command: string, tree: FileTree): string[] {
  const [first = [], ...filters] = pipeline(command);
  if (first[0]?.text !== 'find') throw new ShellBeyond('only find is supported', first[0]?.offset ?? 0);
  const words = first.slice(1).flatMap((word) => expand(word, tree));
  const split = words.findIndex(({ text }) => /^[-!(]/.test(text));
  const starts = (split < 0 ? words : words.slice(0, split)).map(({ text }) => text);
  const expression = new FindExpression(split < 0 ? [] : words.slice(split));
  const printed = (starts.length > 0 ? starts : ['.']).flatMap((start) => walk(start, tree, expression));
  const lines = filters.reduce((some, words) => filter(words, some), printed);
  return lines.map((line) => line.replace(/\/+/g, '/').replace(/^\.\//, ''));
}

/** Braces and globs, as the shell expands them before find sees them: a glob that matches nothing stays as it is. */
function expand(word: Word, tree: FileTree): Word[] {
  if (!word.bare) return [word];
  return expandBraces(word.text).flatMap((text) => {
    const matcher = /[*?[]/.test(text)
      ? compiled(() => globMatcher(text.replace(/\/+$/, ''), GLOB), word)
      : null;
    const found = matcher ? tree.all.filter((path) => matcher.test(path)) : [];
    return (found.length > 0 ? found : [text]).map((one) => ({ ...word, text: one, bare: false }));
  });
}

/** Files and the folders that they lie in, by paths relative to one folder. */
export class FileTree {
  readonly all: readonly string[];
  readonly #files: ReadonlySet<string>;

  constructor(files: readonly string[]) {
    this.#files = new Set(files);
    const folders = new Set<string>();
    for (const file of files)
      for (let at = file.indexOf('/'); at >= 0; at = file.indexOf('/', at + 1))
        folders.add(file.slice(0, at));
    this.all = [...folders, ...files].sort();
  }

  isFile(path: string): boolean {
    return this.#files.has(path);
  }
}

/** A start's own path is as it was written, `fs/` with its slash, and what lies below begins with it. */
function walk(start: string, tree: FileTree, expression: FindExpression): string[] {
  const root = start.replace(/\/+$/, '').replace(/^\.(\/+|$)/, '');
  const below = start.endsWith('/') ? start : `${start}/`;
  const printed: string[] = [];
  const pruned: string[] = [];
  for (const path of ['', ...tree.all]) {
    if (path !== root && root !== '' && !path.startsWith(`${root}/`)) continue;
    if (pruned.some((folder) => path.startsWith(folder))) continue;
    const rest = path === root ? '' : path.slice(root === '' ? 0 : root.length + 1);
    const depth = rest === '' ? 0 : rest.split('/').length;
    if (depth > expression.maxDepth) continue;
    if (depth < expression.minDepth) continue;
    const shown = rest === '' ? start : `${below}${rest}`;
    const visit = { path: shown, file: tree.isFile(path), pruned: false, printed: false };
    const holds = expression.test(visit);
    if (expression.prints ? visit.printed : holds) printed.push(shown);
    if (visit.pruned) pruned.push(path === '' ? '' : `${path}/`);
  }
  return printed;
}

/** `grep [-v] PATTERN` and `sort` behind a pipe. */
function filter(words: readonly Word[], lines: readonly string[]): string[] {
  const [program, ...rest] = words;
  if (!program) throw new ShellBeyond('nothing follows the pipe', 0);
  if (program.text === 'sort' && rest.every(({ text }) => text === '-u')) return [...new Set(lines)].sort();
  if (program.text !== 'grep') throw new ShellBeyond(`${program.text} is not supported`, program.offset);
  const inverted = rest.filter(({ text }) => text === '-v').length % 2 === 1;
  const patterns = rest.filter(({ text }) => text !== '-v' && text !== '-e');
  const [pattern] = patterns;
  if (!pattern || patterns.length > 1 || pattern.text.startsWith('-'))
    throw new ShellBeyond('of grep, only -v, -e and one pattern are supported', program.offset);
  const matcher = compiled(() => grepMatcher(pattern.text), pattern);
  return lines.filter((line) => matcher.test(line) !== inverted);
}
