import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository or installed package: this file lies one folder below it, in harness/ as well as in dist/. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** POSIX sh files that run inside the guest; data, so they are read from harness/ even when dist/ runs. */
export const guestDir = join(packageRoot, 'harness', 'guest');
export const scenariosDir = join(packageRoot, 'scenarios');
export const imagesDir = join(packageRoot, 'images');

/** Where the cache lies: BOOTGATE_CACHE, else XDG_CACHE_HOME/bootgate, else ~/.cache/bootgate. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.BOOTGATE_CACHE) return env.BOOTGATE_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bootgate');
}

/** A file as it is shown in messages and results: relative to the working directory when it lies below it. */
export function shownFile(file: string): string {
  const below = relative(process.cwd(), file);
  return below === '' || below.startsWith('..') ? file : below;
}
