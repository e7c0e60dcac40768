import { digestOf } from '../cache.js';
import { BootgateError, userError } from '../errors.js';
import { someOf } from '../printable.js';
import { didYouMean } from '../suggest.js';
import { formatBytes } from '../units.js';
import { type Picked, readList, STDIN } from './list.js';
import type { Addition, ModuleIndex, ModuleSet } from './module.js';
import { normaliseName } from './names.js';

export interface SetOptions {
  /** Refuse to add what is missing: an error that lists it, exit code 1. */
  strict?: boolean;
  /** Of a list: what this kernel has built in or does not have is counted and listed, not refused. */
  allowMissing?: boolean;
}

/** Every module of the tree. */
export function wholeTree(index: ModuleIndex): ModuleSet {
  return finish(index, new Set(index.modules.keys()), 'full module tree', []);
}

/** The set of a module list's text (see list.ts), closed over symbol dependencies. `file` is named in errors. */
export function setFromList(
  index: ModuleIndex,
  text: string | Uint8Array,
  file: string,
  options: SetOptions = {},
): ModuleSet {
  return makeSet(index, readList(index, text, file, options), nameOfList(file), options);
}

const nameOfList = (file: string): string => (file === STDIN ? 'standard input' : file);

/** The same for names. @throws BootgateError blame `user`, E_MODULE_NAME, naming every unknown one. */
export function setFromNames(
  index: ModuleIndex,
  names: Iterable<string>,
  source: string,
  options: SetOptions = {},
): ModuleSet {
  return makeSet(index, { names: knownNames(index, names, source) }, source, options);
}

/** Just these modules and nothing added back: what the packages of a split really hold. @throws as setFromNames. */
export function exactSet(index: ModuleIndex, names: Iterable<string>, source: string): ModuleSet {
  return finish(index, knownNames(index, names, source), source, []);
}

/** `-` and `_` alike; built-ins are there anyway and fall out. */
function knownNames(index: ModuleIndex, names: Iterable<string>, source: string): Set<string> {
  const known = new Set<string>();
  const problems: { message: string }[] = [];
  for (const given of names) {
    const name = normaliseName(given);
    if (index.modules.has(name)) known.add(name);
    else if (!index.builtins.has(name))
      problems.push({ message: `there is no module "${given}"${didYouMean(name, index.modules.keys())}` });
  }
  if (problems.length > 0)
    throw userError('E_MODULE_NAME', `${source}: not a module of ${index.release}`, { problems });
  return known;
}

/**
 * Closes what was picked over symbol dependencies and keeps account of what that added.
 * @throws BootgateError blame `guest`, E_SET_INCOMPLETE, with `strict` when anything would have to be added.
 */
export function makeSet(
  index: ModuleIndex,
  picked: Pick<Picked, 'names'> & Partial<Picked>,
  source: string,
  options: SetOptions = {},
): ModuleSet {
  const { names, excludedBy = new Map(), warnings = [] } = picked;
  const neededBy = new Map<string, string[]>();
  for (const name of [...names].sort()) {
    for (const need of index.modules.get(name)?.depends ?? []) {
      if (names.has(need)) continue;
      const users = neededBy.get(need);
      if (users) users.push(name);
      else neededBy.set(need, [name]);
    }
  }
  const additions = [...neededBy].sort(byName).map(([module, users]): Addition => {
    const rule = excludedBy.get(module);
    const bytes = index.modules.get(module)?.bytes ?? 0;
    return { module, neededBy: users, bytes, ...(rule ? { excludedBy: rule } : {}) };
  });
  if (options.strict && additions.length > 0) {
    throw new BootgateError(`${source} needs ${count(additions.length)} that it leaves out`, {
      code: 'E_SET_INCOMPLETE',
      blame: 'guest',
      problems: additionLines(additions).map((message) => ({ message })),
      hint: 'add them to the list, or leave out what needs them; without --strict they are added',
    });
  }
  const all = new Set([...names, ...additions.map(({ module }) => module)]);
  if (all.size === 0) warnings.push(`${source} selects no module`);
  const out = new Map([...excludedBy].filter(([name]) => !all.has(name)));
  return { ...finish(index, all, source, additions), excludedBy: out, warnings };
}

function finish(index: ModuleIndex, names: Set<string>, source: string, additions: Addition[]): ModuleSet {
  const sorted = [...names].sort();
  const bytes = sorted.reduce((sum, name) => sum + (index.modules.get(name)?.bytes ?? 0), 0);
  const digest = digestOf(index.digest, sorted.join('\n'));
  return { index, source, names: sorted, bytes, digest, additions, excludedBy: new Map(), warnings: [] };
}

/**
 * What had to be added, because of whom and at what cost, the heaviest first:
 * `virtio_scsi needs scsi_mod, scsi_common (+312 KiB)`.
 * @param most Lines at most; the rest is counted on one more.
 */
export function formatAdditions(
  set: Pick<ModuleSet, 'additions'>,
  most = Number.POSITIVE_INFINITY,
): string[] {
  return additionLines(set.additions, most);
}

/** Modules that the same listed ones need stand on one line. */
function additionLines(additions: readonly Addition[], most = Number.POSITIVE_INFINITY): string[] {
  const groups = new Map<string, { neededBy: string[]; modules: string[]; bytes: number }>();
  for (const { module, neededBy, bytes } of additions) {
    const key = neededBy.join(' ');
    const group = groups.get(key) ?? { neededBy, modules: [], bytes: 0 };
    group.modules.push(module);
    group.bytes += bytes;
    groups.set(key, group);
  }
  const sorted = [...groups.values()].sort((a, b) => b.bytes - a.bytes || (a.modules < b.modules ? -1 : 1));
  const lines = sorted.slice(0, most).map(({ neededBy, modules, bytes }) => {
    const verb = neededBy.length === 1 ? 'needs' : 'need';
    return `${someOf(neededBy, 3)} ${verb} ${modules.join(', ')} (+${formatBytes(bytes)})`;
  });
  const rest = sorted.slice(most);
  if (rest.length > 0) {
    const modules = rest.reduce((sum, group) => sum + group.modules.length, 0);
    const bytes = rest.reduce((sum, group) => sum + group.bytes, 0);
    lines.push(`and ${modules} more (+${formatBytes(bytes)})`);
  }
  return lines;
}

function count(modules: number): string {
  return modules === 1 ? 'one module' : `${modules} modules`;
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
