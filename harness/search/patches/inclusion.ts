import type { ModuleIndex } from '../../modules/module.js';
import { insertLines, type WantedModule } from './addition.js';

/**
 * Ubuntu's inclusion list with the modules in linux-modules: a path below kernel/ each, at the end, since every line only
 * adds. A module leaves the list only by the line that is its own path; a glob that has it is for a person to change: undefined.
 */
export function patchInclusion(
  text: string,
  wanted: readonly WantedModule[],
  index: ModuleIndex,
): string | undefined {
  const rows = text.split('\n');
  const added: string[] = [];
  for (const { module, package: target, rule } of wanted) {
    const path = index.modules.get(module)?.path;
    if (!path?.startsWith('kernel/')) return undefined;
    const own = path.slice('kernel/'.length).replace(/\.ko(\.\w+)?$/, '.ko');
    if (target === 'linux-modules') added.push(own);
    else if (rule && rows[rule.line - 1]?.trim() === own) rows[rule.line - 1] = '\0';
    else return undefined;
  }
  const kept = rows.filter((row) => row !== '\0').join('\n');
  return added.length > 0 ? insertLines(kept, Number.POSITIVE_INFINITY, added) : kept;
}
