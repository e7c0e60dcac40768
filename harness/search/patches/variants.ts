import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { ModuleIndex } from '../../modules/module.js';
import { indentOf, insertLines, lineOf, type WantedModule } from './addition.js';

/**
 * Fedora's def_variants.yaml with a rule for each module before the one that decides today: of the rules that only
 * wish, the first that matches wins. Where an `exact_pkg` rule decides, that one must give way, which is for a person to
 * say: undefined. What the module needs follows by the solver's own propagation.
 */
export function patchVariants(
  text: string,
  wanted: readonly WantedModule[],
  index: ModuleIndex,
): string | undefined {
  const rules = parseDocument(text).get('rules', true);
  if (!isSeq(rules) || rules.flow || rules.items.length === 0) return undefined;
  const items = rules.items.flatMap((item) => {
    if (!isMap(item) || !item.range) return [];
    const exact = item.items.some((pair) => isScalar(pair.key) && pair.key.value === 'exact_pkg');
    return [{ first: lineOf(text, item.range[0]), last: lineOf(text, item.range[1] - 1), exact }];
  });
  const inserts: { line: number; text: string }[] = [];
  for (const { module, package: target, rule } of wanted) {
    const found = items.find(({ first, last }) => rule && rule.line - 1 >= first && rule.line - 1 <= last);
    const path = index.modules.get(module)?.path;
    const at = found ?? items[0];
    if (!target || !path || !at || found?.exact) return undefined;
    // Rules are matched against the path below kernel/, without the compression's suffix.
    const pattern = path.replace(/^kernel\//, '').replace(/\.ko(\.\w+)?$/, '.ko');
    inserts.push({ line: at.first, text: `${indentOf(text, at.first)}- ${pattern}: ${target}` });
  }
  let patched = text;
  // From the end, so that the lines before stay where they are; at one line the last first.
  for (const { line, text: rule } of inserts.reverse().sort((a, b) => b.line - a.line))
    patched = insertLines(patched, line, [rule]);
  return patched;
}
