import { isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { normaliseName } from '../../modules/names.js';
import { indentOf, insertLines, lineOf, type WantedModule } from './addition.js';

/**
 * A split in bootgate's own format with each module named in its new package: a name outweighs every pattern of the
 * other packages. Where another package names it, that name goes. Undefined when the file is not laid out for it.
 */
export function patchOwnSplit(text: string, wanted: readonly WantedModule[]): string | undefined {
  let patched: string | undefined = text;
  for (const { module, package: target } of wanted) {
    for (;;) {
      const without: string | undefined = dropOne(patched, module, target);
      if (without === undefined) break;
      patched = without;
    }
    patched = addOne(patched, module, target);
    if (patched === undefined) return undefined;
  }
  return patched;
}

function packagesOf(text: string): YAMLMap[] {
  const packages = parseDocument(text).get('packages', true);
  return isSeq(packages) ? packages.items.filter((item) => isMap(item)) : [];
}

/** The first place where another package names the module, taken out. */
function dropOne(text: string, module: string, target: string | undefined): string | undefined {
  for (const one of packagesOf(text)) {
    if (one.get('name') === target) continue;
    const modules = one.get('modules', true);
    if (!isSeq(modules)) continue;
    const at = modules.items.findIndex(
      (item) => isScalar(item) && normaliseName(String(item.value).replace(/ \?$/, '')) === module,
    );
    const range = rangeOf(modules.items[at]);
    if (at < 0 || !range) continue;
    if (!modules.flow && modules.items.length > 1) {
      const rows = text.split('\n');
      rows.splice(lineOf(text, range[0]), 1);
      return rows.join('\n');
    }
    const rest = modules.items.filter((_, which) => which !== at).map((item) => sourceOf(text, item));
    const whole = rangeOf(modules);
    if (!whole) continue;
    const from = modules.flow ? whole[0] : text.lastIndexOf(':', whole[0]) + 1;
    return `${text.slice(0, from)}${modules.flow ? '' : ' '}[${rest.join(', ')}]${text.slice(modules.flow ? whole[1] : range[1])}`;
  }
  return undefined;
}

function addOne(text: string, module: string, target: string | undefined): string | undefined {
  const one = packagesOf(text).find((item) => item.get('name') === target);
  if (!one) return undefined;
  const modules = one.get('modules', true);
  if (isSeq(modules)) return addToList(text, modules, module);
  if (modules !== undefined || one.flow) return undefined;
  const name = one.items.find((pair) => isScalar(pair.key) && pair.key.value === 'name');
  const key = rangeOf(name?.key);
  const value = rangeOf(name?.value);
  if (!key || !value) return undefined;
  const column = key[0] - (text.lastIndexOf('\n', key[0] - 1) + 1);
  return insertLines(text, lineOf(text, value[1] - 1) + 1, [`${' '.repeat(column)}modules: [${module}]`]);
}

function addToList(text: string, modules: YAMLSeq, module: string): string | undefined {
  const last = rangeOf(modules.items.at(-1));
  if (modules.flow || !last) {
    const whole = rangeOf(modules);
    if (!whole) return undefined;
    const close = text.lastIndexOf(']', whole[1] - 1);
    const head = text.slice(0, close).replace(/,?\s*$/, '');
    return `${head}${last ? ', ' : ''}${module}${text.slice(close)}`;
  }
  const line = lineOf(text, last[1] - 1);
  return insertLines(text, line + 1, [`${indentOf(text, line)}- ${module}`]);
}

function rangeOf(node: unknown): [number, number, number] | undefined {
  return (node as { range?: [number, number, number] | null } | null | undefined)?.range ?? undefined;
}

function sourceOf(text: string, node: unknown): string {
  const range = rangeOf(node);
  return range ? text.slice(range[0], range[1]) : '';
}
