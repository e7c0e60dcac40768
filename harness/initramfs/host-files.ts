import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { hostError } from '../errors.js';
import type { Entry } from './initramfs.js';

/** Folders that are links into usr/ in the guest, whatever they are on the host. */
export const USR_MERGED = ['bin', 'sbin', 'lib', 'lib64'] as const;

/** Files on their way into the guest, under the paths that they have below a root: this machine's, or that of unpacked packages. */
export class HostFiles {
  readonly #root: string;
  readonly #entries = new Map<string, Entry>();
  readonly #seen = new Set<string>();

  /** @param root A real path; empty: this machine's. */
  constructor(root = '') {
    this.#root = root;
  }

  /** Adds a file, and where it is a symbolic link, every link on the way and what they end at. Returns its guest path. */
  add(path: string): string {
    // Folders on the way may be links on the host (/lib, /sbin, /usr/sbin); the guest has real ones, so links that
    // are kept point at real folders.
    const file = real(path, this.#root);
    const place = guestPath(file);
    // The name that it was asked for by must work too: /lib64/ld-linux-x86-64.so.2 stands so in every program.
    const named = guestPath(resolve(path));
    if (named !== place) this.#entries.set(named, { path: named, type: 'symlink', target: `/${place}` });
    if (this.#seen.has(file)) return place;
    this.#seen.add(file);
    const source = this.#root + file;
    const stat = lstatSync(source);
    if (stat.isSymbolicLink()) {
      const target = this.add(resolve(dirname(file), readlinkSync(source)));
      this.#entries.set(place, { path: place, type: 'symlink', target: `/${target}` });
    } else if (stat.isFile()) {
      // Owner and special bits mean nothing in a guest that has only root.
      const mode = (stat.mode & 0o111) === 0 ? 0o644 : 0o755;
      this.#entries.set(place, { path: place, type: 'file', mode, source, bytes: stat.size });
    } else throw hostError('E_USERLAND_FILE', `${path} is neither a file nor a link to one`);
    return place;
  }

  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Every path that was looked at, below the root: when none of them changed, the entries are the same. */
  paths(): string[] {
    return [...this.#seen].sort();
  }
}

/** Files that a pattern names, `$LIB` standing for the first of `libraryFolders` where something matches; sorted. */
export function expandPattern(pattern: string, libraryFolders: readonly string[], root = ''): string[] {
  if (!pattern.startsWith('$LIB/')) return expandGlob(pattern, root);
  for (const folder of libraryFolders) {
    const found = expandGlob(join(folder, pattern.slice(5)), root);
    if (found.length > 0) return found;
  }
  return [];
}

/** What to look at to see whether a pattern would match something else now: a path, or the folder of a glob. */
export function watchedBy(pattern: string, libraryFolders: readonly string[]): string[] {
  const paths = pattern.startsWith('$LIB/')
    ? libraryFolders.map((folder) => join(folder, pattern.slice(5)))
    : [pattern];
  return paths.map((path) => (/[*?]/.test(basename(path)) ? dirname(path) : path));
}

/** What is read again and again to see whether a host file is still the same: not its bytes. */
export function quickStamp(path: string): string {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${path} ${stat.size} ${stat.mtimeNs} ${stat.ino}` : `${path} -`;
}

function real(path: string, root: string): string {
  return join(realpathSync(root + dirname(path)).slice(root.length) || '/', basename(path));
}

/** `/lib/x` -> `usr/lib/x`: where a file lies in the guest. */
export function guestPath(path: string): string {
  const place = path.slice(1);
  const top = place.split('/')[0] ?? '';
  return (USR_MERGED as readonly string[]).includes(top) ? `usr/${place}` : place;
}

/** `*` and `?` in the last part of the path. */
function expandGlob(pattern: string, root: string): string[] {
  const folder = dirname(pattern);
  const literal = basename(pattern).replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const name = new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  if (!lstatSync(root + folder, { throwIfNoEntry: false })) return [];
  return readdirSync(root + folder)
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(folder, file));
}
