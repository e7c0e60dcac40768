import type { ListEntry } from './listforms.js';

/** A whole file of another tool, in which some places name modules and the rest says something else. */
export interface Blocks {
  form: string;
  entries: ListEntry[];
}

interface BlockForm {
  form: string;
  /** One place that names modules: group `body` holds the names, `key` what it is called. */
  block: RegExp;
  /** Names in the body, each with its offset. */
  names: RegExp;
  /** Keys whose names are taken out. */
  removes?: RegExp;
  /** What the rest of the file has to show. */
  only?: RegExp;
}

const WORDS = /[^\s"',()\\]+/g;

const FORMS: BlockForm[] = [
  {
    form: "dracut's configuration",
    block:
      /^[ \t]*(?<key>add_drivers|force_drivers|drivers|filesystems|omit_drivers)\+?=[ \t]*(?<quote>["'])(?<body>[^"']*)\k<quote>/gm,
    names: WORDS,
    removes: /^omit_/,
  },
  {
    form: "mkinitcpio's configuration",
    block: /^[ \t]*(?<key>MODULES)\+?=[ \t]*(?:\((?<body>[^)]*)\)|"(?<quoted>[^"]*)")/gm,
    names: WORDS,
  },
  {
    form: 'NixOS options',
    block:
      /(?<key>\b(?:availableKernelModules|blacklistedKernelModules|kernelModules))\s*=\s*(?:lib\.\w+\s*)?\[(?<body>[^\]]*)\]/g,
    names: /(?<=")[\w-]+(?=")/g,
    removes: /^blacklisted/,
  },
  {
    form: "Talos's machine configuration",
    block: /(?<key>\bmodules):[ \t]*\n(?<body>(?:[ \t]+(?:- |\w).*\n?|[ \t]*(?:#.*)?\n)*)/g,
    names: /(?<=^[ \t]*-[ \t]+name:[ \t]*["']?)[\w-]+/gm,
    only: /^[ \t]*kernel:[ \t]*$/m,
  },
  {
    form: "booster's configuration",
    block: /^(?<key>modules|modules_force_load):[ \t]*["']?(?<body>[-\w,*./ ]+)["']?[ \t]*(?:#.*)?$/gm,
    names: /[^\s,]+/g,
  },
];

/** Null for a text that is of no such form: its lines are read one by one. */
export function readBlocks(text: string): Blocks | null {
  return readJson(text) ?? firstOf(text);
}

function firstOf(text: string): Blocks | null {
  // A comment keeps its length, so that offsets stay those of the file.
  const bare = text.replace(/(^|\s)#.*$/gm, (comment) => comment.replace(/\S/g, ' '));
  for (const { form, block, names, removes, only } of FORMS) {
    if (only && !only.test(bare)) continue;
    const entries: ListEntry[] = [];
    let seen = false;
    for (const found of bare.matchAll(block)) {
      const { key = '', body = found.groups?.quoted ?? '' } = found.groups ?? {};
      const from = found.index + found[0].lastIndexOf(body);
      for (const name of body.matchAll(names)) {
        seen = true;
        const word = name[0];
        const line = lineAt(text, from + name.index);
        const remove = word.startsWith('-') || (removes?.test(key) ?? false);
        // mkinitcpio(8): a trailing `?` allows a module to be missing.
        const optional = word.endsWith('?');
        const pattern = word.replace(/^-/, '').replace(/\?$/, '');
        entries.push({ line, text: word, pattern, remove, optional });
      }
    }
    if (seen) return { form, entries: removalsLast(entries) };
  }
  return null;
}

/** What such a configuration leaves out, it leaves out wherever that stands in the file. */
const removalsLast = (entries: readonly ListEntry[]): ListEntry[] => [
  ...entries.filter(({ remove }) => !remove),
  ...entries.filter(({ remove }) => remove),
];

/** `bootgate modules list --json`, or an array of names. */
function readJson(text: string): Blocks | null {
  if (!/^\s*[[{]/.test(text)) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const listed = Array.isArray(value) ? value : (value as { modules?: unknown }).modules;
  if (!Array.isArray(listed)) return null;
  const names = listed.map((one: unknown) =>
    typeof one === 'string' ? one : (one as { name?: unknown })?.name,
  );
  if (!names.every((name): name is string => typeof name === 'string' && /^[\w-]{1,200}$/.test(name)))
    return null;
  let from = 0;
  const entries = names.map((name): ListEntry => {
    const at = text.indexOf(`"${name}"`, from);
    from = Math.max(from, at);
    return { line: lineAt(text, Math.max(at, 0)), text: name, pattern: name, remove: false, optional: false };
  });
  return { form: "bootgate's `modules list --json`", entries };
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}
