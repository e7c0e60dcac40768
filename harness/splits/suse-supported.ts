import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { globMatcher } from '../patterns/glob.js';
import { type Matcher, PatternError } from '../patterns/nfa.js';
import { type LineFile, placeAt, readLines, Suggestions } from './lines.js';
import type { Placed, ReadSplitOptions, Split, SplitNote, SplitPackage } from './split.js';

const GLOB = { doubleStar: false, brackets: true, crossSlash: true, dashIsUnderscore: true };

interface Entry {
  guards: string[];
  pattern: string;
  place: RulePlace;
  column: number;
}

/**
 * Reads SUSE's `supported.conf`. Each line has guards (`+base`, `-`, `+NAME-kmp`, `-!optional`), then module paths without
 * suffix; all guards of a line hold for all of its paths. kernel-FLAVOUR-base gets `+base` and everything that it
 * needs, kernel-FLAVOUR the other supported modules, kernel-FLAVOUR-extra the unsupported and unlisted ones.
 */
export async function readSuseSupported(
  file: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const list = await readLines(file);
  const entries = parse(list);
  const problems: Problem[] = [];
  const flavour = options.flavour ?? 'default';
  const main = `kernel-${flavour}`;
  const names = { base: `${main}-base`, optional: `${main}-optional`, extra: `${main}-extra` };
  const paths = new Map([...index.modules.values()].map((one) => [one.name, plain(one.path)]));
  const byPath = new Map([...paths].map(([name, path]) => [path, name]));
  const builtin = new Set([...index.builtins.values()].map(plain));

  const chosen = new Map<string, { entry: Entry; exact: boolean }>();
  const used = new Set<Entry>();
  const suggestions = new Suggestions();
  for (const entry of entries) {
    const exact = !/[*?[]/.test(entry.pattern);
    let matches: string[];
    if (exact) {
      const name =
        byPath.get(plain(`kernel/${entry.pattern}`)) ??
        (entry.pattern.includes('/') ? undefined : entry.pattern.replaceAll('-', '_'));
      matches = name && index.modules.has(name) ? [name] : [];
    } else {
      const matcher = compile(entry, problems);
      matches = matcher ? [...paths].filter(([, path]) => matcher.test(path)).map(([name]) => name) : [];
    }
    if (matches.length > 0 || builtin.has(plain(`kernel/${entry.pattern}`))) used.add(entry);
    // A path outdoes a glob; among equals the later line counts.
    for (const name of matches) if (exact || !chosen.get(name)?.exact) chosen.set(name, { entry, exact });
  }
  if (problems.length > 0)
    throw new BootgateError(`${list.file} is not a right supported.conf`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems,
    });

  const placement = new Map<string, Placed>();
  const kmps = new Set<string>();
  for (const name of index.modules.keys()) {
    const entry = chosen.get(name)?.entry;
    const rule = entry?.place ?? null;
    if (!entry) {
      placement.set(name, { package: names.extra, rule: null, why: 'supported.conf does not name it' });
      continue;
    }
    const kmp = entry.guards.map((guard) => /^\+(\S+-kmp)$/.exec(guard)?.[1]).find(Boolean);
    if (kmp) kmps.add(kmp);
    const home = kmp ?? homeOf(entry.guards, { ...names, main });
    placement.set(name, { package: home, rule });
  }
  const notes: SplitNote[] = [];
  // The base package is closed: what it needs is in it, wherever it was listed.
  for (const [name, placed] of [...placement]) {
    if (placed.package !== names.base) continue;
    for (const needed of index.modules.get(name)?.depends ?? []) {
      const there = placement.get(needed);
      if (!there || there.package === names.base) continue;
      if (there.package === names.extra) notes.push(unsupported(name, needed, placed));
      const { package: wished, rule } = there;
      placement.set(needed, { package: names.base, rule, wished, why: `needed by ${name} in ${names.base}` });
    }
  }
  notes.push(...unsupportedNotes(index, placement, names.extra));
  for (const entry of entries)
    if (!used.has(entry) && !/[*?[]/.test(entry.pattern)) {
      const near = suggestions.for(plain(`kernel/${entry.pattern}`), byPath.keys()).replaceAll('kernel/', '');
      if (near)
        notes.push({
          id: 'module-missing',
          severity: 'note',
          message: `there is no ${entry.pattern}${near}`,
          place: entry.place,
        });
    }
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

function homeOf(
  guards: readonly string[],
  names: { base: string; optional: string; extra: string; main: string },
) {
  const plain = selected(guards, '');
  if (plain) return names.main;
  if (selected(guards, 'base')) return names.base;
  if (selected(guards, 'optional')) return names.optional;
  // Supported by the hardware's maker: shipped with the supported ones.
  return selected(guards, 'external') ? names.main : names.extra;
}

/**
 * Whether a line is selected when one symbol is set (`''`: none). Without guards it is; else the first guard's sign is the
 * beginning (a leading `-` selects, a leading `+` does not), then the last guard that holds decides. A bare `-` always
 * holds, `!` turns the condition round. Source: SUSE's rpm/guards.
 */
function selected(guards: readonly string[], symbol: string): boolean {
  let state = guards[0]?.startsWith('-') ?? true;
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

/** SUSE's build stops when a supported module needs an unsupported one. */
function unsupportedNotes(
  index: ModuleIndex,
  placement: ReadonlyMap<string, Placed>,
  extra: string,
): SplitNote[] {
  const notes: SplitNote[] = [];
  for (const module of index.modules.values()) {
    const home = placement.get(module.name);
    if (!home || home.package === extra) continue;
    const needed = module.depends.find((name) => placement.get(name)?.package === extra);
    if (needed) notes.push(unsupported(module.name, needed, home));
  }
  return notes;
}

function unsupported(name: string, needed: string, home: Placed): SplitNote {
  return {
    id: 'supported-needs-unsupported',
    severity: 'error',
    message: `${name} is supported but needs ${needed}, which is not`,
    module: name,
    package: home.package,
    ...(home.rule ? { place: home.rule } : {}),
  };
}
