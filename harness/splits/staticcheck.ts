import { findDangling, sayDangling } from '../modules/dangling.js';
import { cloudDevices } from './clouddevices.js';
import { softEdges, symbolEdges } from './edgefindings.js';
import type { CheckFinding, CheckInput } from './finding.js';
import { requestFindings } from './requestedges.js';
import { listed } from './settle.js';
import { ignoredSoftdeps } from './softdeplines.js';
import { modulesByPackage, type Severity, type Split } from './split.js';

/**
 * What can be said about a split without booting it. Edges are those that depmod found in the full module tree, so a symbol
 * that nobody exports (and a packaged System.map that is a stub) does not count: only what the split itself tears.
 */
export function checkSplit(input: CheckInput): CheckFinding[] {
  const findings = [
    ...fromReading(input.split),
    ...symbolEdges(input),
    ...softEdges(input),
    ...ignoredSoftdeps(input),
    ...requestFindings(input),
    ...danglingDepends(input),
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

/** What modpost wrote into the modules and no file has: depmod says nothing of it. */
function danglingDepends({ split, index, facts }: CheckInput): CheckFinding[] {
  if (!facts) return [];
  const details = {
    get: (name: string) => ({
      info: facts.get(name)?.info?.map(([key, value]): [string, string] => [key, value]) ?? [],
    }),
  };
  return findDangling(index, details).map((one): CheckFinding => {
    const placed = split.placement.get(one.users[0] as string);
    return {
      id: 'dependency-nowhere',
      key: `dependency-nowhere:${one.module}`,
      severity: 'error',
      message: sayDangling(one, index),
      module: one.module,
      ...(placed ? { package: placed.package } : {}),
      ...(placed?.rule ? { place: placed.rule } : {}),
      mend: `give the package that has ${one.module}, or leave out ${listed(one.users, (user) => user)}`,
    };
  });
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
