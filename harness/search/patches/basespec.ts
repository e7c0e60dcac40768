import { normaliseName } from '../../modules/names.js';
import { Editor, type Patcher, spelling, withoutWord } from './texts.js';

/**
 * kernel-default-base's list with modules in or out: a word more at the end of `%define modules`, or the word taken out of the
 * macro that it stands in. What comes in because another module needs it cannot be taken out here.
 */
export const patchBaseSpec: Patcher = ({ texts, file, wanted, split, index }) => {
  const edit = new Editor(texts);
  for (const { module, package: target, rule } of wanted) {
    if (target === split.name) {
      const end = endOfMacro(edit, file);
      if (end === undefined) return undefined;
      edit.set(file, end, `${edit.line(file, end).trimEnd()} ${spelling(index, module)}`);
      continue;
    }
    const line = rule && withoutWord(edit.line(file, rule.line), (word) => normaliseName(word) === module);
    if (!rule || line === undefined) return undefined;
    edit.set(file, rule.line, line);
  }
  return edit.changed();
};

/** The last line of the last `%define modules`: the one that counts. */
function endOfMacro(edit: Editor, file: string): number | undefined {
  let end: number | undefined;
  for (let at = 1; at <= edit.count(file); at++) {
    if (!/^\s*%(?:define|global)\s+modules\s/.test(edit.line(file, at))) continue;
    while (/\\\s*$/.test(edit.line(file, at)) && at < edit.count(file)) at++;
    end = at;
  }
  return end;
}
