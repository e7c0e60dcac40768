import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { didYouMean } from '../suggest.js';
import { type LineFile, readLines, Suggestions } from './lines.js';
import type { Placed, ReadSplitOptions, Split, SplitPackage } from './split.js';

/**
 * Reads the `%define modules WORDS` of SUSE's kernel-default-base.spec: module names, between spaces or commas. The
 * package gets them and what they need by modules.dep and by modules.softdep, words before `pre:` and `post:`
 * included, as SUSE's mergedep and moddep do. kernel-FLAVOUR holds the rest; in truth it holds the base's modules too.
 */
export async function readSuseBase(
  file: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const list = await readLines(file);
  const problems: Problem[] = [];
  const notes: Split['notes'] = [];
  const unused: RulePlace[] = [];
  const suggestions = new Suggestions();
  const main = `kernel-${options.flavour ?? 'default'}`;
  const base = `${main}-base`;
  const placement = new Map<string, Placed>();
  const macros = macrosOf(list);
  if (!macros.has('modules'))
    problems.push({
      file: list.file,
      line: 1,
      column: 1,
      message: 'there is no `%define modules` in this file',
    });
  for (const { text, place, column } of expand('modules', macros, problems)) {
    const name = text.replaceAll('-', '_');
    if (!/^[\w.]+$/.test(name))
      problems.push({
        file: place.file,
        line: place.line,
        column,
        message: `"${text}" is not a module name: this list takes neither paths nor globs`,
      });
    else if (index.modules.has(name)) placement.set(name, { package: base, rule: place });
    else if (!index.builtins.has(name)) {
      unused.push(place);
      notes.push({
        id: 'module-missing',
        severity: 'note',
        message: `there is no module ${text}${suggestions.for(name, index.modules.keys())}`,
        place,
      });
    }
  }
  if (problems.length > 0)
    throw new BootgateError(`${list.file} is not a valid split`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems,
    });

  const queue = [...placement.keys()];
  for (let head = 0; head < queue.length; head++) {
    const user = queue[head] as string;
    const module = index.modules.get(user);
    for (const word of [...(module?.depends ?? []), ...softWords(index, user)]) {
      const name = word.replaceAll('-', '_');
      if (!index.modules.has(name) || placement.has(name)) continue;
      const soft = !module?.depends.includes(name);
      const why = `${soft ? 'a softdep of' : 'needed by'} ${user}`;
      placement.set(name, { package: base, rule: placement.get(user)?.rule ?? null, why });
      queue.push(name);
    }
  }
  for (const name of index.modules.keys())
    if (!placement.has(name)) placement.set(name, { package: main, rule: null });
  const place = (text: string) => ({ file: list.file, line: 1, text });
  const packages: SplitPackage[] = [
    { name: base, depends: [], place: place('%define modules') },
    { name: main, depends: [base], place: place('the rest') },
  ];
  return {
    name: base,
    format: 'suse-base',
    file: list.file,
    packages,
    placement,
    twice: new Map(),
    partial: false,
    unused,
    notes,
    budgets: {},
  };
}

const softLines = new WeakMap<ModuleIndex, Map<string, string[]>>();

/** All words of a module's softdep lines: unlike kmod, mergedep counts those before the first colon too. */
function softWords(index: ModuleIndex, name: string): string[] {
  let lines = softLines.get(index);
  if (!lines) {
    lines = new Map();
    for (const line of index.texts.softdep.split('\n')) {
      const [keyword, user, ...words] = line.trim().split(/\s+/);
      if (keyword !== 'softdep' || user === undefined || !line.includes(':')) continue;
      const key = user.replaceAll('-', '_');
      lines.set(key, [...(lines.get(key) ?? []), ...words.filter((word) => !word.endsWith(':'))]);
    }
    softLines.set(index, lines);
  }
  return lines.get(name) ?? [];
}

interface Word {
  text: string;
  place: RulePlace;
  column: number;
}

/** The words of every `%define NAME ...`, over lines that end in a backslash. A later definition replaces an earlier one. */
function macrosOf(list: LineFile): Map<string, Word[]> {
  const macros = new Map<string, Word[]>();
  for (let at = 0; at < list.lines.length; at++) {
    const start = /^\s*%(?:define|global)\s+(\w+)(?=\s)/.exec(list.lines[at] ?? '');
    if (!start) continue;
    const words: Word[] = [];
    for (let from = start[0].length; ; at++, from = 0) {
      const line = list.lines[at] ?? '';
      for (const word of line
        .replace(/\\\s*$/, '')
        .slice(from)
        .matchAll(/[^\s,]+/g))
        words.push({
          text: word[0],
          place: { file: list.file, line: at + 1, text: word[0] },
          column: from + word.index + 1,
        });
      if (!/\\\s*$/.test(line) || at + 1 >= list.lines.length) break;
    }
    macros.set(start[1] as string, words);
  }
  return macros;
}

const MOST_WORDS = 100_000;
/** As rpm's own limit (`_max_recursion`, rpmio/macro.c). */
const MOST_DEEP = 64;

/** A macro's words, with `%other` and `%{other}` in it replaced by theirs. */
function expand(
  name: string,
  macros: ReadonlyMap<string, Word[]>,
  problems: Problem[],
  open: readonly string[] = [],
  seen = { words: 0 },
): Word[] {
  return (macros.get(name) ?? []).flatMap((word) => {
    // Twenty macros that hold each other twice are a million words; all of openSUSE's list is 600.
    if (++seen.words > MOST_WORDS) {
      if (seen.words === MOST_WORDS + 1)
        problems.push({
          file: word.place.file,
          line: word.place.line,
          column: word.column,
          message: `%modules expands to more than ${MOST_WORDS} words`,
        });
      return [];
    }
    const inner = /^%\{?(\w+)\}?$/.exec(word.text)?.[1];
    if (inner === undefined && !word.text.includes('%')) return [word];
    const { file, line } = word.place;
    const wrong = (message: string) => problems.push({ file, line, column: word.column, message });
    if (inner === 'nil') return [];
    if (inner === undefined) wrong(`"${word.text}" is rpm macro syntax that bootgate does not support`);
    else if (!macros.has(inner))
      wrong(`there is no macro ${inner} in this file${didYouMean(inner, macros.keys())}`);
    else if (open.includes(inner) || inner === name)
      wrong(`macros contain each other: ${[...open, name, inner].map((one) => `%${one}`).join(' -> ')}`);
    else if (open.length >= MOST_DEEP) wrong(`macros contain each other deeper than ${MOST_DEEP}`);
    else return expand(inner, macros, problems, [...open, name], seen);
    return [];
  });
}
