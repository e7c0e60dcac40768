import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { nameOfPath } from '../modules/names.js';
import { shownFile } from '../modules/place.js';
import { parseGlob } from '../patterns/glob.js';
import { anyChar, literal, Matcher, PatternError, repeat } from '../patterns/nfa.js';
import { isFolder } from './kernel-wedge-lists.js';
import { placeAt, readLines, requireModuleLines, Suggestions } from './lines.js';
import type { Placed, Split, SplitNote, SplitPackage, SplitReader } from './split.js';

/** Lists that name modules one a line; what they do not name is in a package `rest` above. */
interface ListRules {
  format: string;
  /** The package that the list makes. */
  packageOf(path: string): string;
  /** Lines are shell globs below /lib/modules/RELEASE, and a folder that matches is taken whole. */
  globs: boolean;
  /** What a listed module needs comes along. */
  closed: boolean;
}

const SHELL = { doubleStar: false, brackets: true, crossSlash: false, dashIsUnderscore: false };
const stem = (path: string) => basename(path).replace(/\.(txt|modules|load)$/, '');

/** Android's `gki_system_dlkm_modules` and `modules.load`: paths below kernel/, or file names alone. Nothing comes along. */
export const readGkiList: SplitReader = (path, index) =>
  readModuleList(path, index, { format: 'android-gki', packageOf: stem, globs: false, closed: false });

/** Talos's `hack/modules-amd64.txt`: paths below /lib/modules/RELEASE, copied as they are named. */
export const readTalosList: SplitReader = (path, index) =>
  readModuleList(path, index, { format: 'talos', packageOf: stem, globs: false, closed: false });

/** Alpine's mkinitfs: `features.d/*.modules`, one feature or all of a folder, with what the modules need. */
export const readMkinitfs: SplitReader = (path, index) =>
  readModuleList(path, index, {
    format: 'mkinitfs',
    packageOf: (at) => (isFolder(at) ? 'initramfs' : `initramfs-${stem(at)}`),
    globs: true,
    closed: true,
  });

async function readModuleList(path: string, index: ModuleIndex, rules: ListRules): Promise<Split> {
  const files = isFolder(path)
    ? readdirSync(path)
        .filter((name) => name.endsWith('.modules'))
        .sort()
        .map((name) => join(path, name))
    : [path];
  const name = rules.packageOf(path);
  const paths = new Map([...index.modules.values()].map((one) => [plain(one.path), one.name]));
  const placement = new Map<string, Placed>();
  const unused: RulePlace[] = [];
  const notes: SplitNote[] = [];
  const problems: Problem[] = [];
  const suggestions = new Suggestions();
  for (const file of files) {
    const list = await readLines(file);
    requireModuleLines(list);
    for (const [at, raw] of list.lines.entries()) {
      const text = raw.replace(/#.*$/, '').trim();
      // Talos's list has the files of the kernel's build as well.
      if (text === '' || (!rules.globs && !/\.ko(\.\w+)?$/.test(text))) continue;
      const place = placeAt(list, at + 1);
      let found: string[] = [];
      try {
        found = rules.globs ? globbed(text, paths) : named(text, paths, index);
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        problems.push({ file: list.file, line: at + 1, column: error.offset + 1, message: error.message });
        continue;
      }
      for (const module of found)
        if (!placement.has(module)) placement.set(module, { package: name, rule: place });
      if (found.length > 0 || index.builtins.has(nameOfPath(text))) continue;
      unused.push(place);
      const near = rules.globs ? '' : suggestions.for(nameOfPath(text), index.modules.keys());
      if (near)
        notes.push({ id: 'module-missing', severity: 'note', message: `there is no ${text}${near}`, place });
    }
  }
  if (problems.length > 0)
    throw new BootgateError(`${shownFile(path)} is not a valid module list`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems,
    });
  if (rules.closed)
    for (const user of [...placement.keys()])
      for (const needed of index.modules.get(user)?.depends ?? []) {
        if (placement.has(needed) || !index.modules.has(needed)) continue;
        const rule = placement.get(user)?.rule ?? null;
        placement.set(needed, { package: name, rule, why: `needed by ${user}` });
      }
  for (const module of index.modules.keys())
    if (!placement.has(module)) placement.set(module, { package: 'rest', rule: null });
  const place = (text: string) => ({ file: shownFile(files[0] ?? path), line: 1, text });
  const packages: SplitPackage[] = [
    { name, depends: [], place: place('what the list names') },
    { name: 'rest', depends: [name], place: place('the rest') },
  ];
  return {
    name,
    format: rules.format,
    file: shownFile(path),
    packages,
    placement,
    twice: new Map(),
    partial: false,
    unused,
    notes,
    budgets: {},
  };
}

const plain = (path: string) => path.replace(/\.ko(\.\w+)?$/, '.ko');

/** A path below the tree or below kernel/; without a folder, any module of that name. */
function named(text: string, paths: ReadonlyMap<string, string>, index: ModuleIndex): string[] {
  const path = plain(text);
  const name = paths.get(path) ?? paths.get(`kernel/${path}`);
  if (name) return [name];
  return !text.includes('/') && index.modules.has(nameOfPath(text)) ? [nameOfPath(text)] : [];
}

/** A file that matches, and everything below a folder that does. The pattern may name the suffix or leave it to a `*`. */
function globbed(text: string, paths: ReadonlyMap<string, string>): string[] {
  const below = { kind: 'sequence' as const, items: [literal('/'), repeat(anyChar)] };
  const pattern = parseGlob(plain(text).replace(/\/+$/, ''), SHELL);
  const matcher = new Matcher({ kind: 'sequence', items: [pattern, repeat(below, 0, 1)] }, false);
  return [...paths].filter(([path]) => matcher.test(path)).map(([, name]) => name);
}
