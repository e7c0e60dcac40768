import type { ModuleIndex } from '../modules/module.js';
import { formatBytes } from '../units.js';
import type { CheckFinding, CheckInput } from './check.js';
import { listed } from './settle.js';
import { type Split, withDependencies } from './split.js';

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
  const bytes = (names: Iterable<string>) =>
    [...names].reduce((sum, name) => sum + (index.modules.get(name)?.bytes ?? 0), 0);
  const down = new Set(
    [at.module, ...(index.modules.get(at.module)?.depends ?? [])].filter((name) => !inside(name)),
  );
  const moveDown = `move ${listed([...down], (name) => name)} to ${home} (+${formatBytes(bytes(down))})`;
  if (!there || !below.get(there)?.has(home)) return moveDown;
  // Up: the users and whatever in the same package or below needs them.
  const up = new Set(at.users);
  for (const module of index.modules.values())
    if (inside(module.name) && module.depends.some((name) => up.has(name))) up.add(module.name);
  if (bytes(up) >= bytes(down)) return moveDown;
  return `move ${listed([...up], (name) => name)} to ${there} (${formatBytes(bytes(up))} out of ${home})`;
}

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
        const reachable = targets.names.some((one) =>
          (owners.get(one) ?? []).some((its) => below.get(home)?.has(its)),
        );
        if (reachable) continue;
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
          ...(first
            ? { mend: `move ${first} to ${home} (+${formatBytes(index.modules.get(first)?.bytes ?? 0)})` }
            : {}),
        });
      }
  }
  return findings;
}

function whereIs(owners: ReadonlyMap<string, string[]>, name: string | undefined): string {
  const home = name === undefined ? undefined : owners.get(name)?.[0];
  return home ? `in ${home}` : 'in no package';
}

/** Devices of common clouds that only a package outside an install set can serve. */
export function cloudDevices({ split, index, clouds }: CheckInput): CheckFinding[] {
  const below = withDependencies(split.packages);
  const owners = ownersOf(split, index);
  const findings: CheckFinding[] = [];
  for (const { cloud, device, alias } of clouds ?? []) {
    const served = index.resolve(alias);
    if (served.kind !== 'modules') continue;
    for (const { name: home, meta } of split.packages) {
      if (meta) continue;
      const reachable = served.names.some((one) =>
        (owners.get(one) ?? []).some((its) => below.get(home)?.has(its)),
      );
      const base = (below.get(home)?.size ?? 0) === 1;
      // Said of the packages that everything starts from; a package above them only adds.
      if (reachable || !base || split.partial) continue;
      const [first] = served.names;
      const bytes = index.modules.get(first ?? '')?.bytes ?? 0;
      const place = first ? split.placement.get(first)?.rule : undefined;
      findings.push({
        id: 'cloud-device',
        key: `cloud-device:${home}:${device}`,
        severity: 'warning',
        message: `${cloud}: ${device} has no driver with ${home} alone; ${listed(served.names, (one) => `${one} is ${whereIs(owners, one)}`)}`,
        ...(first ? { module: first, mend: `move ${first} to ${home} (+${formatBytes(bytes)})` } : {}),
        package: home,
        ...(place ? { place } : {}),
      });
    }
  }
  return findings;
}

function ownersOf(split: Split, index: ModuleIndex): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const name of index.modules.keys()) {
    const placed = split.placement.get(name);
    if (placed) owners.set(name, split.twice.get(name) ?? [placed.package]);
  }
  return owners;
}
