import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { type Cache, digestOf } from '../cache.js';
import { userError } from '../errors.js';
import { fetchFromApt } from './apt.js';
import { digestOfTree, digestOfUnchanged } from './digest.js';
import { expandSources } from './expand.js';
import { findInstalled } from './installed.js';
import type { Kernel, KernelPackage } from './kernel.js';
import { findKernel, type LayoutOptions, MODULE_FILE, makeEmptyTree } from './layout.js';
import { findModuleTree, type KernelTree, type TreeLayout } from './moduletree.js';
import { filesBelow, type UnpackedPackage, unpackPackage } from './package.js';
import { KERNEL_FORMS, type KernelSource, parseKernelSource } from './source.js';
import { unionOf } from './union.js';

export interface ResolveContext {
  cache: Cache;
  /** What takes its time, a sentence each. */
  log?: (sentence: string) => void;
  signal?: AbortSignal;
  /** Where `installed` looks; `/` unless given. */
  systemRoot?: string;
}

/**
 * A kernel out of what --kernel was given: one apt name, directory or installed kernel, or any number of package
 * files and apt names that make one kernel together.
 * @throws BootgateError blame `user` (E_KERNEL_*, E_PACKAGE_*, E_APT_UNKNOWN) or `host` (E_APT_DOWNLOAD, E_TOOL_*).
 */
export function resolveKernel(sources: readonly string[], context: ResolveContext): Promise<Kernel> {
  return resolveWith(sources, { ...context, find: findKernel, cacheKey: 'layout 1' });
}

/**
 * The same for questions that need no boot: a module tree of any architecture will do, with or without a vmlinuz.
 * @throws as resolveKernel, but for what only a vmlinuz can be wrong in.
 */
export function resolveModuleTree(sources: readonly string[], context: ResolveContext): Promise<KernelTree> {
  return resolveWith(sources, { ...context, find: findModuleTree, cacheKey: 'layout tree 1' });
}

/** What is looked for in the folder that the sources come to. */
interface Search<L> extends ResolveContext {
  find(root: string, options: LayoutOptions): Promise<L>;
  /** Of remembered answers. */
  cacheKey: string;
}

type Resolved<L> = L & Pick<Kernel, 'source' | 'resolved' | 'digest' | 'packages'>;

async function resolveWith<L extends TreeLayout>(
  sources: readonly string[],
  context: Search<L>,
): Promise<Resolved<L>> {
  const parsed = expandSources(sources).map(parseKernelSource);
  const [first] = parsed;
  if (!first)
    throw userError('E_KERNEL_SOURCE', 'no kernel was given', {
      hint: `a kernel is one of: ${KERNEL_FORMS}`,
    });
  const source = sayFew(sources);
  const packaged = parsed.filter((one) => one.kind === 'apt' || one.kind === 'package');
  if (packaged.length === parsed.length) return fromPackages(packaged, source, context);
  const image = parsed.find((one) => one.kind === 'image');
  const folder = parsed.find((one) => one.kind === 'directory');
  if (image && folder && parsed.length === 2)
    return fromFolder(folder.path, source, {
      ...context,
      find: (root, options) => context.find(root, { ...options, image: image.path }),
    });
  if (image && parsed.length === 1)
    throw userError('E_KERNEL_SOURCE', `${image.text} is a kernel image alone`, {
      hint: `give the directory of its modules as well: --kernel ${image.text} .../lib/modules/RELEASE`,
    });
  if (parsed.length > 1)
    throw userError(
      'E_KERNEL_SOURCE',
      `${first.text} and ${parsed[1]?.text}: only packages, or a vmlinuz and one directory, can be combined`,
      {
        hint: 'give one directory, or installed, or several package files',
      },
    );
  if (first.kind === 'directory') return fromFolder(first.path, source, context);
  if (first.kind === 'installed') {
    const { root, release } = await findInstalled(context.systemRoot ?? '/', first.release);
    return fromFolder(root, source, context, release);
  }
  throw new Error(`unreachable: ${first.kind}`);
}

async function fromPackages<L extends TreeLayout>(
  sources: readonly (KernelSource & { kind: 'apt' | 'package' })[],
  source: string,
  context: Search<L>,
): Promise<Resolved<L>> {
  const options = { ...context, log: context.log ?? (() => undefined) };
  const packages = new Map<string, UnpackedPackage>();
  for (const one of sources) {
    const files = one.kind === 'apt' ? await fetchFromApt(one, options) : [one.path];
    for (const file of files) {
      const unpacked = await unpackPackage(file, file.endsWith('.rpm') ? 'rpm' : 'deb', options);
      // A metapackage that apt led us through is not part of the kernel; one that was given is part of the split.
      if (one.kind === 'package' || unpacked.paths.length > 0) packages.set(unpacked.digest, unpacked);
    }
  }
  const chosen = [...packages.values()];
  const root = await unionOf(chosen, context.cache);
  const digest = digestOf('packages', ...[...packages.keys()].sort());
  const layout = await rememberedLayout(root, digest, source, context);
  return {
    ...layout,
    source,
    resolved: chosen.map((one) => `${one.name} ${one.version}`),
    digest,
    packages: chosen.map((one) => packageOf(one, layout.release)),
  };
}

/** What an unpacked package contains never changes: its layout is found once. */
async function rememberedLayout<L extends TreeLayout>(
  root: string,
  digest: string,
  name: string,
  context: Search<L>,
): Promise<L> {
  const { cache, signal } = context;
  const text = await cache.text('layout', `${context.cacheKey} ${digest}`, async () => {
    // One of the modules is read, and none of them was looked at when their package came from the cache.
    await cache.settle([root]);
    const emptyTree = (release: string) => emptyTreeIn(cache, release);
    const layout = await context.find(root, { name, emptyTree, ...(signal ? { signal } : {}) });
    // Relative paths, so that the cache can be moved.
    return JSON.stringify(mapPaths(layout, (path) => relative(cache.root, path)));
  });
  return mapPaths(JSON.parse(text) as L, (path) => join(cache.root, path));
}

function mapPaths<L extends TreeLayout>(layout: L, change: (path: string) => string): L {
  const { vmlinuz, modulesDir, config, systemMap } = layout;
  return {
    ...layout,
    vmlinuz: vmlinuz && change(vmlinuz),
    modulesDir: change(modulesDir),
    config: config && change(config),
    systemMap: systemMap && change(systemMap),
  };
}

function packageOf(one: UnpackedPackage, release: string): KernelPackage {
  const prefix = new RegExp(`^(?:usr/)?lib/modules/${release.replace(/[.+]/g, '\\$&')}/`);
  const modules = one.paths
    .filter((path) => prefix.test(path) && MODULE_FILE.test(path))
    .map((path) => path.replace(prefix, ''));
  const { name, version, file, depends, provides } = one;
  return { name, version, file, modules, depends, provides };
}

async function fromFolder<L extends TreeLayout>(
  root: string,
  source: string,
  context: Search<L>,
  release?: string,
): Promise<Resolved<L>> {
  const { cache, signal } = context;
  const layout = await context.find(root, {
    name: source,
    emptyTree: (built) => emptyTreeIn(cache, built),
    ...(release === undefined ? {} : { release }),
    ...(signal ? { signal } : {}),
  });
  const modules = (await filesBelow(layout.modulesDir)).filter((path) => MODULE_FILE.test(path));
  const digest = digestOf(
    'folder',
    layout.vmlinuz ? await digestOfUnchanged(cache, layout.vmlinuz) : 'no vmlinuz',
    await digestOfTree(cache, layout.modulesDir, modules),
  );
  return { ...layout, source, resolved: [layout.modulesDir], digest, packages: [] };
}

async function emptyTreeIn(cache: Cache, release: string): Promise<string> {
  const parent = await cache.entry('no-modules', release, async (temporary) => {
    await mkdir(temporary, { recursive: true });
    await makeEmptyTree(temporary, release);
  });
  return join(parent, 'lib/modules', basename(release));
}

/** A kernel of 52 packages stands in one line: the first, and how many more. */
function sayFew(sources: readonly string[]): string {
  const most = 3;
  if (sources.length <= most) return sources.join(' ');
  return `${sources.slice(0, most - 1).join(' ')} and ${sources.length - most + 1} more`;
}
