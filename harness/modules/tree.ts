import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, digestOf } from '../cache.js';
import { userError } from '../errors.js';
import { readInput } from '../input.js';
import { MAX_FILE, MAX_PATH } from '../limits.js';
import { formatBytes } from '../units.js';
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
const BUILD_FILES = ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'] as const;

/**
 * Looks at every module file of a tree: name, size, time. Some 30 ms for 4,000 of them, so it is done on every load and a
 * changed tree never passes for the old one; a tree that lies in `cache` is looked at once. Links to folders (`build`, `source`) are not followed.
 * @throws BootgateError blame `user`: E_MODULES_DIR where there is no such folder or no module in it.
 */
export async function readTree(modulesDir: string, release: string, cache?: Cache): Promise<Tree> {
  if (!cache || !`${modulesDir}/`.startsWith(`${cache.root}/`)) return walkTree(modulesDir, release);
  // What lies in the cache never changes once it is there: its files are counted once.
  const memo = await cache.text('modules-tree', `1 ${modulesDir} ${release}`, async () => {
    await cache.settle([modulesDir]);
    return JSON.stringify(await walkTree(modulesDir, release));
  });
  return JSON.parse(memo) as Tree;
}

async function walkTree(modulesDir: string, release: string): Promise<Tree> {
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

function walk(dir: string, relative: string, found: Tree['files'] = [], depth = 0): Tree['files'] {
  if (depth > MAX_PATH.depth) throw unusable(dir, relative, `lies more than ${MAX_PATH.depth} folders deep`);
  for (const entry of readdirSync(`${dir}/${relative}`, { withFileTypes: true })) {
    const path = relative ? `${relative}/${entry.name}` : entry.name;
    if (entry.isDirectory()) walk(dir, path, found, depth + 1);
    else if (isModulePath(entry.name)) {
      const stats = moduleStats(dir, path, entry);
      if (!stats) continue;
      // depmod's texts have one line for a module and blanks between names.
      if (!/^[^\s\p{Cc}]+$/u.test(path))
        throw unusable(dir, path, 'has a blank or a control character in its name');
      if (stats.size > MAX_FILE.kernelFile)
        throw unusable(
          dir,
          path,
          `has ${formatBytes(stats.size)}; at most ${formatBytes(MAX_FILE.kernelFile)} are read`,
        );
      found.push({ path, bytes: stats.size, mtimeMs: Math.floor(stats.mtimeMs) });
    }
  }
  return found;
}

function unusable(dir: string, path: string, why: string) {
  const shown = JSON.stringify(path.length > 80 ? `${path.slice(0, 77)}...` : path);
  return userError('E_MODULES_DIR', `the module tree ${dir} cannot be used: ${shown} ${why}`, {
    hint: 'give the module tree as the kernel package installs it',
  });
}

/** weak-updates/ holds links to files; a link that leads nowhere is not a module. */
function moduleStats(dir: string, path: string, entry: Dirent): Stats | null {
  if (!entry.isFile() && !entry.isSymbolicLink()) return null;
  const stats = statSync(`${dir}/${path}`, { throwIfNoEntry: false });
  return stats?.isFile() ? stats : null;
}

/** A text of depmod or of the kernel's build; empty if there is none. */
export async function readOptional(path: string): Promise<string> {
  const text = await readInput(path, { most: MAX_FILE.indexText, code: 'E_MODULES_DIR' }).catch(
    (error: Error) => {
      if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return '';
      throw error;
    },
  );
  return text.toString('latin1');
}

/** Whether modules.dep names just the modules that are there, and is not older than any of them (as depmod -A asks). */
export async function indexesFit(tree: Tree): Promise<boolean> {
  const needed = ['modules.dep', 'modules.alias', 'modules.symbols', 'modules.softdep'];
  const stats = needed.map((name) => statSync(join(tree.dir, name), { throwIfNoEntry: false }));
  const made = stats[0]?.mtimeMs;
  if (made === undefined || stats.some((one) => one === undefined)) return false;
  if (tree.files.some((file) => file.mtimeMs > made)) return false;
  const listed = parseDep(await readOptional(join(tree.dir, 'modules.dep'))).map(([path]) => path);
  const paths = new Set(tree.files.map((file) => file.path));
  const names = new Set(listed.map(nameOfPath));
  return (
    listed.every((path) => paths.has(path)) && tree.files.every((file) => names.has(nameOfPath(file.path)))
  );
}

/**
 * Of two modules with one name the one that depmod takes: below updates/ before anything else, otherwise the first.
 * This is depmod's default (`search updates built-in`); the host's own depmod.d has no say in a guest's tree.
 */
export function chooseModules(tree: Tree): { name: string; path: string }[] {
  const chosen = new Map<string, string>();
  for (const { path } of tree.files) {
    const name = nameOfPath(path);
    const other = chosen.get(name);
    if (other === undefined || (path.startsWith('updates/') && !other.startsWith('updates/')))
      chosen.set(name, path);
  }
  return [...chosen].map(([name, path]) => ({ name, path }));
}
