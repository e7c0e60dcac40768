import { normaliseName } from '../../modules/names.js';
import { Editor, type Patcher, pathOf } from './texts.js';

/**
 * supported.conf with modules under other guards. The first line that matches a module decides, but a `+base` or `+NAME-kmp` anywhere
 * takes it: so lines that are the module's own go, and a new one stands before the first that is left.
 */
export const patchSupported: Patcher = ({ texts, file, wanted, split, index }) => {
  const edit = new Editor(texts);
  for (const { module, package: target, rule } of wanted) {
    const guard = guardOf(target, split.name);
    if (guard === undefined) return undefined;
    for (let at = 1; at <= edit.count(file); at++) dropOwn(edit, file, at, module);
    const line = guard === '' ? pathOf(index, module) : `${guard} ${pathOf(index, module)}`;
    if (rule) edit.before(file, startOf(edit, file, rule.line), line);
    else edit.append(file, line);
  }
  return edit.changed();
};

function guardOf(target: string | undefined, main: string): string | undefined {
  if (target === undefined) return undefined;
  if (target === main) return '';
  const guards: Record<string, string> = {
    [`${main}-base`]: '+base',
    [`${main}-optional`]: '-!optional',
    [`${main}-extra`]: '-',
  };
  return guards[target] ?? (target.endsWith('-kmp') ? `+${target}` : undefined);
}

/** Takes the module's own path out of a line; a line without any other path goes as a whole, unless it is part of a longer one. */
function dropOwn(edit: Editor, file: string, at: number, module: string): void {
  const line = edit.line(file, at);
  const code = line.replace(/(^|\s)#.*$/, '');
  const isOwn = (word: string) =>
    !/^[+-]|[*?[]/.test(word) &&
    normaliseName(word.slice(word.lastIndexOf('/') + 1).replace(/\.ko$/, '')) === module;
  const words = code
    .replace(/\\\s*$/, '')
    .split(/\s+/)
    .filter(Boolean);
  if (!words.some(isOwn)) return;
  const paths = words.filter((word) => !/^[+-]/.test(word));
  const partOfLonger = /\\\s*$/.test(line) || (at > 1 && /\\\s*$/.test(edit.line(file, at - 1)));
  if (paths.length === 1 && !partOfLonger) {
    edit.drop(file, at);
    return;
  }
  const kept = line.replace(/\S+/g, (word) => (isOwn(word) ? '' : word));
  edit.set(file, at, kept.replace(/(\S)[ \t]{2,}/g, '$1 '));
}

/** The first line of a line that goes over several. */
function startOf(edit: Editor, file: string, at: number): number {
  let start = at;
  while (start > 1 && /\\\s*$/.test(edit.line(file, start - 1))) start--;
  return start;
}
