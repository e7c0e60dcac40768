import { isMap, isSeq, parseDocument } from 'yaml';
import { indentOf, insertLines, lineOf, reasonOf, type WantedModule } from './addition.js';

/**
 * A policy with the modules in it, or out of it: an `include` right behind the rule that left each out, where whoever reads that
 * rule sees it; at the end of the rules where none did. Undefined when the file is not laid out in lines.
 */
export function patchPolicy(text: string, wanted: readonly WantedModule[]): string | undefined {
  const rules = parseDocument(text).get('rules', true);
  if (!isSeq(rules) || rules.flow || rules.items.length === 0) return undefined;
  const items = rules.items.map((item) => {
    const range = isMap(item) ? item.range : null;
    return range
      ? { first: lineOf(text, range[0]), last: lineOf(text, range[1] - 1) }
      : { first: 0, last: 0 };
  });
  const groups = new Map<number, WantedModule[]>();
  for (const one of wanted) {
    const line = (one.rule?.line ?? 0) - 1;
    // The last rule that matches decides: only at the end nothing brings back what has to go.
    const found = one.out ? -1 : items.findIndex(({ first, last }) => line >= first && line <= last);
    const at = found < 0 ? items.length - 1 : found;
    groups.set(at, [...(groups.get(at) ?? []), one]);
  }
  let patched = text;
  // From the end, so that the lines before stay where they are.
  for (const [at, modules] of [...groups].sort((a, b) => b[0] - a[0])) {
    const item = items[at];
    if (!item) return undefined;
    const indent = indentOf(text, item.first);
    const rule = (verb: string, names: readonly string[], reason: string): string[] =>
      names.length === 0
        ? []
        : [
            `${indent}- ${verb}: ${names.length === 1 ? names[0] : `[${names.join(', ')}]`}`,
            `${indent}  reason: ${reason}`,
          ];
    const named = (out: boolean) => modules.filter((one) => (one.out ?? false) === out);
    const scenarios = [...new Set(named(false).flatMap((one) => one.scenarios))];
    patched = insertLines(patched, item.last + 1, [
      ...rule(
        'exclude',
        [...new Set(named(true).map(({ module, part }) => part ?? module))],
        'no scenario needs it',
      ),
      ...rule(
        'include',
        named(false).map(({ module }) => module),
        reasonOf(scenarios),
      ),
    ]);
  }
  return patched;
}
