import { readBlocks } from '../../modules/listblocks.js';
import { readListLine } from '../../modules/listforms.js';
import { normaliseName } from '../../modules/names.js';
import { insertLines, reasonOf, type WantedModule } from './addition.js';
import { patchBlocks } from './config.js';

/**
 * A module list with the modules in it, or out of it. A line that takes out, or brings in, just this module goes; otherwise a
 * line is added at the end, since later lines win. Another tool's configuration is changed where it names modules. A reason
 * has a line of its own: initramfs-tools takes what stands behind a name for the module's parameters.
 */
export function patchList(text: string, wanted: readonly WantedModule[]): string | undefined {
  if (readBlocks(text)) return patchBlocks(text, wanted);
  const rows = text.split('\n');
  const dropped = new Set<number>();
  const added: WantedModule[] = [];
  for (const one of wanted) {
    const at = (one.rule?.line ?? 0) - 1;
    const own = rows.flatMap((row, line) => (isOwn(row, one) ? [line] : []));
    if (one.out) {
      for (const line of own) dropped.add(line);
      // Named by nothing but its own lines, it is out without them.
      if (own.length === 0) added.push(one);
      continue;
    }
    const removal = /^\s*-\s*([\w-]+)\s*\??\s*(?:#.*)?$/.exec(rows[at]?.replace(/\r$/, '') ?? '')?.[1];
    if (removal !== undefined && normaliseName(removal) === one.module) dropped.add(at);
    // Taken out again by name, it may never have been in; the line at the end holds in either case.
    else added.push(one);
  }
  const kept = rows.filter((_, at) => !dropped.has(at)).join('\n');
  return added.length > 0 ? insertLines(kept, Number.POSITIVE_INFINITY, linesFor(added)) : kept;
}

/** The same with nothing but lines at the end, for when taking out a line is not enough. */
export function appendToList(text: string, wanted: readonly WantedModule[]): string | undefined {
  if (readBlocks(text)) return undefined;
  return insertLines(text, Number.POSITIVE_INFINITY, linesFor(wanted));
}

/** Modules of the same reason stand below it together. */
function linesFor(wanted: readonly WantedModule[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { module, scenarios, out } of wanted) {
    const reason = out ? '# no scenario needs it' : `# ${reasonOf(scenarios)}`;
    reasons.set(reason, [...(reasons.get(reason) ?? []), out ? `-${module}` : module]);
  }
  return [...reasons].flatMap(([reason, lines]) => [reason, ...lines]);
}

/** A line that brings in this module and nothing else. */
function isOwn(row: string, { module }: WantedModule): boolean {
  const entries = readListLine(row)?.entries ?? [];
  const [entry] = entries;
  if (entries.length !== 1 || !entry || entry.remove || /[*?[]/.test(entry.pattern)) return false;
  const file = entry.pattern.slice(entry.pattern.lastIndexOf('/') + 1).replace(/\.ko(\.\w+)?$/, '');
  return normaliseName(file) === module;
}
