import { basename } from 'node:path';
import { normaliseName } from '../../modules/names.js';
import type { WantedModule } from './addition.js';
import { Editor, type Patcher, type PatchInput, spelling, withoutWord } from './texts.js';

/**
 * Fedora's filter scripts and lists with modules in other packages. kernel-modules is what `singlemods` or a folder's variable names
 * and `overrides` does not; kernel-modules-extra and -internal are lists. The architecture's script replaces whole
 * variables, so a word goes where the variable that counts is. grep is unanchored: a name that others end with gets a slash before it.
 */
export const patchFilters: Patcher = (input) => {
  const edit = new Editor(input.texts);
  for (const one of input.wanted) if (!move(edit, input, one)) return undefined;
  return edit.changed();
};

const LISTS: Record<string, RegExp> = {
  'kernel-modules-extra': /^mod-extra\.list/,
  'kernel-modules-internal': /^mod-internal\.list/,
};

function move(
  edit: Editor,
  input: PatchInput,
  { module, package: target = '', rule }: WantedModule,
): boolean {
  const { texts, index } = input;
  const files = [...texts.keys()];
  const isIt = (word: string) => normaliseName(word.replace(/^\//, '').replace(/\.ko$/, '')) === module;
  const lists = files.filter((file) => /^mod-\w+\.list/.test(basename(file)));
  for (const file of lists)
    for (let at = 1; at <= edit.count(file); at++) if (isIt(edit.line(file, at).trim())) edit.drop(file, at);
  const name = spelling(index, module);
  const pattern = LISTS[target];
  if (pattern) {
    const file = lists.find((one) => pattern.test(basename(one)));
    if (file) edit.append(file, target.endsWith('internal') ? name : `${name}.ko`);
    return file !== undefined;
  }
  const scripts = files.filter((file) => /^filter-/.test(basename(file)));
  const [from, into] = target === 'kernel-core' ? ['singlemods', 'overrides'] : ['overrides', 'singlemods'];
  if (target !== 'kernel-core' && target !== 'kernel-modules') return false;
  const out = variable(edit, scripts, from);
  let taken = false;
  for (let at = out?.first ?? 1; out && at <= out.last; at++) {
    const line = withoutWord(edit.line(out.file, at), isIt);
    if (line === undefined) continue;
    edit.set(out.file, at, line);
    taken = true;
  }
  // What only its own word has put there is back where it was.
  if (taken && rule?.text.startsWith(`${from}: `)) return true;
  const where = variable(edit, scripts, into);
  if (!where) return false;
  const hits = [...index.modules.values()].filter(({ path }) => `/${path}`.includes(`${name}.ko`)).length;
  const word = into === 'singlemods' && hits > 1 ? `/${name}` : name;
  const line = edit.line(where.file, where.last);
  const head = where.first === where.last ? `${into}=`.length + line.indexOf(`${into}=`) + 1 : 0;
  const close = line.indexOf(where.quote, head);
  if (close < 0) return false;
  const gap = /[\s"']$/.test(line.slice(0, close)) ? '' : ' ';
  edit.set(where.file, where.last, `${line.slice(0, close)}${gap}${word}${line.slice(close)}`);
  return true;
}

/** The assignment that counts: of the architecture's script, where it has one, and there the last. */
function variable(
  edit: Editor,
  scripts: readonly string[],
  name: string,
): { file: string; first: number; last: number; quote: string } | undefined {
  const main = (file: string) => basename(file).startsWith('filter-modules');
  for (const file of [...scripts].sort((a, b) => Number(main(a)) - Number(main(b)))) {
    for (let at = edit.count(file); at > 0; at--) {
      const found = new RegExp(`^\\s*${name}=(["'])(.*)$`).exec(edit.line(file, at));
      if (!found) continue;
      const [, quote = '"', rest = ''] = found;
      let last = at;
      for (let text = rest; !text.includes(quote) && last < edit.count(file); text = edit.line(file, last))
        last++;
      return { file, first: at, last, quote };
    }
  }
  return undefined;
}
