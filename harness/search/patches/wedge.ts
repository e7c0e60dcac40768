import { basename, dirname, join } from 'node:path';
import { normaliseName } from '../../modules/names.js';
import { Editor, type Patcher, spelling } from './texts.js';

/**
 * kernel-wedge's lists with modules in other packages: a line more in the new package's list, one less in the old one's, or an
 * exclusion (`NAME -`) at its end where a pattern or an included list has the module: what is included serves other
 * packages and architectures too. A line that was optional stays so, and so does every line of a list that several flavours share.
 */
export const patchWedge: Patcher = ({ texts, wanted, split, index }) => {
  const lists = dirname(split.sources?.[0] ?? '');
  const edit = new Editor(texts);
  const shared = !/-/.test(basename(lists));
  for (const { module, package: target, rule } of wanted) {
    const name = spelling(index, module);
    const home = split.placement.get(module)?.package;
    const old = home === undefined ? undefined : join(lists, home);
    const into = target === undefined ? undefined : join(lists, target);
    if (into && !texts.has(into)) return undefined;
    const at = rule?.line ?? 0;
    const file = edit.fileOf(rule);
    const said = file === undefined ? '' : edit.line(file, at).trim();
    const literal = normaliseName(said.replace(/^-/, '').replace(/ \?$/, '')) === module;
    if (old && texts.has(old)) {
      if (literal && file === old) edit.drop(old, at);
      else edit.append(old, `${name} -`);
    }
    if (into) edit.append(into, `${name}${shared || / \?$|^-/.test(said) ? ' ?' : ''}`);
  }
  return edit.changed();
};
