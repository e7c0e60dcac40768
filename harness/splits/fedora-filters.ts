import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { hostArchitecture } from '../arch/index.js';
import { BootgateError, type Problem, userError } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { grepMatcher } from '../patterns/grep.js';
import { PatternError } from '../patterns/nfa.js';
import { PatternIndex } from '../patterns/search.js';
import { isFolder } from './kernel-wedge-lists.js';
import { type LineFile, placeAt, readLines } from './lines.js';
import type { Placed, ReadSplitOptions, Split, SplitPackage } from './split.js';

/** What the shell variables of filter-modules.sh stand for: words become folders or file names for grep. */
const FOLDERS: Record<string, string> = {
  driverdirs: 'drivers/',
  chardrvs: 'drivers/char/',
  netdrvs: 'drivers/net/',
  ethdrvs: 'drivers/net/ethernet/',
  inputdrvs: 'drivers/input/',
  hiddrvs: 'drivers/hid/',
  scsidrvs: 'drivers/scsi/',
  usbdrvs: 'drivers/usb/',
  fsdrvs: 'fs/',
  netprots: 'kernel/net/',
  drmdrvs: 'drivers/gpu/drm/',
  iiodrvs: 'drivers/iio/',
  iiocommondrvs: 'drivers/iio/common/',
  ttydrvs: 'drivers/tty/',
};
/** Filtered whatever the variables say. */
const ALWAYS = ['kernel/sound/', 'kernel/drivers/soundwire/'];
const NAMES = [...Object.keys(FOLDERS), 'singlemods', 'overrides'];

interface Word {
  text: string;
  place: RulePlace;
}

/**
 * Reads Fedora's legacy split: `filter-modules.sh` and `filter-ARCH.sh` name what leaves kernel-core, `mod-extra.list` and
 * `mod-internal.list` what leaves kernel-modules. The scripts are parsed for their assignments, never run.
 * Matching is grep's: unanchored, with the dot as a wildcard.
 */
export async function readFedoraFilters(
  path: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const folder = isFolder(path) ? path : dirname(path);
  const files = findFiles(path, folder, options.arch ?? hostArchitecture().names.rpm);
  const problems: Problem[] = [];
  const variables = new Map<string, Word[]>();
  // The architecture's file is sourced after the defaults and replaces whole variables.
  for (const file of [files.main, files.arch])
    if (file)
      for (const [name, words] of assignments(await readLines(file), problems)) variables.set(name, words);

  const main = await readLines(files.main);
  const place = (text: string): RulePlace => ({ file: main.file, line: 1, text });
  const packages: SplitPackage[] = [
    { name: 'kernel-core', depends: [], place: place('what no filter names') },
    { name: 'kernel-modules', depends: ['kernel-core'], place: place('what a filter names') },
  ];
  const paths = new Map([...index.modules.values()].map((one) => [one.name, `/${one.path}`]));
  const placement = new Map<string, Placed>();
  const wishes = new Map<string, Omit<Placed, 'package'>>();
  const used = new Set<RulePlace>();
  const listed: [string, string | undefined][] = [
    ['kernel-modules-extra', files.extra],
    ['kernel-modules-internal', files.internal],
  ];
  const rows: RulePlace[] = [];
  const direct = options.direct ?? directDepends(index);
  for (const [name, file] of listed) {
    if (!file) continue;
    const list = await readLines(file);
    const lines = moduleLines(list);
    rows.push(...lines.values());
    packages.push({
      name,
      depends: ['kernel-core', 'kernel-modules'],
      place: { file: list.file, line: 1, text: list.file },
    });
    // One pass over what stays: a listed module that one of those directly needs is kept, silently in Fedora's script.
    const inList = (module: string) => lines.has(module);
    const kept = new Map<string, string>();
    for (const module of index.modules.keys())
      if (!inList(module) && !placement.has(module))
        for (const needed of direct.get(module) ?? []) if (inList(needed)) kept.set(needed, module);
    for (const [module, rule] of lines) {
      if (!index.modules.has(module)) continue;
      used.add(rule);
      const user = kept.get(module);
      if (placement.has(module)) continue;
      if (!user) placement.set(module, { package: name, rule });
      else wishes.set(module, { wished: name, rule, why: `${user}, which no list names, needs it` });
    }
  }

  const rules: { matcher: ReturnType<typeof grepMatcher>; place: RulePlace }[] = [];
  const overrides: typeof rules = [];
  const compile = (pattern: string, rule: RulePlace, into: typeof rules) => {
    try {
      into.push({ matcher: grepMatcher(pattern), place: rule });
      rows.push(rule);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      problems.push({
        file: rule.file,
        line: rule.line,
        column: error.offset + 1,
        message: `${rule.text} is not a pattern for grep -e: ${error.message}`,
      });
    }
  };
  for (const [variable, words] of variables)
    for (const word of words) {
      if (variable === 'overrides') compile(`/${word.text}.ko`, word.place, overrides);
      else if (variable === 'singlemods') compile(`${word.text}.ko`, word.place, rules);
      else compile(`${FOLDERS[variable]}${word.text}/`, word.place, rules);
    }
  for (const one of ALWAYS)
    rules.push({ matcher: grepMatcher(one), place: place(`${one} (always filtered)`) });
  if (problems.length > 0)
    throw new BootgateError(`${shownFile(folder)} is not a valid split`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems,
    });

  const filtered = new PatternIndex(rules.map(({ matcher }) => matcher));
  const overridden = new PatternIndex(overrides.map(({ matcher }) => matcher));
  for (const module of index.modules.keys()) {
    if (placement.has(module)) continue;
    const text = paths.get(module) ?? '';
    const hits = filtered.match(text);
    const back = overridden.match(text);
    for (const id of hits) used.add((rules[id] as { place: RulePlace }).place);
    for (const id of back) used.add((overrides[id] as { place: RulePlace }).place);
    const rescued = wishes.get(module);
    const first = hits[0] === undefined ? undefined : rules[hits[0]];
    const pulled = back[0] === undefined ? undefined : overrides[back[0]];
    const rule = (pulled ?? first)?.place ?? null;
    const home = first && !pulled ? 'kernel-modules' : 'kernel-core';
    placement.set(module, rescued ? { package: home, ...rescued } : { package: home, rule });
  }
  return {
    name: 'fedora-filters',
    format: 'fedora-filters',
    file: shownFile(path),
    sources: Object.values(files).flatMap((file) => (file ? [resolve(file)] : [])),
    packages,
    placement,
    twice: new Map(),
    partial: false,
    unused: rows.filter((row) => !used.has(row)),
    notes: [],
    budgets: {},
  };
}

/** The files of one variant; `filter-modules.sh.rhel` goes with the other files that end in `.rhel`. */
function findFiles(path: string, folder: string, arch: string) {
  const names = readdirSync(folder);
  const mains = isFolder(path)
    ? names.filter((name) => /^filter-modules\.sh(\..+)?$/.test(name))
    : [path.slice(path.lastIndexOf('/') + 1)];
  if (mains.length !== 1)
    throw userError('E_SPLIT', `${shownFile(folder)} has ${mains.length} files filter-modules.sh*`, {
      hint:
        mains.length > 1 ? `give the one that is meant: ${mains.join(', ')}` : 'give the folder that has one',
    });
  const variant = (mains[0] as string).replace(/^filter-modules\.sh/, '');
  const find = (...candidates: string[]) =>
    candidates.map((name) => join(folder, name)).find((file) => existsSync(file));
  return {
    main: join(folder, mains[0] as string),
    arch: find(`filter-${arch}.sh${variant}`, `filter-${arch}.sh`),
    extra: find(`mod-extra.list${variant}`, 'mod-extra.list'),
    internal: find(`mod-internal.list${variant}`, 'mod-internal.list'),
  };
}

/** `name="words"` at a line's start, over several lines where the quotes say so. Anything that a shell would expand is refused. */
function assignments(list: LineFile, problems: Problem[]): Map<string, Word[]> {
  const found = new Map<string, Word[]>();
  for (let at = 0; at < list.lines.length; at++) {
    const start = /^\s*([a-z]+)=(["']?)(.*)$/.exec(list.lines[at] ?? '');
    const [, name = '', quote = '', first = ''] = start ?? [];
    if (!start || !NAMES.includes(name)) continue;
    const words: Word[] = [];
    let text = first;
    for (let line = at; ; text = list.lines[++line] ?? '') {
      const end = quote ? text.indexOf(quote) : text.search(/[\s;]|$/);
      const part = (end < 0 ? text : text.slice(0, end)).replace(/\\$/, '');
      const expansion = /[$`]/.exec(part);
      if (expansion && quote !== "'")
        problems.push({
          file: list.file,
          line: line + 1,
          column: (list.lines[line] ?? '').indexOf(expansion[0]) + 1,
          message: `${name}: "${expansion[0]}" would be expanded by the shell; bootgate reads the script without running it`,
          hint: 'write the words out',
        });
      for (const word of part.split(/\s+/).filter(Boolean))
        words.push({ text: word, place: { ...placeAt(list, line + 1), text: `${name}: ${word}` } });
      at = line;
      if (end >= 0) break;
      if (line + 1 >= list.lines.length) {
        problems.push({
          file: list.file,
          line: line + 1,
          column: 1,
          message: `${name}: the quote is not closed`,
        });
        break;
      }
    }
    found.set(name, words);
  }
  return found;
}

/** `name.ko` or `name`, one a line. */
function moduleLines(list: LineFile): Map<string, RulePlace> {
  const found = new Map<string, RulePlace>();
  for (const [at, line] of list.lines.entries()) {
    const word = line.trim();
    if (word && !word.startsWith('#'))
      found.set(word.replace(/\.ko$/, '').replaceAll('-', '_'), placeAt(list, at + 1));
  }
  return found;
}

/** Each module's own dependencies as far as the closure shows them: those that no other of them brings along. */
export function directDepends(index: ModuleIndex): Map<string, string[]> {
  return new Map(
    [...index.modules.values()].map((module) => {
      const brought = new Set(module.depends.flatMap((name) => index.modules.get(name)?.depends ?? []));
      return [module.name, module.depends.filter((name) => !brought.has(name))];
    }),
  );
}
