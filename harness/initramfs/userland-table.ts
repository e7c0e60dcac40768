import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseDocument } from '../document.js';
import { userError } from '../errors.js';
import { library } from '../library.js';
import { didYouMean } from '../suggest.js';

/** The families of distributions that the table has package names for. */
export const FAMILIES = ['debian', 'fedora', 'suse'] as const;
export type Family = (typeof FAMILIES)[number];

/** One line of images/userland.yaml, for whoever looks for programs on the host. */
export interface SystemTool {
  /** A command's name; of a file that is no command, its base name. */
  command: string;
  packages: Record<Family, string>;
  role: 'host' | 'base' | 'tool';
  optional: boolean;
  /** For kernels of this architecture alone, as Debian spells it; null: for all. */
  target: string | null;
  /** For a file that is no command: any one of these absolute paths will do. */
  paths: string[] | null;
}

/** A program for the guest, with what comes along. */
export interface GuestTool extends SystemTool {
  /** What scenarios call it. */
  name: string;
  /** Absolute paths in the guest that become symbolic links to the command. */
  links: string[];
  /** Sonames that are opened while running. */
  libs: string[];
  /** Path patterns: `$LIB`, `*` and `?`, `optional` where nothing need match. */
  files: { pattern: string; optional: boolean }[];
  /** Debian packages that have those files, where they are not the tool's own. */
  filesFrom: string[];
}

export interface UserlandTable {
  host: SystemTool[];
  base: GuestTool[];
  tools: GuestTool[];
  /** The table's own bytes, for cache keys. */
  text: string;
}

/** harness/setup/system-tools.sh reads lists by word, so they are written as one string. */
const words = z.string().transform((text) => text.trim().split(/\s+/));
const absolute = words.refine((paths) => paths.every((path) => path.startsWith('/')), {
  message: 'every path starts with a slash',
});
const packageName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'not a package name');
const programName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'not a program name');
const common = {
  debian: packageName,
  fedora: packageName,
  suse: packageName,
  optional: z.boolean().default(false),
};
const target = programName.optional();
const command = z.strictObject({ command: programName, target, ...common });
const file = z.strictObject({ file: programName, paths: absolute, target, ...common });
const guest = z.strictObject({
  tool: programName.optional(),
  command: programName,
  links: absolute.default([]),
  libs: words.default([]),
  files: words.default([]),
  from: words.default([]),
  ...common,
});
/** userland.yaml. */
export const userlandSchema = z.strictObject({
  host: z.array(z.union([command, file])).default([]),
  base: z.array(guest).default([]),
  tools: z.array(guest).default([]),
});

/** Every boot of a run asks for it, and parsing takes longer than everything else of a warm userland. */
const read = new Map<string, UserlandTable>();

/**
 * The tools of the package's images/userland.yaml with those of a project laid over them: a tool of the same name wins.
 * @throws BootgateError blame `user`, E_DOCUMENT.
 */
export async function readUserlandTable(path?: string): Promise<UserlandTable> {
  const files = path === undefined ? library().files('userland') : [path];
  const [first, ...rest] = await Promise.all(files.map(readOneTable));
  if (!first) throw userError('E_DOCUMENT', 'there is no userland.yaml');
  return rest.reduce((mine, theirs) => laidOver(mine, theirs), first);
}

function laidOver(mine: UserlandTable, theirs: UserlandTable): UserlandTable {
  const names = new Set([...mine.base, ...mine.tools].map(({ name }) => name));
  const others = (tools: readonly GuestTool[]) => tools.filter(({ name }) => !names.has(name));
  return {
    host: [...mine.host, ...theirs.host],
    base: [...mine.base, ...others(theirs.base)],
    tools: [...mine.tools, ...others(theirs.tools)],
    text: `${mine.text}\0${theirs.text}`,
  };
}

async function readOneTable(path: string): Promise<UserlandTable> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw userError('E_DOCUMENT', `cannot read ${path}: ${cause.message}`, { cause });
  });
  const known = read.get(path);
  if (known?.text === text) return known;
  const { value } = await parseDocument(
    path,
    text,
    userlandSchema as z.ZodType<z.output<typeof userlandSchema>>,
  );
  const table = {
    host: value.host.map((entry) => ({
      ...shared(entry, 'host'),
      command: 'command' in entry ? entry.command : entry.file,
      paths: 'paths' in entry ? entry.paths : null,
      target: entry.target ?? null,
    })),
    base: value.base.map((entry) => guestTool(entry, 'base')),
    tools: value.tools.map((entry) => guestTool(entry, 'tool')),
    text,
  };
  read.set(path, table);
  return table;
}

/** The whole table as one list: what a machine must have for everything to work. */
export async function readToolTable(path?: string): Promise<SystemTool[]> {
  const { host, base, tools } = await readUserlandTable(path);
  return [...host, ...base, ...tools];
}

/**
 * The tools that were asked for, each once, sorted by name.
 * @throws BootgateError blame `user`, E_TOOL_UNKNOWN: every name that is not in the table.
 */
export function selectTools(table: UserlandTable, names: readonly string[]): GuestTool[] {
  const known = new Map(table.tools.map((tool) => [tool.name, tool]));
  const always = new Set(table.base.map((tool) => tool.name));
  const wanted = [...new Set(names)].filter((name) => !always.has(name)).sort();
  const unknown = wanted.filter((name) => !known.has(name));
  if (unknown.length === 0) return wanted.flatMap((name) => known.get(name) ?? []);
  throw userError('E_TOOL_UNKNOWN', 'images/userland.yaml does not have these tools', {
    problems: unknown.map((name) => ({ message: `${name}${didYouMean(name, known.keys())}` })),
    hint: `known tools: ${[...known.keys()].join(', ')}; a new one is one line in images/userland.yaml`,
  });
}

function shared(entry: Record<Family, string> & { optional: boolean }, role: SystemTool['role']) {
  const { debian, fedora, suse, optional } = entry;
  return { packages: { debian, fedora, suse }, optional, role };
}

function guestTool(entry: z.output<typeof guest>, role: 'base' | 'tool'): GuestTool {
  return {
    ...shared(entry, role),
    name: entry.tool ?? entry.command,
    command: entry.command,
    target: null,
    paths: null,
    links: entry.links,
    libs: entry.libs,
    files: entry.files.map((pattern) => ({
      pattern: pattern.replace(/\?$/, ''),
      optional: pattern.endsWith('?'),
    })),
    filesFrom: entry.from,
  };
}
