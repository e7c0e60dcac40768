import type { ModuleIndex } from '../modules/module.js';
import { formatBytes } from '../units.js';
import type { CheckFinding, CheckInput } from './check.js';
import { installSets } from './installsets.js';
import { listed } from './settle.js';
import { modulesByPackage, type Split, withDependencies } from './split.js';

/** Symbol edges that leave an install set, one finding for each module that is missing to a package. */
export function symbolEdges({ split, index }: CheckInput): CheckFinding[] {
  const below = withDependencies(split.packages);
  const owners = ownersOf(split, index);
  const missing = new Map<string, { module: string; home: string; users: string[] }>();
  for (const [name, homes] of owners)
    for (const home of homes)
      for (const needed of index.modules.get(name)?.depends ?? []) {
        const there = owners.get(needed) ?? [];
        if (!index.modules.has(needed) || there.some((one) => below.get(home)?.has(one))) continue;
        const key = `${needed}\0${home}`;
        const found = missing.get(key) ?? { module: needed, home, users: [] };
        found.users.push(name);
        missing.set(key, found);
      }
  return [...missing.values()].map(({ module, home, users }): CheckFinding => {
    const there = owners.get(module)?.[0];
    const place = split.placement.get(users[0] as string)?.rule;
    return {
      id: 'symbol-edge',
      key: `symbol-edge:${home}:${module}`,
      severity: 'error',
      message: `${listed(users, (user) => user)} in ${home} ${users.length === 1 ? 'needs' : 'need'} ${module}, which is ${there ? `in ${there}` : 'in no package'}: with ${home} alone ${users.length === 1 ? 'it does' : 'they do'} not load`,
      module,
      package: home,
      ...(place ? { place } : {}),
      mend: mendOf({ split, index, below, owners, module, home, users, ...(there ? { there } : {}) }),
    };
  });
}

/** Either what is missing comes down, with all that it needs, or what needs it goes up: the fewer bytes. */
function mendOf(at: {
  split: Split;
  index: ModuleIndex;
  below: ReadonlyMap<string, ReadonlySet<string>>;
  owners: ReadonlyMap<string, string[]>;
  module: string;
  home: string;
  users: readonly string[];
  there?: string;
}): string {
  const { index, below, owners, home, there } = at;
  const inside = (name: string) => (owners.get(name) ?? []).some((one) => below.get(home)?.has(one));
  const bytes = (names: Iterable<string>) => bytesOf(names, index);
  const down = comingDown(at.module, index, inside);
  const moveDown = sayDown(down, home, index);
  if (!there || !below.get(there)?.has(home)) return moveDown;
  // Up: the users and whatever in the same package or below needs them.
  const up = new Set(at.users);
  for (const module of index.modules.values())
    if (inside(module.name) && module.depends.some((name) => up.has(name))) up.add(module.name);
  if (bytes(up) >= bytes(down)) return moveDown;
  return `move ${listed([...up], (name) => name)} to ${there} (${formatBytes(bytes(up))} out of ${home})`;
}

/** A module and all that it needs that is not there yet: moved alone, it would not load. */
function comingDown(module: string, index: ModuleIndex, inside: (name: string) => boolean): string[] {
  const all = new Set([module, ...(index.modules.get(module)?.depends ?? [])]);
  return [...all].filter((name) => index.modules.has(name) && !inside(name));
}

const sayDown = (modules: readonly string[], home: string, index: ModuleIndex): string =>
  `move ${listed(modules, (name) => name)} to ${home} (+${formatBytes(bytesOf(modules, index))})`;

const bytesOf = (names: Iterable<string>, index: ModuleIndex): number =>
  [...names].reduce((sum, name) => sum + (index.modules.get(name)?.bytes ?? 0), 0);

/** Soft and weak edges: loading goes on without them, and something may not work. */
export function softEdges({ split, index }: CheckInput): CheckFinding[] {
  const below = withDependencies(split.packages);
  const owners = ownersOf(split, index);
  const findings: CheckFinding[] = [];
  for (const [name, homes] of owners) {
    const module = index.modules.get(name);
    if (!module) continue;
    const edges: [string, string][] = [
      ...[...module.softPre, ...module.softPost].map((word): [string, string] => ['soft-edge', word]),
      ...module.weak.map((word): [string, string] => ['weak-edge', word]),
    ];
    for (const [id, word] of edges)
      for (const home of homes) {
        const targets = index.resolve(word);
        if (targets.kind !== 'modules') continue;
        const inside = (one: string) => (owners.get(one) ?? []).some((its) => below.get(home)?.has(its));
        if (targets.names.some(inside)) continue;
        const [first] = targets.names;
        const place = split.placement.get(name)?.rule;
        findings.push({
          id,
          key: `${id}:${home}:${name}:${word}`,
          severity: id === 'soft-edge' ? 'warning' : 'note',
          message: `${name} in ${home} has a ${id === 'soft-edge' ? 'softdep on' : 'weakdep on'} ${word}${first === word.replaceAll('-', '_') ? '' : ` (${listed(targets.names, (one) => one)})`}, which is ${whereIs(owners, first)}`,
          module: name,
          package: home,
          ...(place ? { place } : {}),
          ...(first ? { mend: sayDown(comingDown(first, index, inside), home, index) } : {}),
        });
      }
  }
  return findings;
}

function whereIs(owners: ReadonlyMap<string, string[]>, name: string | undefined): string {
  const home = name === undefined ? undefined : owners.get(name)?.[0];
  return home ? `in ${home}` : 'in no package';
}

/** Devices of common clouds that only a package outside a smallest install set can serve. */
export function cloudDevices({ split, index, clouds }: CheckInput): CheckFinding[] {
  if (split.partial) return [];
  const owners = ownersOf(split, index);
  const bases = smallestSets(split, index);
  const findings: CheckFinding[] = [];
  for (const { cloud, device, alias } of clouds ?? []) {
    const served = index.resolve(alias);
    if (served.kind !== 'modules') continue;
    for (const { home, modules } of bases) {
      const inside = (name: string) => modules.has(name);
      if (served.names.some(inside)) continue;
      const [first] = served.names;
      const place = first ? split.placement.get(first)?.rule : undefined;
      findings.push({
        id: 'cloud-device',
        key: `cloud-device:${home}:${device}`,
        severity: 'warning',
        message: `${cloud}: ${device} has no driver with ${home} alone; ${listed(served.names, (one) => `${one} is ${whereIs(owners, one)}`)}`,
        ...(first ? { module: first, mend: sayDown(comingDown(first, index, inside), home, index) } : {}),
        package: home,
        ...(place ? { place } : {}),
      });
    }
  }
  return findings;
}

/**
 * The install sets with modules that hold no smaller one with modules: what everything starts from. A package above
 * only adds. The lowest package may be a metapackage, or some in a circle: the set is named by one that has modules.
 */
function smallestSets(split: Split, index: ModuleIndex): { home: string; modules: ReadonlySet<string> }[] {
  const contents = modulesByPackage(split, index);
  const filled = installSets(split, index).filter(({ modules, sameAs }) => modules.length > 0 && !sameAs);
  const within = (a: readonly string[], b: readonly string[]) =>
    a.length < b.length && a.every((name) => b.includes(name));
  return filled
    .filter(({ packages }) => !filled.some((other) => within(other.packages, packages)))
    .map(({ name, packages, modules }) => ({
      home: [name, ...packages].find((one) => (contents.get(one)?.length ?? 0) > 0) ?? name,
      modules: new Set(modules),
    }));
}

function ownersOf(split: Split, index: ModuleIndex): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const name of index.modules.keys()) {
    const placed = split.placement.get(name);
    if (placed) owners.set(name, split.twice.get(name) ?? [placed.package]);
  }
  return owners;
}
