import { realpathSync } from 'node:fs';
import type { ArchitectureTable } from '../arch/index.js';
import { BootgateError, userError } from '../errors.js';
import { type AptPackage, showPackages } from '../kernel/aptpackage.js';
import { type AptContext, aptView } from '../kernel/aptview.js';
import { ownersOf, rootOfPackages } from './package-root.js';
import { findBelow } from './tool-source.js';
import { gather } from './userland.js';
import { fetchLocked } from './userland-fetch.js';
import type { LockedArchitecture } from './userland-lock.js';
import { unpackForGuest } from './userland-package.js';
import type { GuestTool, UserlandTable } from './userland-table.js';

/** The release that tools are taken from, unless the architecture came later: the oldest that is supported, as its C library runs on every kernel. */
export const DEFAULT_SUITE = 'bookworm';

/** Packages of shared libraries, by Debian's rules for names (policy 8.1): everything else that a tool depends on is for running it on a full system. */
const LIBRARY = /^(lib|zlib1g|gcc-\d+-base$)/;

/**
 * The newest packages of one architecture for every tool of the table: each tool's own, and of those that they depend on the ones
 * that its files really lie in, found by DT_NEEDED. Optional tools that the architecture lacks are left out.
 * @throws BootgateError blame `user`: E_USERLAND_MISSING, E_USERLAND_PACKAGE; blame `host`: E_APT_*.
 */
export async function resolveUserland(
  { base, tools }: Pick<UserlandTable, 'base' | 'tools'>,
  { arch, names, debianSuite }: ArchitectureTable,
  suite: string | null,
  context: AptContext,
): Promise<LockedArchitecture> {
  const from = suite ?? debianSuite ?? DEFAULT_SUITE;
  const { options } = await aptView(names.debian, context, from);
  const wanted = [...base, ...tools];
  const known = await withDependencies(wanted.flatMap(packagesOf), options, context);
  const present = wanted.filter((tool) => {
    const missing = packagesOf(tool).find((name) => !known.has(name));
    if (missing === undefined) return true;
    if (!tool.optional)
      throw userError('E_USERLAND_PACKAGE', `${from} has no package ${missing} for ${names.debian}`, {
        hint: `${tool.name} in userland.yaml needs it`,
      });
    context.log(`${names.debian}: no ${tool.name}, as ${from} has no package ${missing}`);
    return false;
  });
  const unpacked = [];
  for (const file of await fetchLocked([...known.values()], context))
    unpacked.push(await unpackForGuest(file, context));
  const owners = ownersOf(unpacked);
  const links = new Map(
    unpacked.flatMap(({ name, links }) => links.map(([place]) => [place, name] as const)),
  );
  const root = realpathSync(await rootOfPackages(unpacked, context.cache));
  const locked: LockedArchitecture = { suite: from, packages: new Map(), tools: new Map() };
  for (const tool of present) {
    const { files } = gather({ root, ...findBelow(root, [tool]) }, arch);
    const places = files.paths().map((path) => path.slice(1));
    const used = places.flatMap((place) => owners.get(place)?.name ?? links.get(place) ?? []);
    const packages = [...new Set(used)].sort();
    locked.tools.set(tool.name, packages);
    for (const name of packages) {
      const one = known.get(name);
      if (one) locked.packages.set(name, one);
    }
  }
  return locked;
}

const packagesOf = ({ packages, filesFrom }: GuestTool): string[] => [packages.debian, ...filesFrom];

/** By name: the packages given, and every library package that they lead to. What apt does not know is left out. */
async function withDependencies(
  names: readonly string[],
  options: readonly string[],
  { signal }: AptContext,
): Promise<Map<string, AptPackage>> {
  const known = new Map<string, AptPackage>();
  const asked = new Set<string>();
  let wanted = [...new Set(names)];
  while (wanted.length > 0) {
    for (const name of wanted) asked.add(name);
    // apt-cache fails where it knows none of them.
    const found = await showPackages(wanted, options, signal).catch((error: unknown) => {
      if (error instanceof BootgateError && error.code === 'E_TOOL_FAILED') return [];
      throw error;
    });
    for (const one of found) known.set(one.name, one);
    const next = found.flatMap(({ depends }) => depends.flatMap(alternativesOf));
    wanted = [...new Set(next)].filter((name) => LIBRARY.test(name) && !asked.has(name));
  }
  return known;
}

/** `libssl3 (>= 3.0.0) | libssl1.1:any` -> both names: what there is none of is left out later. */
const alternativesOf = (clause: string): string[] =>
  clause.split('|').map((one) => one.trim().replace(/[ :(].*$/, ''));
