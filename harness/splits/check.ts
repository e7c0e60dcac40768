import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { formatBytes } from '../units.js';
import { listed } from './settle.js';
import { modulesByPackage, type Severity, type Split, withDependencies } from './split.js';

/** One thing that the static check says. `id` and `key` are stable from run to run. */
export interface CheckFinding {
  id: string;
  /** `id` and what it is about: two runs' findings with one key are the same. */
  key: string;
  severity: Severity;
  message: string;
  module?: string;
  package?: string;
  /** The rule that put the module there. */
  place?: RulePlace;
  /** The smallest move that would mend it: `move crc_itu_t to core (+4 KiB)`. */
  mend?: string;
}

/** What the check reads from the modules' files, where that was done. Names as in the index. */
export interface ModuleFacts {
  vermagic?: string | null;
  signed?: boolean;
  firmware?: readonly string[];
}

export interface CheckInput {
  split: Split;
  index: ModuleIndex;
  facts?: ReadonlyMap<string, ModuleFacts>;
  /** CONFIG_MODULE_SIG_FORCE, or the command line, says that unsigned modules are not loaded. */
  signaturesEnforced?: boolean;
  /** Devices of clouds by name, with an alias of each: see images/clouds.yaml. */
  clouds?: readonly CloudDevice[];
}

export interface CloudDevice {
  cloud: string;
  device: string;
  alias: string;
}

/**
 * What can be said about a split without booting it. Edges are those that depmod found in the whole tree, so a symbol
 * that nobody exports (and a packaged System.map that is a stub) does not count: only what the split itself tears.
 */
export function checkSplit(input: CheckInput): CheckFinding[] {
  const findings = [
    ...fromReading(input.split),
    ...torn(input),
    ...softEdges(input),
    ...cycles(input),
    ...placing(input),
    ...fromFiles(input),
    ...cloudDevices(input),
  ];
  const rank: Record<Severity, number> = { error: 0, warning: 1, note: 2 };
  return findings.sort((a, b) => rank[a.severity] - rank[b.severity] || (a.key < b.key ? -1 : 1));
}

function fromReading(split: Split): CheckFinding[] {
  return [
    ...split.notes.map((note) => ({
      ...note,
      key: `${note.id}:${note.module ?? note.package ?? note.place?.line ?? ''}`,
    })),
    ...split.unused.map(
      (place): CheckFinding => ({
        id: 'rule-unused',
        key: `rule-unused:${place.text}`,
        severity: 'warning',
        message: `this rule matches nothing in this kernel: ${place.text}`,
        place,
        mend: 'remove the line, or mark it optional where the format can',
      }),
    ),
  ];
}

/** Symbol edges that leave an install set, one finding for each module that is missing to a package. */
function torn({ split, index }: CheckInput): CheckFinding[] {
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
function softEdges({ split, index }: CheckInput): CheckFinding[] {
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

function cycles({ index }: CheckInput): CheckFinding[] {
  const findings: CheckFinding[] = [];
  for (const module of index.modules.values())
    for (const needed of module.depends)
      if (module.name < needed && index.modules.get(needed)?.depends.includes(module.name))
        findings.push({
          id: 'module-cycle',
          key: `module-cycle:${module.name}:${needed}`,
          severity: 'error',
          message: `${module.name} and ${needed} need each other: neither can be loaded first`,
          module: module.name,
        });
  return findings;
}

function placing({ split, index }: CheckInput): CheckFinding[] {
  const findings: CheckFinding[] = [];
  for (const [name, homes] of split.twice) {
    const place = split.placement.get(name)?.rule;
    findings.push({
      id: 'module-twice',
      key: `module-twice:${name}`,
      severity: 'error',
      message: `${name} is in ${homes.join(' and in ')}`,
      module: name,
      ...(place ? { place } : {}),
      mend: `list it in a package that ${listed(homes, (home) => home)} depend on`,
    });
  }
  const nowhere = [...index.modules.keys()].filter((name) => !split.placement.has(name));
  if (nowhere.length > 0)
    findings.push({
      id: 'module-nowhere',
      key: 'module-nowhere',
      severity: split.partial ? 'note' : 'error',
      message: `${nowhere.length} of ${index.modules.size} modules are in no package: ${listed(nowhere, (name) => name)}`,
    });
  const contents = modulesByPackage(split, index);
  for (const one of split.packages) {
    if (one.meta || (contents.get(one.name)?.length ?? 0) > 0) continue;
    findings.push({
      id: 'package-empty',
      key: `package-empty:${one.name}`,
      severity: 'warning',
      message: `package ${one.name} has no modules`,
      package: one.name,
      place: one.place,
    });
  }
  return findings;
}

function fromFiles({ split, index, facts, signaturesEnforced }: CheckInput): CheckFinding[] {
  if (!facts) return [];
  const findings: CheckFinding[] = [];
  const magics = new Map<string, string[]>();
  const unsigned: string[] = [];
  const firmware = new Map<string, Set<string>>();
  for (const [name, placed] of split.placement) {
    const fact = facts.get(name);
    if (!fact) continue;
    if (fact.vermagic) magics.set(fact.vermagic, [...(magics.get(fact.vermagic) ?? []), name]);
    if (fact.signed === false) unsigned.push(name);
    for (const file of fact.firmware ?? [])
      firmware.set(placed.package, (firmware.get(placed.package) ?? new Set()).add(file));
  }
  const [usual, ...others] = [...magics].sort((a, b) => b[1].length - a[1].length);
  for (const [magic, names] of others)
    findings.push({
      id: 'vermagic-mixed',
      key: `vermagic-mixed:${magic}`,
      severity: 'error',
      message: `${listed(names, (name) => name)} ${names.length === 1 ? 'was' : 'were'} built for "${magic.trim()}", the others for "${usual?.[0].trim()}"`,
      module: names[0] as string,
    });
  const release = usual?.[0].split(' ')[0];
  if (release && release !== index.release)
    findings.push({
      id: 'release-mixed',
      key: 'release-mixed',
      severity: 'error',
      message: `the modules were built for ${release}, the kernel is ${index.release}`,
    });
  if (unsigned.length > 0 && signaturesEnforced)
    findings.push({
      id: 'module-unsigned',
      key: 'module-unsigned',
      severity: 'error',
      message: `the kernel only loads signed modules, and ${unsigned.length} are not signed: ${listed(unsigned, (name) => name)}`,
    });
  for (const [name, files] of firmware)
    findings.push({
      id: 'firmware',
      key: `firmware:${name}`,
      severity: 'note',
      message: `modules of ${name} name ${files.size} firmware files: ${listed([...files].sort(), (file) => file)}`,
      package: name,
    });
  return findings;
}

/** Devices of common clouds that only a package outside an install set can serve. */
function cloudDevices({ split, index, clouds }: CheckInput): CheckFinding[] {
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
