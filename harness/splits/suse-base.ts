import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { didYouMean } from '../suggest.js';
import { readLines } from './lines.js';
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
  const main = `kernel-${options.flavour ?? 'default'}`;
  const base = `${main}-base`;
  const placement = new Map<string, Placed>();
  let found = false;
  for (let at = 0; at < list.lines.length; at++) {
    const start = /^\s*%(?:define|global)\s+modules\s+/.exec(list.lines[at] ?? '');
    if (!start) continue;
    found = true;
    let from = start[0].length;
    for (let line = at; ; line++, from = 0) {
      const text = list.lines[line] ?? '';
      for (const word of text
        .replace(/\\\s*$/, '')
        .slice(from)
        .matchAll(/[^\s,]+/g)) {
        const column = from + word.index + 1;
        const place = { file: list.file, line: line + 1, text: word[0] };
        if (/[^A-Za-z0-9_.-]/.test(word[0]))
          problems.push({
            ...place,
            column,
            message: `"${word[0]}" is no module name: this list has no paths, globs or macros`,
          });
        const name = word[0].replaceAll('-', '_');
        if (index.modules.has(name)) placement.set(name, { package: base, rule: place });
        else if (!index.builtins.has(name)) {
          unused.push(place);
          notes.push({
            id: 'module-missing',
            severity: 'warning',
            message: `there is no module ${word[0]}${didYouMean(name, index.modules.keys())}`,
            place,
          });
        }
      }
      at = line;
      if (!/\\\s*$/.test(text)) break;
    }
  }
  if (!found)
    problems.push({
      file: list.file,
      line: 1,
      column: 1,
      message: 'there is no `%define modules` in this file',
    });
  if (problems.length > 0)
    throw new BootgateError(`${list.file} is not a right split`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems: problems.map(
        ({ message, file: shown, line, column }) => ({ message, file: shown, line, column }) as Problem,
      ),
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
