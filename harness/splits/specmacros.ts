import type { RulePlace } from '../modules/module.js';
import { type LineFile, placeAt } from './lines.js';

/** As much of a spec file as says which package has which files. */

export interface SpecPackage {
  name: string;
  place: RulePlace;
  requires: string[];
  files: { path: string; excluded: boolean; place: RulePlace }[];
  /** Lists that the build makes: `%files -f LIST`. */
  lists: { name: string; place: RulePlace }[];
}

const SECTION =
  /^%(package|files|description|prep|build|install|check|clean|generate_buildrequires|pre|post|preun|postun|pretrans|posttrans|preuntrans|postuntrans|verifyscript|trigger\w*|filetrigger\w*|transfiletrigger\w*|changelog|sourcelist|patchlist)\b(.*)$/;
/** As rpm's own limit (`_max_recursion`, rpmio/macro.c). */
const MOST_DEEP = 64;
/** rpm's names of the architectures whose branches are taken, for each that a module can be for. */
const ARCHES: Record<string, readonly string[]> = {
  x86_64: ['x86_64'],
  aarch64: ['aarch64', 'arm64'],
  i386: ['i386', 'i486', 'i586', 'i686', 'ix86'],
};

/**
 * The packages of a spec file. Branches of `%ifarch` are taken for one architecture, of `%if` all; macros are those
 * that the file itself defines, `%{?conditional}` ones that it does not are empty, others stay as they are written.
 */
export function specPackages(list: LineFile, arch: string): SpecPackage[] {
  const macros = new Map<string, string>();
  const packages = new Map<string, SpecPackage>();
  const mine = ARCHES[arch] ?? [arch];
  const branches: Branch[] = [];
  let section: { kind: string; owner: SpecPackage | null } = { kind: 'preamble', owner: null };
  const packageOf = (name: string, place: RulePlace) => {
    const one = packages.get(name) ?? { name, place, requires: [], files: [], lists: [] };
    packages.set(name, one);
    return one;
  };
  for (const [at, raw] of list.lines.entries()) {
    const line = raw.trim();
    const place = placeAt(list, at + 1);
    if (takeBranch(line, branches, mine, macros)) continue;
    if (branches.some(({ taken }) => !taken) || line.startsWith('#')) continue;
    const macro = /^%(?:define|global)\s+(\w+)(?:\([^)]*\))?\s+(.*?)\\?$/.exec(line);
    if (macro) {
      macros.set(macro[1] as string, (macro[2] as string).trim());
      continue;
    }
    const start = SECTION.exec(line);
    if (start) {
      const words = expandMacros(start[2] ?? '', macros)
        .trim()
        .split(/\s+/)
        .filter(Boolean);
      const kind = start[1] as string;
      const owned = kind === 'package' || kind === 'files';
      const main = macros.get('name') ?? '';
      const owner = owned ? packageOf(nameIn(words, main), place) : null;
      if (kind === 'files' && owner)
        for (const [index, word] of words.entries())
          if (word === '-f') owner.lists.push({ name: words[index + 1] ?? '', place });
      section = { kind, owner };
      continue;
    }
    const text = expandMacros(line, macros);
    const tag = /^(Name|Version|Release|Requires)\s*(?:\([^)]*\))?\s*:\s*(.+)$/i.exec(text);
    if (section.kind === 'preamble' && tag && !/^requires$/i.test(tag[1] as string)) {
      macros.set((tag[1] as string).toLowerCase(), (tag[2] as string).trim());
      if (/^name$/i.test(tag[1] as string)) section.owner = packageOf((tag[2] as string).trim(), place);
    } else if (tag && section.owner && (section.kind === 'preamble' || section.kind === 'package'))
      section.owner.requires.push(...requiredNames(tag[2] as string));
    else if (section.kind === 'files' && section.owner)
      section.owner.files.push(...fileEntries(text).map((entry) => ({ ...entry, place })));
  }
  return [...packages.values()];
}

/** An open condition: whether it is about the architecture, and whether its lines count. */
interface Branch {
  arch: boolean;
  taken: boolean;
}

/** Conditions, each on a line of its own. Returns whether the line was one. */
function takeBranch(
  line: string,
  branches: Branch[],
  mine: readonly string[],
  macros: ReadonlyMap<string, string>,
): boolean {
  const [, word = '', rest = ''] =
    /^%(if|ifarch|ifnarch|ifos|ifnos|elif|elifarch|else|endif)\b(.*)$/.exec(line) ?? [];
  if (word === '') return false;
  const named = () =>
    expandMacros(rest, macros)
      .split(/\s+/)
      .some((one) => mine.includes(one.replace(/^%\{?(\w+)\}?$/, '$1')));
  const open = branches.at(-1);
  if (word === 'endif') branches.pop();
  else if (word === 'else') {
    if (open) open.taken = open.arch ? !open.taken : true;
  } else if (word.startsWith('el')) {
    if (open) open.taken = word === 'elifarch' ? named() : true;
  } else if (word === 'ifarch') branches.push({ arch: true, taken: named() });
  else if (word === 'ifnarch') branches.push({ arch: true, taken: !named() });
  else branches.push({ arch: false, taken: true });
  return true;
}

function nameIn(words: readonly string[], main: string): string {
  const named = words.indexOf('-n');
  if (named >= 0) return words[named + 1] ?? main;
  const sub = words.find((word, at) => !word.startsWith('-') && words[at - 1] !== '-f');
  return sub ? `${main}-${sub}` : main;
}

/** `a = 1-2, b >= 3 c` -> a, b, c. */
function requiredNames(text: string): string[] {
  return text
    .replace(/(<=|>=|<|>|=)\s*\S+/g, ' ')
    .split(/[\s,]+/)
    .filter((word) => /^[A-Za-z0-9]/.test(word));
}

/** The paths of one line of %files; directives such as %defattr have none. */
function fileEntries(text: string): { path: string; excluded: boolean }[] {
  if (/^%(defattr|license|doc)\b/.test(text) || /^%dir\s/.test(text)) return [];
  const excluded = /(^|\s)%exclude\b/.test(text);
  if (excluded && /\s%dir\s/.test(text)) return [];
  return text
    .replace(
      /%(?:attr|config|verify|lang|caps)\([^)]*\)|%(?:exclude|ghost|config|missingok|artifact)\b/g,
      ' ',
    )
    .split(/\s+/)
    .filter((word) => word.startsWith('/'))
    .map((path) => ({ path: path.replace(/\/+/g, '/'), excluded }));
}

function expandMacros(text: string, macros: ReadonlyMap<string, string>, depth = 0): string {
  if (depth > MOST_DEEP || !text.includes('%')) return text;
  const expanded = text.replace(
    /%%|%\{(!?\??)([\w.]+)(?::([^{}]*))?\}|%(\w+)/g,
    (whole, mark, braced, then, bare) => {
      if (whole === '%%') return '%';
      const name = (braced ?? bare) as string;
      const value = macros.get(name);
      if (mark === '?') return value === undefined ? '' : (then ?? value);
      if (mark === '!?') return value === undefined ? (then ?? '') : '';
      return value ?? whole;
    },
  );
  return expanded === text ? text : expandMacros(expanded, macros, depth + 1);
}
