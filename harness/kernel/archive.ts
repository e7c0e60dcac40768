import { chmod, lstat, mkdir, readdir, realpath, unlink } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { BootgateError, type Problem, userError } from '../errors.js';
import { exec } from '../exec.js';
import { MAX_PATH } from '../limits.js';
import { checkTotal, judged } from './payload.js';

/** One entry of a package's payload. */
export interface ArchiveEntry {
  /** As the archive has it, a leading `./` included. */
  raw: string;
  /** Without leading `./` and trailing `/`; empty for the top itself. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Of a file, as it will be on the disk: a sparse one may have more than its archive. */
  bytes: number;
  /** Of a symlink or hard link. */
  target: string | null;
}

/** What of a package is kept: a kernel's files, not its documentation. */
export const KEPT_FOLDERS = ['boot', 'lib/modules', 'usr/lib/modules'] as const;

// Numeric owners keep hostile user names out of the listing; UTF-8 names are printed as they are.
const LOCALE = { LC_ALL: 'C.UTF-8', TZ: 'UTC' };
const TIMEOUT = 300_000;
/** A kernel's package lists some 6,000 files, 100 bytes each. */
const MAX_LISTING = 64 << 20;

/**
 * Lists an archive that bsdtar can read. `name` is what the user knows the file by.
 * @throws BootgateError blame `user`, E_PACKAGE_DAMAGED, when it is cut short or no archive at all.
 */
export async function listArchive(file: string, name: string, signal?: AbortSignal): Promise<ArchiveEntry[]> {
  const { stdout } = await bsdtar(['-tvf', file, '--numeric-owner'], name, signal, MAX_LISTING);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => parseLine(line, name));
}

const LINE = /^([a-z?-])\S{9,10} +\d+ +\d+ +\d+ +([\d,]+) +\S{3} +\d+ +[\d:]+ (.*)$/i;
const TYPES: Record<string, ArchiveEntry['type']> = {
  '-': 'file',
  d: 'directory',
  l: 'symlink',
  h: 'hardlink',
};

function parseLine(line: string, name: string): ArchiveEntry {
  const match = LINE.exec(line);
  if (!match?.[1] || match[3] === undefined)
    throw userError(
      'E_PACKAGE_DAMAGED',
      `${name}: cannot read the entry ${JSON.stringify(line.slice(0, 200))}`,
    );
  const type = TYPES[match[1]] ?? 'other';
  const mark = type === 'symlink' ? ' -> ' : ' link to ';
  let raw = match[3];
  let target: string | null = null;
  if (type === 'symlink' || type === 'hardlink') {
    const parts = raw.split(mark);
    // More than one mark: a name that was made to be misread.
    if (parts.length !== 2) throw unsafe(name, [{ message: `${raw}: a link whose name cannot be read` }]);
    [raw, target] = [parts[0] ?? '', unescapeName(parts[1] ?? '')];
  }
  raw = unescapeName(raw);
  return {
    raw,
    path: raw
      .replace(/^(\.\/+)+/, '')
      .replace(/\/+$/, '')
      .replace(/^\.$/, ''),
    type,
    bytes: type === 'file' ? Number(match[2]) : 0,
    target,
  };
}

/** bsdtar prints what is not printable as `\ooo` or `\n`, and a backslash as `\\`. */
function unescapeName(text: string): string {
  if (!text.includes('\\')) return text;
  const letters: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '\\': 92 };
  const bytes = [...text.matchAll(/\\([0-7]{3}|.)|[^\\]+/gs)].map(([whole, code]) => {
    if (code === undefined) return Buffer.from(whole);
    return Buffer.from([
      code.length === 3 ? Number.parseInt(code, 8) : (letters[code] ?? code.charCodeAt(0)),
    ]);
  });
  return Buffer.concat(bytes).toString('utf8');
}

/**
 * Refuses a package whole when one entry could be written outside the folder it is unpacked into.
 * @throws BootgateError blame `user`, E_PACKAGE_UNSAFE, with the entries.
 */
export function checkEntries(
  entries: readonly ArchiveEntry[],
  name: string,
  kept: readonly string[] = KEPT_FOLDERS,
): void {
  const links = new Set(entries.filter((entry) => entry.type === 'symlink').map((entry) => entry.path));
  const seen = new Set<string>();
  const problems: Problem[] = [];
  const add = (entry: ArchiveEntry, why: string) => problems.push({ message: `${entry.raw}: ${why}` });
  let total = 0;
  for (const entry of entries) {
    if (isKept(entry.path, kept)) total += entry.bytes;
    if (tooLong(entry.path))
      add({ ...entry, raw: `${entry.raw.slice(0, 60)}...` }, 'its name is too long or too deep');
    else if (entry.raw.startsWith('/')) add(entry, 'an absolute path');
    else if (climbs(entry.path)) add(entry, 'it escapes with ..');
    else if (throughLink(entry.path, links)) add(entry, 'it goes through a symlink of the same package');
    else if (seen.has(entry.path) && links.has(entry.path)) add(entry, 'it appears twice, once as a symlink');
    if (entry.type === 'hardlink' && entry.target !== null) {
      const target = entry.target.replace(/^(\.\/+)+/, '');
      if (target.startsWith('/') || climbs(target)) add(entry, `a hard link out of the package (${target})`);
      else if (links.has(target) || throughLink(target, links))
        add(entry, `a hard link through a symlink (${target})`);
    }
    if (entry.type === 'other' && isKept(entry.path, kept)) add(entry, 'not a file, folder or link');
    seen.add(entry.path);
  }
  if (problems.length > 0) throw unsafe(name, problems);
  checkTotal(total, name);
}

function tooLong(path: string): boolean {
  return Buffer.byteLength(path) > MAX_PATH.bytes || path.split('/').length > MAX_PATH.depth;
}

function climbs(path: string): boolean {
  return path.split('/').includes('..');
}

function throughLink(path: string, links: ReadonlySet<string>): boolean {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    if (links.has(path.slice(0, at))) return true;
  }
  return false;
}

export function isKept(path: string, kept: readonly string[] = KEPT_FOLDERS): boolean {
  return kept.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

function unsafe(name: string, problems: Problem[]): BootgateError {
  const more = problems.length > 10 ? [{ message: `and ${problems.length - 10} more` }] : [];
  return userError('E_PACKAGE_UNSAFE', `${name} would write outside its folder; it was not unpacked`, {
    problems: [...problems.slice(0, 10), ...more],
    hint: 'do not install this package; get it again from where it was built',
  });
}

/**
 * Unpacks the kept folders of a checked archive into `into`. Owners, set-user-ID bits, ACLs and extended
 * attributes are left out, everything is made readable, and symlinks that lead nowhere inside are dropped
 * (`build -> /usr/src/...`).
 */
export async function extractArchive(
  file: string,
  entries: readonly ArchiveEntry[],
  into: string,
  name: string,
  signal?: AbortSignal,
  kept: readonly string[] = KEPT_FOLDERS,
): Promise<void> {
  await mkdir(into, { recursive: true });
  const patterns = new Set<string>();
  for (const { raw, path } of entries) {
    const folder = kept.find((one) => path === one || path.startsWith(`${one}/`));
    if (folder) patterns.add(raw.startsWith('./') ? `./${folder}` : folder);
  }
  if (patterns.size === 0) return;
  const plain = ['--no-same-owner', '--no-same-permissions', '--no-acls', '--no-xattrs', '--no-fflags'];
  await bsdtar(['-xf', file, '-C', into, ...plain, '--', ...patterns], name, signal);
  await settle(await realpath(into), await realpath(into));
}

async function settle(folder: string, root: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) {
      const target = await realpath(path).catch(() => null);
      if (target !== root && !target?.startsWith(root + sep)) await unlink(path);
      continue;
    }
    const { mode } = await lstat(path);
    if (entry.isDirectory()) {
      if ((mode & 0o700) !== 0o700) await chmod(path, 0o755);
      await settle(path, root);
    } else if ((mode & 0o600) !== 0o600) await chmod(path, 0o644);
  }
}

async function bsdtar(args: string[], name: string, signal?: AbortSignal, maxBuffer = 1 << 20) {
  const options = { env: LOCALE, timeout: TIMEOUT, maxBuffer, ...(signal ? { signal } : {}) };
  return exec('bsdtar', args, options).catch((error: unknown) => {
    if (!(error instanceof BootgateError) || error.code !== 'E_TOOL_FAILED') throw error;
    throw judged(error, name, 'bsdtar');
  });
}
