import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, digestOf } from '../cache.js';
import { userError } from '../errors.js';
import { exec } from '../exec.js';
import { isModulePath, nameOfPath } from './names.js';
import { parseDep } from './texts.js';

/** What lies in a module tree, before anything in it is understood. */
export interface Tree {
  dir: string;
  /** Module files, relative paths, sorted. */
  files: { path: string; bytes: number; mtimeMs: number }[];
  /** `sha256:...` of the paths, sizes and times, and of the texts that the kernel's build left (modules.order, ...). */
  digest: string;
}

/** What the kernel's build leaves in a tree and depmod cannot make again. */
export const BUILD_FILES = ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'] as const;

/**
 * Looks at every module file of a tree: name, size, time. Some 30 ms for 4,000 of them, so it is done on every load and a
 * changed tree never passes for the old one. Links to folders (`build`, `source`) are not followed.
 * @throws BootgateError blame `user`: E_MODULES_DIR where there is no such folder or no module in it.
 */
export async function readTree(modulesDir: string, release: string): Promise<Tree> {
  const dir = await realpath(modulesDir).catch((cause: unknown) => {
    throw userError('E_MODULES_DIR', `there is no module tree at ${modulesDir}`, { cause });
  });
  const files = walk(dir, '').sort((a, b) => (a.path < b.path ? -1 : 1));
  if (files.length === 0)
    throw userError('E_MODULES_DIR', `${modulesDir} holds no module (*.ko, *.ko.xz, *.ko.zst, *.ko.gz)`);
  const rows = files.map((file) => `${file.path} ${file.bytes} ${file.mtimeMs}`);
  const texts = await Promise.all(BUILD_FILES.map((name) => readOptional(join(dir, name))));
  return { dir, files, digest: digestOf(release, rows.join('\n'), ...texts) };
}

function walk(dir: string, relative: string): Tree['files'] {
  const found: Tree['files'] = [];
  for (const entry of readdirSync(join(dir, relative), { withFileTypes: true })) {
    const path = relative ? `${relative}/${entry.name}` : entry.name;
    if (entry.isDirectory()) found.push(...walk(dir, path));
    else if (isModulePath(entry.name)) {
      const stats = moduleStats(dir, path, entry);
      if (stats) found.push({ path, bytes: stats.size, mtimeMs: Math.floor(stats.mtimeMs) });
    }
  }
  return found;
}

/** weak-updates/ holds links to files; a link that leads nowhere is not a module. */
function moduleStats(dir: string, path: string, entry: Dirent): Stats | null {
  if (!entry.isFile() && !entry.isSymbolicLink()) return null;
  const stats = statSync(join(dir, path), { throwIfNoEntry: false });
  return stats?.isFile() ? stats : null;
}

export async function readOptional(path: string): Promise<string> {
  return readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

/**
 * The folder that holds depmod's texts for a tree: the tree itself where it has them and they fit its files, otherwise
 * one in the cache, made by depmod. The tree is never written to.
 */
export async function indexDir(tree: Tree, release: string, cache: Cache): Promise<string> {
  if (await indexesFit(tree)) return tree.dir;
  return cache.entry('modules-index', tree.digest, (temporary) => runDepmod(tree.dir, release, temporary));
}

/** Whether modules.dep names just the modules that are there, and is not older than any of them (as depmod -A asks). */
async function indexesFit(tree: Tree): Promise<boolean> {
  const needed = ['modules.dep', 'modules.alias', 'modules.symbols', 'modules.softdep'];
  const stats = needed.map((name) => statSync(join(tree.dir, name), { throwIfNoEntry: false }));
  const made = stats[0]?.mtimeMs;
  if (made === undefined || stats.some((one) => one === undefined)) return false;
  if (tree.files.some((file) => file.mtimeMs > made)) return false;
  const listed = parseDep(await readFile(join(tree.dir, 'modules.dep'), 'latin1')).map(([path]) => path);
  const paths = new Set(tree.files.map((file) => file.path));
  const names = new Set(listed.map(nameOfPath));
  return (
    listed.every((path) => paths.has(path)) && tree.files.every((file) => names.has(nameOfPath(file.path)))
  );
}

/** depmod -b sees a tree of links to the real folders, so what it writes lands beside them and not in them. */
async function runDepmod(dir: string, release: string, target: string): Promise<void> {
  const base = `${target}.base`;
  const shadow = join(base, 'lib/modules', release);
  try {
    await mkdir(shadow, { recursive: true });
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      if (entry.isDirectory() || (isModulePath(entry.name) && !entry.isDirectory()))
        await symlink(join(dir, entry.name), join(shadow, entry.name));
      else if ((BUILD_FILES as readonly string[]).includes(entry.name))
        await copyFile(join(dir, entry.name), join(shadow, entry.name));
    }
    // An empty configuration: the host's own depmod.d must not decide which of two modules of one name wins.
    const config = join(base, 'depmod.conf');
    await writeFile(config, '');
    await exec('depmod', ['-C', config, '-b', base, release], { env: { LC_ALL: 'C' } });
    await mkdir(target);
    for (const name of await readdir(shadow))
      if (name.startsWith('modules.') && !(BUILD_FILES as readonly string[]).includes(name))
        await rename(join(shadow, name), join(target, name));
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}
