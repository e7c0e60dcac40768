import type { Module } from './module.js';
import { nameOfPath, normaliseName } from './names.js';

/** Readers of depmod's text files, line by line as libkmod reads them. Everything is 7-bit text by depmod's own rule. */

/** `path: dependency dependency` -> path and dependency paths, in the file's order. */
export function parseDep(text: string): [path: string, depends: string[]][] {
  const rows: [string, string[]][] = [];
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const rest = line.slice(colon + 1).trim();
    rows.push([line.slice(0, colon), rest ? rest.split(/\s+/) : []]);
  }
  return rows;
}

/** `alias PATTERN MODULE` of modules.alias and modules.symbols. */
export function parseAlias(text: string): [pattern: string, module: string][] {
  const rows: [string, string][] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('alias ')) continue;
    const end = line.lastIndexOf(' ');
    // A pattern may hold spaces (ACPI and DMI ones do not, but nothing forbids it); a module name never does.
    rows.push([line.slice(6, end), line.slice(end + 1)]);
  }
  return rows;
}

export type Soft = Pick<Module, 'softPre' | 'softPost'>;

/**
 * `softdep MODULE pre: a b post: c`. Words before the first `pre:` or `post:` count for nothing, and only a
 * module's first line counts: kmod stops at it (libkmod-module.c, kmod_module_get_softdeps).
 */
export function parseSoftdep(text: string): Map<string, Soft> {
  const all = new Map<string, Soft>();
  for (const [name, words] of parseRules(text, 'softdep'))
    if (!all.has(name)) all.set(name, parseSoftWords(words));
  return all;
}

function parseSoftWords(words: readonly string[]): Soft {
  const soft: Soft = { softPre: [], softPost: [] };
  let list: string[] | null = null;
  for (const word of words) {
    if (word === 'pre:') list = soft.softPre;
    else if (word === 'post:') list = soft.softPost;
    else list?.push(word);
  }
  return soft;
}

/** `weakdep MODULE a b` (kmod 33 and later); several lines of one module add up. */
export function parseWeakdep(text: string): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [name, words] of parseRules(text, 'weakdep'))
    all.set(name, [...(all.get(name) ?? []), ...words]);
  return all;
}

/** Lines as libkmod-config.c splits them: one with nothing behind the module's name is no line at all. */
function* parseRules(text: string, keyword: string): Generator<[module: string, words: string[]]> {
  for (const line of text.split('\n')) {
    const found = /^[\t ]*(\w+)[\t ]+([^\t ]+)[\t ](.+)$/.exec(line);
    if (found?.[1] === keyword)
      yield [normaliseName(found[2] ?? ''), found[3]?.split(/\s+/).filter(Boolean) ?? []];
  }
}

/** modules.builtin: name -> path. */
export function parseBuiltin(text: string): Map<string, string> {
  const all = new Map<string, string>();
  for (const line of text.split('\n')) if (/^[A-Za-z]/.test(line)) all.set(nameOfPath(line), line);
  return all;
}

/** modules.builtin.modinfo (`module.alias=PATTERN`, closed by NULs) -> the aliases of built-ins. */
export function parseBuiltinAliases(text: string): [pattern: string, module: string][] {
  const rows: [string, string][] = [];
  for (const entry of text.split('\0')) {
    const dot = entry.indexOf('.');
    if (dot > 0 && entry.startsWith('alias=', dot + 1))
      rows.push([entry.slice(dot + 7), entry.slice(0, dot)]);
  }
  return rows;
}
