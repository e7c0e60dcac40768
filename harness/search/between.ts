import type { ModuleIndex, RulePlace } from '../modules/module.js';
import type { Keepers } from './keep.js';

/** Modules of one part of the tree that no scenario touched, and what it takes to drop them. */
export interface Group {
  /** `drivers/infiniband`, `drivers/net/ethernet/mellanox` */
  subsystem: string;
  modules: string[];
  bytes: number;
  /** Of a split: in which packages they are. */
  packages: string[];
  /** Modules of other parts that need one of them: they go along. */
  takesAlong: string[];
  bytesAlong: number;
  /** What keeps them in today, the rule that keeps most first. */
  rules: { place: RulePlace; modules: number }[];
}

export interface Between {
  /** Nobody is known to need them; the biggest first. */
  groups: Group[];
  /** Somebody outside a VM needs them; by who does. */
  kept: { for: string; modules: string[]; bytes: number }[];
}

/** What a set has beyond a floor. */
export interface Excess {
  index: ModuleIndex;
  set: ReadonlySet<string>;
  /** Closed over dependencies. */
  floor: ReadonlySet<string>;
  keepers: Keepers;
  /** The package and the rule of a module, where a split or policy says. */
  placed?(module: string): { package?: string; rule?: RulePlace | null } | undefined;
}

/** Folders below kernel/ that stand for one part each: deeper where the tree is wide. */
const DEPTH: [prefix: string, depth: number][] = [
  ['drivers/net/ethernet', 4],
  ['drivers/net', 3],
  ['drivers/gpu', 4],
  ['drivers/media', 2],
  ['drivers', 2],
  ['arch', 3],
  ['fs', 2],
  ['net', 2],
];

/** The part of the tree that somebody would drop or keep as one: `drivers/infiniband`, `fs/nfsd`, `sound`. */
export function partOf(path: string): string {
  const folders = path
    .replace(/^kernel\//, '')
    .split('/')
    .slice(0, -1);
  const folder = folders.join('/');
  const depth = DEPTH.find(([prefix]) => folder === prefix || folder.startsWith(`${prefix}/`))?.[1] ?? 1;
  return folders.slice(0, depth).join('/') || '.';
}

/** Parts what a set has beyond its floor into what could go and what somebody needs. */
export function betweenOf(excess: Excess): Between {
  const { index, set, floor, keepers } = excess;
  const free = new Map<string, string[]>();
  const kept = new Map<string, string[]>();
  for (const name of set) {
    if (floor.has(name)) continue;
    const who = keepers.get(name);
    const [map, key] = who === undefined ? [free, partOf(index.modules.get(name)?.path ?? '')] : [kept, who];
    map.set(key, [...(map.get(key) ?? []), name]);
  }
  const bytes = (names: readonly string[]) => bytesOf(index, names);
  const users = dependentsIn(index, set);
  const biggest = (a: { bytes: number }, b: { bytes: number }) => b.bytes - a.bytes;
  return {
    groups: [...free]
      .map(([subsystem, modules]): Group => {
        const own = new Set(modules);
        const takesAlong = [...new Set(modules.flatMap((name) => users.get(name) ?? []))]
          .filter((name) => !own.has(name))
          .sort();
        return {
          subsystem,
          modules: modules.sort(),
          bytes: bytes(modules),
          ...placesOf(modules, excess),
          takesAlong,
          bytesAlong: bytes(takesAlong),
        };
      })
      .sort((a, b) => biggest(a, b) || (a.subsystem < b.subsystem ? -1 : 1)),
    kept: [...kept]
      .map(([who, modules]) => ({ for: who, modules: modules.sort(), bytes: bytes(modules) }))
      .sort(biggest),
  };
}

export function bytesOf(index: ModuleIndex, names: Iterable<string>): number {
  let sum = 0;
  for (const name of names) sum += index.modules.get(name)?.bytes ?? 0;
  return sum;
}

/** Who of a set needs each module by its symbols, directly or not. */
function dependentsIn(index: ModuleIndex, set: ReadonlySet<string>): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const name of set)
    for (const need of index.modules.get(name)?.depends ?? [])
      users.set(need, [...(users.get(need) ?? []), name]);
  return users;
}

function placesOf(modules: readonly string[], { placed }: Excess): Pick<Group, 'packages' | 'rules'> {
  const packages = new Set<string>();
  const rules = new Map<string, { place: RulePlace; modules: number }>();
  for (const name of modules) {
    const one = placed?.(name);
    if (one?.package) packages.add(one.package);
    if (!one?.rule) continue;
    const key = `${one.rule.file}:${one.rule.line}`;
    const known = rules.get(key);
    if (known) known.modules++;
    else rules.set(key, { place: one.rule, modules: 1 });
  }
  return {
    packages: [...packages].sort(),
    rules: [...rules.values()].sort((a, b) => b.modules - a.modules),
  };
}
