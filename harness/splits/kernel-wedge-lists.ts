import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { parseGlob } from '../patterns/glob.js';
import { literal, Matcher, notSlash, repeat } from '../patterns/nfa.js';
import { type LineFile, linesOf, placeAt, requireRegular, Suggestions } from './lines.js';

/** kernel-wedge's lists of modules, read as its `preprocess` command does (2.106, on Linux). */

/** The suffixes that kernel-wedge knows are `.ko`, `.ko.xz` and `.ko.zstd`; the kernel writes `.ko.zst`. */
const SUFFIX = /\.ko(\.(xz|zstd))?$/;
const RULES = { doubleStar: true, brackets: false, crossSlash: false, dashIsUnderscore: true };

interface Named {
  name: string;
  /** Without suffix. */
  path: string;
}

export interface WedgeTree {
  index: ModuleIndex;
  /** In modules.dep's order. */
  modules: Named[];
  builtins: Named[];
  modulesByBase: Map<string, Named[]>;
  builtinsByBase: Map<string, Named[]>;
  folders: Set<string>;
  /** Files that kernel-wedge would not take for modules because of their suffix. */
  unseen: string[];
}

export function wedgeTree(index: ModuleIndex): WedgeTree {
  const modules: Named[] = [];
  const unseen: string[] = [];
  const folders = new Set<string>();
  for (const { name, path } of index.modules.values()) {
    if (SUFFIX.test(path)) modules.push({ name, path: path.replace(SUFFIX, '') });
    else unseen.push(name);
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  const builtins = [...index.builtins].map(([name, path]) => ({ name, path: path.replace(SUFFIX, '') }));
  const byBase = (all: readonly Named[]) => {
    const found = new Map<string, Named[]>();
    for (const one of all) found.set(baseOf(one.path), [...(found.get(baseOf(one.path)) ?? []), one]);
    return found;
  };
  const modulesByBase = byBase(modules);
  return { index, modules, builtins, modulesByBase, builtinsByBase: byBase(builtins), folders, unseen };
}

const baseOf = (path: string) => path.slice(path.lastIndexOf('/') + 1).replaceAll('-', '_');

export interface WedgeList {
  /** Module names with the line that put them in last. */
  modules: Map<string, RulePlace>;
  problems: Problem[];
  /** Lines that found nothing, in whatever list they stand. */
  unused: RulePlace[];
}

/**
 * Reads one package's list with everything that it includes. Lines count in order: a later one can take out what an
 * earlier one put in, and put it in again.
 * @param included The folder that `#include <NAME>` looks in.
 */
export function readWedgeList(file: string, included: string, tree: WedgeTree): WedgeList {
  const list: WedgeList = { modules: new Map(), problems: [], unused: [] };
  const missing = new Map<string, RulePlace>();
  const loaded = new Set<string>();
  const suggestions = new Suggestions();

  const load = (path: string, from?: RulePlace): void => {
    const wrong = (message: string) =>
      list.problems.push({
        file: from?.file ?? shownFile(path),
        ...(from ? { line: from.line, column: 1 } : {}),
        message,
      });
    if (loaded.has(path)) {
      wrong(`${shownFile(path)} is included a second time, which kernel-wedge takes for a loop`);
      return;
    }
    loaded.add(path);
    let text: LineFile;
    try {
      requireRegular(path);
      text = linesOf(shownFile(path), readFileSync(path), 'trim');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined || 'blame' in (error as object)) throw error;
      wrong(`cannot read ${shownFile(path)}`);
      return;
    }
    for (const [at, raw] of text.lines.entries()) {
      const line = raw.trim();
      const place = placeAt(text, at + 1);
      const include = /^#include\s+(?:<(.*)>|"(.*)")$/.exec(line);
      if (include)
        load(
          join(include[1] !== undefined ? included : dirname(path), include[1] ?? include[2] ?? ''),
          place,
        );
      else if (line !== '' && !line.startsWith('#')) entry(line, place);
    }
  };

  const entry = (line: string, place: RulePlace): void => {
    if (line.endsWith(' -')) {
      const pattern = line.slice(0, -2);
      missing.delete(pattern);
      for (const name of find(tree, pattern).modules) list.modules.delete(name);
      return;
    }
    const optional = line.endsWith(' ?') || line.startsWith('-');
    const pattern = line.endsWith(' ?') ? line.slice(0, -2) : line.replace(/^-/, '');
    const found = find(tree, pattern);
    for (const name of found.modules) list.modules.set(name, place);
    if (found.noFolder !== undefined && !optional)
      list.problems.push({
        ...at(place),
        message: `pattern ${pattern} refers to a folder that is not there: ${found.noFolder}`,
        hint: 'put ` ?` after the pattern if kernels without it are meant to pass',
      });
    if (found.modules.length > 0 || found.builtin) return;
    if (!isWild(pattern) && !optional) missing.set(pattern, place);
    else list.unused.push(place);
  };

  load(file);
  for (const [pattern, place] of missing)
    list.problems.push({
      ...at(place),
      message: `missing module ${pattern}${suggestions.for(baseOf(pattern), tree.index.modules.keys())}`,
      hint: 'put ` ?` after the name if kernels without it are meant to pass',
    });
  return list;
}

const at = (place: RulePlace) => ({ file: place.file, line: place.line, column: 1 });
const isWild = (pattern: string) => /[?*]/.test(pattern);

/** One pattern's modules. Not wild: a name in any folder, the first hit, kernel/ before others, then built-ins. */
function find(tree: WedgeTree, pattern: string): { modules: string[]; builtin?: true; noFolder?: string } {
  if (isWild(pattern)) {
    const split = /^([^?*]*)\/(.*)$/.exec(pattern);
    if (!split) return all(tree, new Matcher(parseGlob(pattern, RULES), false));
    const [, folder = '', rest = ''] = split;
    const base = [folder, `kernel/${folder}`].find((one) => tree.folders.has(one));
    if (base === undefined) return { modules: [], noFolder: folder };
    // The folder is taken to the letter; only what follows is a pattern.
    const items = [literal(`${base}/`), parseGlob(rest, RULES)];
    return all(tree, new Matcher({ kind: 'sequence', items }, false));
  }
  const base = baseOf(pattern);
  const tail = parseGlob(pattern, RULES);
  const anywhere = repeat({ kind: 'sequence', items: [repeat(notSlash), literal('/')] });
  const inKernel = new Matcher({ kind: 'sequence', items: [literal('kernel/'), anywhere, tail] }, false);
  const inTree = new Matcher({ kind: 'sequence', items: [anywhere, tail] }, false);
  for (const matcher of [inKernel, inTree]) {
    const hit = tree.modulesByBase.get(base)?.find(({ path }) => matcher.test(path));
    if (hit) return { modules: [hit.name] };
    if (tree.builtinsByBase.get(base)?.some(({ path }) => matcher.test(path)))
      return { modules: [], builtin: true };
  }
  return { modules: [] };
}

function all(tree: WedgeTree, matcher: Matcher): { modules: string[] } {
  return { modules: tree.modules.filter(({ path }) => matcher.test(path)).map(({ name }) => name) };
}

/** Whether a path is a folder; `false` for everything else. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
