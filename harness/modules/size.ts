import type { ModuleSet } from './module.js';

/** What one part of the tree weighs. */
export interface SubsystemSize {
  /** `drivers/net`, `net/netfilter`, `fs`, ... */
  subsystem: string;
  modules: number;
  bytes: number;
  /** The same for the full module tree. */
  ofModules: number;
  ofBytes: number;
}

/** The part of the tree that a module belongs to: two folders deep below drivers/ and net/, one elsewhere. */
export function subsystemOf(path: string): string {
  const folders = path.split('/').slice(0, -1);
  if (folders[0] === 'kernel') folders.shift();
  const depth = folders[0] === 'drivers' || folders[0] === 'net' ? 2 : 1;
  return folders.slice(0, depth).join('/') || '.';
}

/** Bytes as shipped, by subsystem, the heaviest of the tree first; parts that the set leaves out whole are in it with 0. */
export function sizeBySubsystem(set: ModuleSet): SubsystemSize[] {
  const inside = new Set(set.names);
  const rows = new Map<string, SubsystemSize>();
  for (const { name, path, bytes } of set.index.modules.values()) {
    const subsystem = subsystemOf(path);
    const row = rows.get(subsystem) ?? { subsystem, modules: 0, bytes: 0, ofModules: 0, ofBytes: 0 };
    rows.set(subsystem, row);
    row.ofModules++;
    row.ofBytes += bytes;
    if (!inside.has(name)) continue;
    row.modules++;
    row.bytes += bytes;
  }
  return [...rows.values()].sort((a, b) => b.ofBytes - a.ofBytes || (a.subsystem < b.subsystem ? -1 : 1));
}
