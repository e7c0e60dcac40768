import { normaliseName } from '../../modules/names.js';
import { insertLines, type WantedModule } from './addition.js';
import { withoutWord } from './texts.js';

/** Where another tool's configuration names modules, and where it leaves some out. */
interface ConfigForm {
  /** One assignment: what stands before the words, the words, what closes them. */
  block: RegExp;
  /** A line of its own, where there is no assignment yet. */
  add(name: string): string;
  /** A line that takes a module out; null where the tool has none. */
  remove: ((name: string) => string) | null;
}

const FORMS: ConfigForm[] = [
  {
    // dracut.conf(5): with spaces around the words.
    block: /^([ \t]*(?:add_drivers|force_drivers|drivers)\+?=[ \t]*(["']))([^"']*)(\2)/gm,
    add: (name) => `add_drivers+=" ${name} "`,
    remove: (name) => `omit_drivers+=" ${name} "`,
  },
  {
    block: /^([ \t]*MODULES\+?=[ \t]*(\())([^)]*)(\))/gm,
    add: (name) => `MODULES+=(${name})`,
    remove: null,
  },
];
const OMITTED = /^([ \t]*omit_drivers\+?=[ \t]*(["']))([^"']*)(\2)/gm;

/**
 * dracut's or mkinitcpio's configuration with the modules in it, or out of it: a word more in the last list of drivers, or a word less
 * wherever one stands. Undefined for what is neither of them, and where the tool has no way to say it.
 */
export function patchBlocks(text: string, wanted: readonly WantedModule[]): string | undefined {
  const form = FORMS.find(({ block }) => text.match(block)) ?? (text.match(OMITTED) ? FORMS[0] : undefined);
  if (!form) return undefined;
  let patched = text;
  for (const { module, out } of wanted) {
    const isIt = (word: string) => normaliseName(word.replace(/\?$/, '')) === module;
    const without = (block: RegExp) =>
      patched.replace(block, (_, head: string, __: string, words: string, close: string) => {
        let left = words;
        for (let next = withoutWord(left, isIt); next !== undefined; next = withoutWord(left, isIt))
          left = next;
        return `${head}${left}${close}`;
      });
    if (out) {
      const next = without(form.block);
      if (next === patched && !form.remove) return undefined;
      patched = next === patched && form.remove ? endingWith(patched, form.remove(module)) : next;
      continue;
    }
    patched = without(OMITTED);
    const last = [...patched.matchAll(form.block)].at(-1);
    if (!last) {
      patched = endingWith(patched, form.add(module));
      continue;
    }
    const [whole, , , words = '', close = ''] = last;
    const at = last.index + whole.length - close.length;
    const [gap, tail] = [/(^|\s)$/.test(words) ? '' : ' ', /^\s/.test(words) ? ' ' : ''];
    patched = `${patched.slice(0, at)}${gap}${module}${tail}${patched.slice(at)}`;
  }
  return patched;
}

const endingWith = (text: string, line: string) => insertLines(text, Number.POSITIVE_INFINITY, [line]);
