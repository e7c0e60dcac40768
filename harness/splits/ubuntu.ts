import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { expandBraces, parseGlob } from '../patterns/glob.js';
import { anyChar, literal, Matcher, PatternError, repeat } from '../patterns/nfa.js';
import { placeAt, readLines, requireModuleLines, Suggestions } from './lines.js';
import { FileTree, findFiles } from './shellfind.js';
import { ShellBeyond } from './shellwords.js';
import type { Placed, ReadSplitOptions, Split, SplitPackage } from './split.js';

const SHELL = { doubleStar: false, brackets: true, crossSlash: false, dashIsUnderscore: false };

/** Real lists hold a handful; each of them looks at every file of the tree. */
const MOST_COMMANDS = 200;

/** Most rounds of Ubuntu's dependency pass. */
const PASSES = 19;

/**
 * Reads an Ubuntu `FLAVOUR.inclusion-list`: what it names stays in linux-modules, with everything that this needs; the rest
 * goes to linux-modules-extra. A line with `*` is a shell glob below kernel/, others are paths of one module.
 * `!` lines are shell commands that Ubuntu's build runs in kernel/: find is understood (see shellfind.ts), never run; what
 * goes beyond that is passed over with a warning.
 */
export async function readUbuntu(
  file: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  const list = await readLines(file);
  requireModuleLines(list, (line) => !line.startsWith('!'));
  const problems: Problem[] = [];
  const paths = new Map([...index.modules.values()].map(({ name, path }) => [plain(path), name]));
  const tree = new FileTree(
    [...paths.keys()].flatMap((path) => (path.startsWith('kernel/') ? [path.slice(7)] : [])),
  );
  let commands = 0;
  const builtin = new Set([...index.builtins.values()].map(plain));
  const placement = new Map<string, Placed>();
  const unused: RulePlace[] = [];
  const suggestions = new Suggestions();
  const notes: Split['notes'] = [];
  for (const [at, text] of list.lines.entries()) {
    if (text === '') continue;
    const place = placeAt(list, at + 1);
    const wrong = (message: string, column = 1, hint?: string) =>
      problems.push({ file: list.file, line: at + 1, column, message, ...(hint ? { hint } : {}) });
    let found: string[] = [];
    if (text.startsWith('!')) {
      if (++commands > MOST_COMMANDS) {
        if (commands === MOST_COMMANDS + 1) wrong(`more than ${MOST_COMMANDS} shell commands`);
        continue;
      }
      const printed = commandFiles(text.slice(1), tree, (message, offset) =>
        notes.push({
          id: 'command-skipped',
          severity: 'warning',
          message: `this shell command is passed over, and what it would print is missing: ${message} (column ${offset + 2})`,
          place,
        }),
      );
      if (!printed) continue;
      found = printed.flatMap((file) => paths.get(`kernel/${file}`) ?? []);
    } else if (text.includes('*')) {
      const expansion = /[$`;&|<>()"'\\]/.exec(text);
      if (expansion) {
        wrong(
          `"${expansion[0]}" would be read by the shell; only globs and braces are supported`,
          expansion.index + 1,
        );
        continue;
      }
      try {
        found = globbed(text, paths);
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        wrong(error.message, error.offset + 1);
      }
    } else {
      const path = plain(`kernel/${text}`);
      const name = paths.get(path);
      if (name) found = [name];
      else if (!builtin.has(path))
        notes.push({
          id: 'module-missing',
          severity: 'warning',
          message: `there is no ${text} in this kernel${suggestions.for(path, paths.keys()).replaceAll('kernel/', '')}`,
          place,
        });
    }
    if (found.length === 0) unused.push(place);
    for (const name of found)
      if (!placement.has(name)) placement.set(name, { package: 'linux-modules', rule: place });
  }
  if (problems.length > 0)
    throw new BootgateError(`${list.file} is not a valid inclusion list`, {
      code: 'E_SPLIT',
      blame: 'user',
      problems,
    });

  let newly = [...placement.keys()];
  for (let pass = 0; pass < PASSES && newly.length > 0; pass++) {
    const next: string[] = [];
    for (const name of newly)
      for (const needed of index.modules.get(name)?.depends ?? []) {
        if (placement.has(needed) || !index.modules.has(needed)) continue;
        const rule = placement.get(name)?.rule ?? null;
        placement.set(needed, { package: 'linux-modules', rule, why: `needed by ${name}` });
        next.push(needed);
      }
    newly = next;
  }
  for (const name of index.modules.keys())
    if (!placement.has(name)) placement.set(name, { package: 'linux-modules-extra', rule: null });
  const place = (text: string) => ({ file: list.file, line: 1, text });
  const packages: SplitPackage[] = [
    { name: 'linux-modules', depends: [], place: place('what the list names') },
    { name: 'linux-modules-extra', depends: ['linux-modules'], place: place('the rest') },
  ];
  return {
    name: options.flavour ?? 'ubuntu',
    format: 'ubuntu',
    file: list.file,
    packages,
    placement,
    twice: new Map(),
    partial: false,
    unused,
    notes,
    budgets: {},
  };
}

/** What a command prints, or null where it is not understood. */
function commandFiles(
  command: string,
  tree: FileTree,
  beyond: (message: string, offset: number) => void,
): string[] | null {
  try {
    return findFiles(command, tree);
  } catch (error) {
    if (!(error instanceof ShellBeyond)) throw error;
    beyond(error.message, error.offset);
    return null;
  }
}

const plain = (path: string) => path.replace(/\.ko(\.\w+)?$/, '.ko');

/** `find GLOB -name "*.ko"`: a file that matches, and everything below a folder that does. */
function globbed(text: string, paths: ReadonlyMap<string, string>): string[] {
  const below = { kind: 'sequence' as const, items: [literal('/'), repeat(anyChar)] };
  const matchers = expandBraces(text).map(
    (one) =>
      new Matcher(
        {
          kind: 'sequence',
          items: [literal('kernel/'), parseGlob(one.replace(/\/+$/, ''), SHELL), repeat(below, 0, 1)],
        },
        false,
      ),
  );
  return [...paths].filter(([path]) => matchers.some((one) => one.test(path))).map(([, name]) => name);
}
