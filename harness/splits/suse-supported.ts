import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { globMatcher } from '../patterns/glob.js';
import { type Matcher, PatternError } from '../patterns/nfa.js';
import { type LineFile, placeAt, readLines, requireModuleLines, Suggestions } from './lines.js';
import type { Placed, ReadSplitOptions, Split, SplitNote, SplitPackage } from './split.js';

const GLOB = { doubleStar: false, brackets: true, crossSlash: true, dashIsUnderscore: true };

interface Entry {
  guards: string[];
  pattern: string;
  place: RulePlace;
  column: number;
}

/** What a line says of support: the awk that SUSE's scripts make Module.supported with. */
type Support = 'supported' | 'optional' | 'unsupported';

/**
 * Reads SUSE's `supported.conf`. Each line has guards (`+base`, `-`, `+NAME-kmp`, `-!optional`), then module paths without
 * suffix; all guards of a line hold for all of its paths. A path without wildcards matches by its last component alone,
 * and of the lines that match a module the first says whether it is supported (modpost in SUSE's kernels). A
 * `+NAME-kmp` line takes its modules whatever the others say; `+base` lines and what they need make kernel-FLAVOUR-base.
 * An unsupported module that a supported one needs goes to kernel-FLAVOUR, as `split-modules -i` does.
 */
export async function readSuseSupported(
  file: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const list = await readLines(file);
  requireModuleLines(list);
  const entries = parse(list);
  const problems: Problem[] = [];
  const main = `kernel-${options.flavour ?? 'default'}`;
  const names = { base: `${main}-base`, optional: `${main}-optional`, extra: `${main}-extra` };
  const paths = new Map([...index.modules.values()].map((one) => [one.name, plain(one.path)]));

  const chosen = chooseEntries(entries, paths, index, problems);
  if (problems.length > 0)
    throw new BootgateError(`${list.file} is not a valid supported.conf`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems,
    });

  const placement = new Map<string, Placed>();
  const kmps = new Set<string>();
  for (const name of index.modules.keys()) {
    const entry = chosen.first.get(name);
    const kmp = chosen.kmp.get(name);
    const base = chosen.base.get(name);
    if (kmp) {
      kmps.add(kmp.name);
      placement.set(name, { package: kmp.name, rule: kmp.entry.place });
    } else if (base) placement.set(name, { package: names.base, rule: base.place });
    else if (entry) {
      const support = supportOf(entry.guards);
      placement.set(name, {
        package: support === 'supported' ? main : support === 'optional' ? names.optional : names.extra,
        rule: entry.place,
      });
    } else placement.set(name, { package: names.extra, rule: null, why: 'supported.conf does not name it' });
  }
  // What the base package needs is in it, and what a supported module needs is shipped with the supported ones.
  const notes: SplitNote[] = [];
  const pull = (user: string, into: string, from: readonly string[]) => {
    const home = placement.get(user)?.package;
    for (const needed of index.modules.get(user)?.depends ?? []) {
      const there = placement.get(needed);
      if (!there || !from.includes(there.package)) continue;
      if (there.package === names.extra) notes.push(unsupported(user, needed, into, placement));
      const why = `needed by ${user} in ${home}`;
      placement.set(needed, { package: into, rule: there.rule, wished: there.package, why });
    }
  };
  const outside = [names.optional, names.extra];
  const inBase = [...placement].flatMap(([name, one]) => (one.package === names.base ? [name] : []));
  for (const name of inBase) pull(name, names.base, [main, ...outside]);
  for (const [name, one] of [...placement]) if (!outside.includes(one.package)) pull(name, main, outside);

  const { used } = chosen;
  notes.push(...misspelt(entries, used, index));
  const place = (text: string) => ({ file: list.file, line: 1, text });
  const packages: SplitPackage[] = [
    { name: names.base, depends: [], place: place('+base') },
    { name: main, depends: [names.base], place: place('supported') },
    ...[...kmps].sort().map((name) => ({ name, depends: [names.base, main], place: place(`+${name}`) })),
    { name: names.optional, depends: [names.base, main], place: place('optional') },
    { name: names.extra, depends: [names.base, main], place: place('unsupported') },
  ];
  const filled = new Set([...placement.values()].map((placed) => placed.package));
  return {
    name: main,
    format: 'suse-supported',
    file: list.file,
    packages: packages.filter(({ name }) => name === main || name === names.base || filled.has(name)),
    placement,
    twice: new Map(),
    partial: false,
    unused: entries.filter((entry) => !used.has(entry)).map(({ place: rule }) => rule),
    notes,
    budgets: {},
  };
}

const plain = (path: string) => path.replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
const wild = (pattern: string) => /[*?[]/.test(pattern);
const lastPart = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Which lines speak of each module: the first, the first of a KMP, the first that selects it for the base package. */
function chooseEntries(
  entries: readonly Entry[],
  paths: ReadonlyMap<string, string>,
  index: ModuleIndex,
  problems: Problem[],
) {
  const first = new Map<string, Entry>();
  const base = new Map<string, Entry>();
  const kmp = new Map<string, { name: string; entry: Entry }>();
  const used = new Set<Entry>();
  for (const entry of entries) {
    const kmpName = entry.guards.map((guard) => /^\+(\S+-kmp)$/.exec(guard)?.[1]).find(Boolean);
    const inBase = selected(entry.guards, 'base', false);
    for (const name of matchesOf(entry, paths, problems)) {
      used.add(entry);
      if (!first.has(name)) first.set(name, entry);
      if (kmpName && !kmp.has(name)) kmp.set(name, { name: kmpName, entry });
      if (inBase && !base.has(name)) base.set(name, entry);
    }
    if (index.builtins.has(lastPart(plain(entry.pattern)))) used.add(entry);
  }
  return { first, base, kmp, used };
}

function matchesOf(entry: Entry, paths: ReadonlyMap<string, string>, problems: Problem[]): string[] {
  if (!wild(entry.pattern)) {
    const name = lastPart(plain(entry.pattern));
    return paths.has(name) ? [name] : [];
  }
  const matcher = compile(entry, problems);
  return matcher ? [...paths].filter(([, path]) => matcher.test(path)).map(([name]) => name) : [];
}

/** `+external` is the hardware maker's support; every other line that does not begin with `-` supports its modules. */
function supportOf(guards: readonly string[]): Support {
  if (guards.includes('+external') || !guards[0]?.startsWith('-')) return 'supported';
  return selected(guards, 'optional', true) ? 'optional' : 'unsupported';
}

/**
 * Whether a line is selected when one symbol is set. Without guards the default decides; else the first guard's sign is the
 * beginning (a leading `-` selects, a leading `+` does not), then the last guard that holds. A bare `-` always
 * holds, `!` turns the condition round. Source: SUSE's rpm/guards.
 */
function selected(guards: readonly string[], symbol: string, without: boolean): boolean {
  let state = guards[0] === undefined ? without : guards[0].startsWith('-');
  for (const guard of guards) {
    const negated = guard[1] === '!';
    const name = guard.slice(negated ? 2 : 1);
    const set = name !== '' && name === symbol;
    if (negated ? !set : set || name === '') state = guard[0] === '+';
  }
  return state;
}

/** Tokens of logical lines; `#` starts a comment at the line's start or after a space, `\` at the end goes on. */
function parse(list: LineFile): Entry[] {
  const entries: Entry[] = [];
  let guards: string[] = [];
  let continued = false;
  for (const [at, raw] of list.lines.entries()) {
    if (!continued) guards = [];
    const line = raw.replace(/(^|\s)#.*$/, '$1');
    continued = /\\\s*$/.test(line);
    for (const token of line.replace(/\\\s*$/, '').matchAll(/\S+/g)) {
      if (/^[+-]/.test(token[0])) guards.push(token[0]);
      else entries.push({ guards, pattern: token[0], place: placeAt(list, at + 1), column: token.index + 1 });
    }
  }
  return entries;
}

function compile(entry: Entry, problems: Problem[]): Matcher | undefined {
  try {
    const pattern = plain(entry.pattern);
    return globMatcher(pattern.includes('/') ? `kernel/${pattern}` : `*/${pattern}`, GLOB);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const { file, line } = entry.place;
    problems.push({ file, line, column: entry.column + error.offset, message: error.message });
    return undefined;
  }
}

/** SUSE's build stops here where config.sh has SUPPORTED_MODULES_CHECK=Yes. */
function unsupported(
  user: string,
  needed: string,
  into: string,
  placement: ReadonlyMap<string, Placed>,
): SplitNote {
  const home = placement.get(user);
  return {
    id: 'supported-needs-unsupported',
    severity: 'warning',
    message: `${user} is supported but needs ${needed}, which is not: it goes to ${into}, and the build stops where SUPPORTED_MODULES_CHECK is set`,
    module: user,
    ...(home ? { package: home.package } : {}),
    ...(home?.rule ? { place: home.rule } : {}),
  };
}

function misspelt(entries: readonly Entry[], used: ReadonlySet<Entry>, index: ModuleIndex): SplitNote[] {
  const suggestions = new Suggestions();
  return entries.flatMap((entry): SplitNote[] => {
    if (used.has(entry) || wild(entry.pattern)) return [];
    const near = suggestions.for(lastPart(plain(entry.pattern)), index.modules.keys());
    if (!near) return [];
    const message = `there is no ${entry.pattern}${near}`;
    return [{ id: 'module-missing', severity: 'note', message, place: entry.place }];
  });
}
