import { readBlocks } from '../../modules/listblocks.js';
import { normaliseName } from '../../modules/names.js';
import { insertLines, reasonOf, type WantedModule } from './addition.js';

/**
 * A module list with the modules in it. A line that takes out just this module goes; otherwise a line is added at the
 * end, since later lines win. Undefined for another tool's configuration, where such a line would be an error.
 */
export function patchList(text: string, wanted: readonly WantedModule[]): string | undefined {
  if (readBlocks(text)) return undefined;
  const rows = text.split('\n');
  const dropped = new Set<number>();
  const appended: string[] = [];
  for (const { module, scenarios, rule } of wanted) {
    const at = (rule?.line ?? 0) - 1;
    const removal = /^\s*-\s*([\w-]+)\s*\??\s*(?:#.*)?$/.exec(rows[at]?.replace(/\r$/, '') ?? '')?.[1];
    if (removal !== undefined && normaliseName(removal) === module) dropped.add(at);
    // Taken out again by name, it may never have been in; the line at the end holds in either case.
    else appended.push(`${module} # ${reasonOf(scenarios)}`);
  }
  const kept = rows.filter((_, at) => !dropped.has(at)).join('\n');
  return appended.length > 0 ? insertLines(kept, Number.POSITIVE_INFINITY, appended) : kept;
}

/** The same with nothing but lines at the end, for when taking out a line is not enough. */
export function appendToList(text: string, wanted: readonly WantedModule[]): string | undefined {
  if (readBlocks(text)) return undefined;
  const lines = wanted.map(({ module, scenarios }) => `${module} # ${reasonOf(scenarios)}`);
  return insertLines(text, Number.POSITIVE_INFINITY, lines);
}
