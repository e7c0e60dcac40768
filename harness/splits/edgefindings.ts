import type { ModuleIndex } from '../modules/module.js';
import { formatBytes } from '../units.js';
import type { CheckFinding, CheckInput } from './finding.js';
import { Homes } from './homes.js';
import { listed } from './settle.js';

/** Symbol edges that leave an install set, one finding for each module that is missing to a package. */
export function symbolEdges({ split, index }: CheckInput): CheckFinding[] {
  const homes = new Homes(split, index);
  const missing = new Map<string, { module: string; home: string; users: string[] }>();
  for (const [name, owners] of homes.owners)
    for (const home of owners)
      for (const needed of index.modules.get(name)?.depends ?? []) {
        if (!index.modules.has(needed) || homes.reaches(home, needed)) continue;
        const key = `${needed}\0${home}`;
        const found = missing.get(key) ?? { module: needed, home, users: [] };
        found.users.push(name);
        missing.set(key, found);
      }
  return [...missing.values()].map(({ module, home, users }): CheckFinding => {
    const place = split.placement.get(users[0] as string)?.rule;
    const [needs, does] = users.length === 1 ? ['needs', 'it does'] : ['need', 'they do'];
    return {
      id: 'symbol-edge',
      key: `symbol-edge:${home}:${module}`,
      severity: 'error',
      message: `${listed(users, (user) => user)} in ${home} ${needs} ${module}, which is ${homes.where(module)}: with ${home} alone ${does} not load`,
      module,
      package: home,
      ...(place ? { place } : {}),
      mend: mendOf({ index, homes, module, home, users }),
    };
  });
}

/** Either the missing module moves down with its dependencies, or its users move up: whichever is fewer bytes. */
function mendOf(at: {
  index: ModuleIndex;
  homes: Homes;
  module: string;
  home: string;
  users: readonly string[];
}): string {
  const { index, homes, home } = at;
  const there = homes.of(at.module)[0];
  const inside = (name: string) => homes.reaches(home, name);
  const down = homes.comingDown(at.module, inside);
  const moveDown = homes.sayMove(down, home);
  if (!there || !homes.below.get(there)?.has(home)) return moveDown;
  // Up: the users and whatever in the same package or below needs them.
  const up = new Set(at.users);
  for (const module of index.modules.values())
    if (inside(module.name) && module.depends.some((name) => up.has(name))) up.add(module.name);
  if (homes.bytes(up) >= homes.bytes(down)) return moveDown;
  return `move ${listed([...up], (name) => name)} to ${there} (${formatBytes(homes.bytes(up))} out of ${home})`;
}

/** Soft and weak edges: loading goes on without them, and something may not work. */
export function softEdges({ split, index }: CheckInput): CheckFinding[] {
  const homes = new Homes(split, index);
  const findings: CheckFinding[] = [];
  for (const [name, owners] of homes.owners) {
    const module = index.modules.get(name);
    if (!module) continue;
    const edges: [string, string][] = [
      ...[...module.softPre, ...module.softPost].map((word): [string, string] => ['soft-edge', word]),
      ...module.weak.map((word): [string, string] => ['weak-edge', word]),
    ];
    for (const [id, word] of edges)
      for (const home of owners) {
        const targets = index.resolve(word);
        if (targets.kind !== 'modules') continue;
        if (targets.names.some((one) => homes.reaches(home, one))) continue;
        const [first] = targets.names;
        const place = split.placement.get(name)?.rule;
        const target =
          first === word.replaceAll('-', '_') ? word : `${word} (${listed(targets.names, (one) => one)})`;
        findings.push({
          id,
          key: `${id}:${home}:${name}:${word}`,
          severity: id === 'soft-edge' ? 'warning' : 'note',
          message: `${name} in ${home} has a ${id === 'soft-edge' ? 'softdep' : 'weakdep'} on ${target}, which is ${homes.where(first)}`,
          module: name,
          package: home,
          ...(place ? { place } : {}),
          ...(first ? { mend: homes.moveDown(first, home) } : {}),
        });
      }
  }
  return findings;
}
