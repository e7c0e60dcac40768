import type { Dirent } from 'node:fs';
import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Architecture, architectureOf, isFor, machineName } from '../arch/index.js';
import { readMaybeCompressed } from '../decompress.js';
import { bufferSource, parseElf } from '../elf.js';
import { type BootgateError, userError } from '../errors.js';
import { MAX_PATH } from '../limits.js';
import { readKernelConfig } from './config.js';
import { readKernelImage } from './image.js';

/** Where the parts of one kernel lie, absolute paths, and what they say of themselves. */
export interface KernelLayout {
  release: string;
  arch: Architecture;
  vmlinuz: string;
  modulesDir: string;
  config: string | null;
  systemMap: string | null;
}

export interface LayoutOptions {
  /** What the user knows the folder by. */
  name: string;
  /** Only this release: others beside it are no error. */
  release?: string;
  /** The vmlinuz, when it lies elsewhere: config and System.map may lie beside it. */
  image?: string;
  signal?: AbortSignal;
  /** Where an empty tree is made for a kernel that is built without modules. */
  emptyTree(release: string): Promise<string>;
}

/** A module file by its name, packed or not. */
export const MODULE_FILE = /\.ko(\.(xz|zst|gz))?$/;
const IMAGE_FILE = /^(vmlinuz|vmlinux|bzImage|Image)([-.].+)?$/;
const NOT_IMAGES = /\.(old|bak|sig|hmac|dpkg-\w+|rpmsave|rpmnew|map)$/;

/**
 * Finds the kernel in a folder: Debian's layout (boot/vmlinuz-RELEASE), Fedora's (lib/modules/RELEASE/vmlinuz), either
 * with /usr in front of lib, a flat one (vmlinuz beside lib/), or a module tree itself. The release and architecture
 * come from the image; the tree's folder name and a module must agree with them.
 * @throws BootgateError blame `user`: E_KERNEL_EMPTY, E_KERNEL_IMAGE_MISSING, E_KERNEL_MODULES_MISSING,
 *   E_KERNEL_SEVERAL, E_KERNEL_MISMATCH, and those of readKernelImage.
 */
export async function findKernel(root: string, options: LayoutOptions): Promise<KernelLayout> {
  const { name, release: wanted } = options;
  const all = await findTrees(root);
  const trees = wanted === undefined ? all : all.filter((tree) => basename(tree) === wanted);
  const releases = [...new Set(trees.map((tree) => basename(tree)))];
  if (releases.length > 1) throw several(name, releases);
  const folders = [...(options.image ? [dirname(options.image)] : []), ...imageFolders(root, trees)];
  const files = options.image ? [options.image] : await findImages(folders, wanted);
  if (files.length === 0 && trees.length === 0)
    throw userError('E_KERNEL_EMPTY', `${name} has no kernel: neither vmlinuz nor lib/modules/RELEASE`, {
      hint: 'for a metapackage, give the package that it depends on',
    });
  if (files.length === 0)
    throw userError('E_KERNEL_IMAGE_MISSING', `${name} has modules of ${releases[0]} but no vmlinuz`, {
      hint: 'give the package with the kernel image as well: every file of a split kernel',
    });

  const images = await readImages(files, options);
  const built = [...new Set(images.map((image) => image.release))];
  const release = releases[0] ?? (built.length === 1 ? built[0] : undefined);
  if (release === undefined) throw several(name, built);
  const image = images.find((one) => one.release === release);
  if (!image)
    throw userError(
      'E_KERNEL_MISMATCH',
      `${name}: vmlinuz is of release ${built.join(', ')}, the module tree is of ${release}`,
      { hint: 'use the same build for both' },
    );
  const beside = (file: string) =>
    firstFile(folders.flatMap((folder) => [join(folder, `${file}-${release}`), join(folder, file)]));
  const config = (await beside('config')) ?? (await beside('.config'));
  const systemMap = await beside('System.map');
  const modulesDir = trees[0] ?? (await treeOfNone(release, config, options));
  const sample = await firstModule(modulesDir);
  if (sample) await checkMachine(sample, image.arch, name);
  return { release, arch: image.arch, vmlinuz: image.path, modulesDir, config, systemMap };
}

/**
 * Folders that are module trees: below lib/modules or usr/lib/modules (once, where one links to the other), or the
 * root itself. A folder that holds symlinks only is what headers leave behind (`build`).
 */
export async function findTrees(root: string): Promise<string[]> {
  const trees = new Set<string>();
  for (const parent of [join(root, 'lib/modules'), join(root, 'usr/lib/modules')]) {
    for (const { name } of await entriesOf(parent)) {
      const inside = await entriesOf(join(parent, name));
      if (inside.some((entry) => entry.isFile() || entry.isDirectory()))
        trees.add(await realpath(join(parent, name)));
    }
  }
  if (trees.size > 0) return [...trees].sort();
  const top = await entriesOf(root);
  const isTree = top.some(({ name }) => /^modules\.(order|builtin|dep)$/.test(name) || name === 'kernel');
  return isTree ? [await realpath(root)] : [];
}

/** Where vmlinuz, config and System.map may lie, the likeliest first. */
export function imageFolders(root: string, trees: readonly string[]): string[] {
  const folders = [...trees, join(root, 'boot'), root];
  // A module tree was given: its /boot is three folders up, four with /usr.
  if (trees[0] !== undefined && basename(dirname(root)) === 'modules') {
    const up = dirname(dirname(dirname(root)));
    folders.push(join(up, 'boot'), join(dirname(up), 'boot'));
  }
  return [...new Set(folders)];
}

/** With a wanted release only names that can be it: /boot of a machine has every kernel that was ever installed. */
export async function findImages(folders: readonly string[], wanted: string | undefined): Promise<string[]> {
  const files = new Set<string>();
  for (const folder of folders) {
    for (const { name } of await entriesOf(folder)) {
      if (!IMAGE_FILE.test(name) || NOT_IMAGES.test(name)) continue;
      if (wanted !== undefined && name.includes('-') && !name.endsWith(`-${wanted}`)) continue;
      const path = await realpath(join(folder, name)).catch(() => null);
      if (path && (await stat(path)).isFile()) files.add(path);
    }
  }
  return [...files];
}

/** Files that are no kernels do not matter where another one is. */
async function readImages(files: readonly string[], { signal }: LayoutOptions) {
  const images: { path: string; release: string; arch: Architecture }[] = [];
  let first: unknown;
  for (const path of files) {
    try {
      const { release, arch } = await readKernelImage(path, signal);
      images.push({ path, release, arch });
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') throw unreadable(path, error);
      if ((error as BootgateError).blame !== 'user') throw error;
      first ??= error;
    }
  }
  if (images.length === 0) throw first;
  return images;
}

async function treeOfNone(release: string, config: string | null, options: LayoutOptions): Promise<string> {
  const modular = config === null || (await readKernelConfig(config)).isEnabled('MODULES');
  if (!modular) return options.emptyTree(release);
  throw userError(
    'E_KERNEL_MODULES_MISSING',
    `${options.name} has a vmlinuz of ${release} but no lib/modules/${release}`,
    {
      hint: 'give the packages with the modules as well: every file of a split kernel',
    },
  );
}

async function checkMachine(module: string, arch: Architecture, name: string): Promise<void> {
  const elf = parseElf(bufferSource(await readMaybeCompressed(module), module));
  if (!isFor(elf, architectureOf(arch)))
    throw userError(
      'E_KERNEL_MISMATCH',
      `${name}: vmlinuz is for ${arch}, ${module} is for ${machineName(elf)}`,
      {
        hint: 'use the same build for both',
      },
    );
}

export async function firstModule(folder: string, depth = 0): Promise<string | null> {
  if (depth > MAX_PATH.depth) return null; // whoever reads the tree refuses it
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isFile() && MODULE_FILE.test(entry.name)) return path;
    const found = entry.isDirectory() ? await firstModule(path, depth + 1) : null;
    if (found) return found;
  }
  return null;
}

export async function firstFile(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const found = await stat(path).catch(() => null);
    if (found?.isFile()) return path;
  }
  return null;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** An empty module tree below `parent`. */
export async function makeEmptyTree(parent: string, release: string): Promise<string> {
  const folder = join(parent, 'lib/modules', release);
  await mkdir(folder, { recursive: true });
  return folder;
}

export function several(name: string, releases: readonly string[]) {
  return userError('E_KERNEL_SEVERAL', `${name} has several kernels: ${releases.join(', ')}`, {
    hint: 'give the packages of one of them, or its folder lib/modules/RELEASE',
  });
}

function unreadable(path: string, cause: unknown) {
  return userError('E_KERNEL_UNREADABLE', `not allowed to read ${path}`, {
    hint: `some distributions make it readable by root only: sudo chmod +r ${path}`,
    cause,
  });
}
