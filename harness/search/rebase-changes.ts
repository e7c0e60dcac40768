import type { Module, ModuleIndex } from '../modules/module.js';
import { parseAlias } from '../modules/texts.js';

/** What became of a module from one kernel to the next. Every list is sorted by name. */
export interface KernelChanges {
  /** In the newer kernel as a module, and not in the older one at all. Renamed ones are not here. */
  arrived: string[];
  /** In the older kernel as a module, and not in the newer one at all. Renamed ones are not here. */
  gone: string[];
  renamed: { from: string; to: string; sharedAliases: number }[];
  /** Folders, relative to the tree. */
  moved: { module: string; from: string; to: string }[];
  builtIn: string[];
  modular: string[];
  /** What a module's closure gained and lost. */
  dependencies: { module: string; gained: string[]; lost: string[] }[];
  grown: { module: string; before: number; after: number }[];
}

/** The part of two alias lists that has to be the same for one module to be the other under a new name. */
const SAME_ALIASES = 0.5;

/** Compares two trees by name, aliases, folder, dependencies and size. @param growth Least growth to name, in bytes. */
export function kernelChanges(from: ModuleIndex, to: ModuleIndex, growth: number): KernelChanges {
  const gone = [...from.modules.keys()].filter((name) => !to.modules.has(name) && !to.builtins.has(name));
  const arrived = [...to.modules.keys()].filter(
    (name) => !from.modules.has(name) && !from.builtins.has(name),
  );
  const renamed = renames(from, to, new Set(gone), new Set(arrived));
  const [old, fresh] = [new Set(renamed.map((one) => one.from)), new Set(renamed.map((one) => one.to))];
  const changes: KernelChanges = {
    arrived: arrived.filter((name) => !fresh.has(name)).sort(),
    gone: gone.filter((name) => !old.has(name)).sort(),
    renamed,
    moved: [],
    builtIn: [...from.modules.keys()].filter((name) => to.builtins.has(name)).sort(),
    modular: [...to.modules.keys()].filter((name) => from.builtins.has(name)).sort(),
    dependencies: [],
    grown: [],
  };
  for (const module of [...to.modules.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const before = from.modules.get(module.name);
    if (before) compare(before, module, growth, changes);
  }
  return changes;
}

function compare(before: Module, after: Module, growth: number, changes: KernelChanges): void {
  const module = after.name;
  const [was, is] = [folderOf(before.path), folderOf(after.path)];
  if (was !== is) changes.moved.push({ module, from: was, to: is });
  const [needed, needs] = [new Set(before.depends), new Set(after.depends)];
  const gained = after.depends.filter((name) => !needed.has(name)).sort();
  const lost = before.depends.filter((name) => !needs.has(name)).sort();
  if (gained.length + lost.length > 0) changes.dependencies.push({ module, gained, lost });
  if (after.bytes - before.bytes >= growth)
    changes.grown.push({ module, before: before.bytes, after: after.bytes });
}

/** `kernel/drivers/net` */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The aliases of some modules: what devices and requests they answer. */
export function aliasesOfModules(index: ModuleIndex, names: ReadonlySet<string>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [pattern, module] of parseAlias(index.texts.alias)) {
    if (!names.has(module)) continue;
    const all = found.get(module) ?? new Set();
    found.set(module, all.add(pattern));
  }
  return found;
}

/** Pairs that answer the same devices; the most alike first, and no module twice. */
function renames(
  from: ModuleIndex,
  to: ModuleIndex,
  gone: ReadonlySet<string>,
  arrived: ReadonlySet<string>,
): KernelChanges['renamed'] {
  const [old, fresh] = [aliasesOfModules(from, gone), aliasesOfModules(to, arrived)];
  const pairs: { from: string; to: string; sharedAliases: number; alike: number }[] = [];
  for (const [one, before] of old)
    for (const [other, after] of fresh) {
      const shared = [...before].filter((alias) => after.has(alias)).length;
      const alike = shared / (before.size + after.size - shared);
      if (alike >= SAME_ALIASES) pairs.push({ from: one, to: other, sharedAliases: shared, alike });
    }
  pairs.sort((a, b) => b.alike - a.alike || b.sharedAliases - a.sharedAliases || (a.from < b.from ? -1 : 1));
  const taken = new Set<string>();
  const found: KernelChanges['renamed'] = [];
  for (const { from: one, to: other, sharedAliases } of pairs) {
    if (taken.has(`- ${one}`) || taken.has(`+ ${other}`)) continue;
    taken.add(`- ${one}`).add(`+ ${other}`);
    found.push({ from: one, to: other, sharedAliases });
  }
  return found.sort((a, b) => (a.to < b.to ? -1 : 1));
}
