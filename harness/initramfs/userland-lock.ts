import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { ArchitectureTable } from '../arch/index.js';
import { parseDocument } from '../document.js';
import { userError } from '../errors.js';
import type { AptPackage } from '../kernel/aptpackage.js';
import { library } from '../library.js';

/** What a package file is known by, wherever it is fetched from. */
export type LockedPackage = Omit<AptPackage, 'depends'>;

/** The packages of one architecture. */
export interface LockedArchitecture {
  /** Debian's release that they are of. */
  suite: string;
  /** By name. */
  packages: Map<string, LockedPackage>;
  /** Names of the packages that a tool's files lie in, by the name that scenarios call it. */
  tools: Map<string, string[]>;
}

/** images/userland.lock, by Debian's names of architectures. */
export type UserlandLock = Map<string, LockedArchitecture>;

const HEAD = `# The Debian packages that guests get their tools from with \`--userland packages\`.
# Written by \`bootgate userland update\`, never by hand.
# A package: version, path in the archive, bytes, SHA-256. A tool of userland.yaml: the packages that its files lie in.
`;

const schema = z.strictObject({
  version: z.literal(1),
  architectures: z.record(
    z.string(),
    z.strictObject({
      suite: z.string(),
      packages: z.record(
        z.string(),
        z.string().regex(/^\S+ pool\/[\w.+~:%/-]+\.deb \d+ [0-9a-f]{64}$/, 'not a package of the lock file'),
      ),
      tools: z.record(z.string(), z.string()),
    }),
  ),
});

/** The lock file that holds: the project's, else the package's. */
export function lockFile(): string {
  const files = library()
    .files('userland')
    .map((table) => join(dirname(table), 'userland.lock'));
  return files.find((file) => existsSync(file)) ?? files[0] ?? 'userland.lock';
}

/** @throws BootgateError blame `user`, E_DOCUMENT. */
export async function readLock(path: string): Promise<UserlandLock> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw userError('E_DOCUMENT', `cannot read ${path}: ${cause.message}`, {
      hint: '`bootgate userland update` writes it',
      cause,
    });
  });
  const { value } = await parseDocument(path, text, schema as z.ZodType<z.output<typeof schema>>);
  return new Map(
    Object.entries(value.architectures).map(([arch, { suite, packages, tools }]) => [
      arch,
      {
        suite,
        packages: new Map(Object.entries(packages).map(([name, line]) => [name, lockedPackage(name, line)])),
        tools: new Map(Object.entries(tools).map(([name, list]) => [name, list.split(' ')])),
      },
    ]),
  );
}

export async function writeLock(path: string, lock: UserlandLock): Promise<void> {
  const lines = [HEAD, 'version: 1\narchitectures:\n'];
  for (const [arch, { suite, packages, tools }] of sorted(lock)) {
    lines.push(`  ${arch}:\n    suite: ${suite}\n    packages:\n`);
    for (const [name, one] of sorted(packages))
      lines.push(`      ${name}: ${one.version} ${one.path} ${one.bytes} ${one.sha256}\n`);
    lines.push('    tools:\n');
    for (const [name, list] of sorted(tools)) lines.push(`      ${name}: ${[...list].sort().join(' ')}\n`);
  }
  await writeFile(path, lines.join(''));
}

/**
 * The packages of some tools, sorted by name.
 * @throws BootgateError blame `user`, E_USERLAND_LOCK: the lock file lacks the architecture or a tool.
 */
export function lockedPackages(
  lock: UserlandLock,
  { names }: ArchitectureTable,
  tools: readonly string[],
  path: string,
): LockedPackage[] {
  const locked = lock.get(names.debian);
  if (!locked) throw lacks(path, names.debian, [...lock.keys()]);
  const missing = tools.filter((tool) => !locked.tools.has(tool));
  if (missing.length > 0)
    throw userError(
      'E_USERLAND_LOCK',
      `${path} has no packages of ${names.debian} for ${missing.join(', ')}`,
      {
        hint: 'run `bootgate userland update`',
      },
    );
  const chosen = new Set(tools.flatMap((tool) => locked.tools.get(tool) ?? []));
  return [...chosen].sort().map((name) => {
    const one = locked.packages.get(name);
    if (one) return one;
    throw userError('E_USERLAND_LOCK', `${path} names the package ${name} but does not describe it`, {
      hint: 'run `bootgate userland update`',
    });
  });
}

function lacks(path: string, arch: string, known: string[]) {
  return userError('E_USERLAND_LOCK', `${path} has no packages for ${arch}`, {
    hint: `it has those for ${known.join(', ')}; run \`bootgate userland update --arch ${arch}\``,
  });
}

function lockedPackage(name: string, line: string): LockedPackage {
  const [version = '', path = '', bytes = '', sha256 = ''] = line.split(' ');
  const architecture = /_([a-z0-9]+)\.deb$/.exec(path)?.[1] ?? 'all';
  return { name, version, architecture, path, bytes: Number(bytes), sha256 };
}

const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));
