import { userError } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { nameOfPath } from '../modules/names.js';
import { listed } from './settle.js';
import {
  type BuiltPackage,
  type Placed,
  packageCycle,
  type Split,
  type SplitNote,
  type SplitPackage,
} from './split.js';

/**
 * Finished packages as the split: the placement is what the files contain, the dependencies are what their control
 * data says. Only dependencies on one another count (by name or by what one provides); versions are passed over.
 * @throws BootgateError blame `user`, E_SPLIT: no packages.
 */
export function splitFromPackages(files: readonly BuiltPackage[], index: ModuleIndex): Split {
  const short = shortNames(files, index.release);
  const built = files.map((one) => ({ ...one, name: short.get(one.name) ?? one.name }));
  if (built.length === 0)
    throw userError('E_SPLIT', 'there are no package files to take as a split', {
      hint: 'give the .deb, .udeb or .rpm files of one kernel build with --kernel',
    });
  const notes: SplitNote[] = [];
  const providers = new Map<string, string>();
  for (const [full, name] of short) providers.set(full, name);
  for (const one of built) {
    if (!providers.has(one.name)) providers.set(one.name, one.name);
    for (const provided of one.provides ?? []) {
      const name = nameOfClause(provided);
      if (name && !providers.has(name)) providers.set(name, one.name);
    }
  }
  const fullNames = new Map([...short].map(([full, name]) => [name, full]));
  const placeOf = (one: BuiltPackage, text: string): RulePlace => ({ file: one.file, line: 1, text });
  const packages = new Map<string, SplitPackage>();
  for (const one of built) {
    const depends = new Set(packages.get(one.name)?.depends ?? []);
    for (const clause of one.depends ?? []) {
      const target = clause
        .split('|')
        .map((choice) => providers.get(nameOfClause(choice)))
        .find((name) => name !== undefined);
      if (!target || target === one.name) continue;
      depends.add(target);
      if (/[<>=]/.test(clause) && !/^[^\s]+-uname-r\b/.test(clause))
        notes.push({
          id: 'version-ignored',
          severity: 'note',
          message: `${one.name} depends on ${clause.trim()}: the version is not compared`,
          package: one.name,
          place: placeOf(one, clause.trim()),
        });
    }
    packages.set(one.name, {
      name: one.name,
      depends: [...depends],
      place: placeOf(one, `Package: ${fullNames.get(one.name) ?? one.name}`),
      ...(fullNames.has(one.name) ? { fullName: fullNames.get(one.name) as string } : {}),
    });
  }
  const versions = new Set(built.filter((one) => one.modules.length > 0).map(({ version }) => version));
  if (versions.size > 1)
    notes.push({
      id: 'version-mixed',
      severity: 'warning',
      message: `the packages are of ${versions.size} versions: ${[...versions].sort().join(', ')}`,
    });
  const cycle = packageCycle([...packages.values()]);
  if (cycle)
    // rpm allows it, and Fedora's kernel-core and kernel-modules-core do it: neither is ever installed alone.
    notes.push({
      id: 'package-cycle',
      severity: 'note',
      message: `the packages depend on each other in a circle, so they are only installed together: ${cycle.join(' -> ')}`,
    });

  const placement = new Map<string, Placed>();
  const twice = new Map<string, string[]>();
  const unknown: string[] = [];
  for (const one of built)
    for (const path of one.modules) {
      const name = nameOfPath(path);
      if (!index.modules.has(name)) {
        unknown.push(path);
        continue;
      }
      const other = placement.get(name);
      if (!other) placement.set(name, { package: one.name, rule: placeOf(one, path) });
      else if (other.package !== one.name)
        twice.set(name, [...(twice.get(name) ?? [other.package]), one.name]);
    }
  if (unknown.length > 0)
    notes.push({
      id: 'release-mixed',
      severity: 'error',
      message: `${unknown.length} modules of the packages are not in the tree of ${index.release}: ${unknown.slice(0, 3).join(', ')}`,
    });
  for (const one of packages.values()) {
    if (built.some((file) => file.name === one.name && file.modules.length > 0)) continue;
    one.meta = true;
  }
  return {
    name: 'packages',
    format: 'packages',
    file: listed(built, ({ file }) => file),
    packages: [...packages.values()],
    placement,
    twice,
    partial: false,
    unused: [],
    notes,
    budgets: {},
  };
}

/**
 * Package names that hold the kernel's release, by what they are without it: `linux-image-6.1.0-56-amd64` is `linux-image`, the udeb
 * `scsi-modules-6.1.0-56-amd64-di` is `scsi-modules`. A release that changes its number so changes no name of an install set. A
 * name that two packages would share stays as it is.
 */
function shortNames(built: readonly BuiltPackage[], release: string): Map<string, string> {
  const full = new Set(built.map(({ name }) => name));
  const short = new Map<string, string>();
  for (const name of full) {
    const without = name.replace(`-${release}`, '');
    if (without !== name) short.set(name, without.replace(/-di$/, ''));
  }
  const counts = new Map<string, number>();
  for (const name of [...short.values(), ...full]) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...short].filter(([, name]) => counts.get(name) === 1));
}

/** `kernel-core-uname-r = 6.5.6`, `linux-base (>= 4.3~)`, `linux-image:any` -> the name. */
function nameOfClause(clause: string): string {
  return (/^\s*([^\s(<>=:]+)/.exec(clause)?.[1] ?? '').trim();
}
