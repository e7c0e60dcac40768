import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findArchitecture, hostArchitecture } from '../arch/index.js';
import type { Cache } from '../cache.js';
import { BootgateError, hostError, userError } from '../errors.js';
import { exec } from '../exec.js';
import { stampOfFolders } from './digest.js';

/** What apt sees: this machine's own lists, or lists of our own for packages that cannot be installed here. */
export interface AptView {
  /** Options of apt-get and apt-cache. */
  options: string[];
  /** Changes when apt's answers may. */
  stamp: string;
}

export interface AptContext {
  cache: Cache;
  log: (sentence: string) => void;
  signal?: AbortSignal;
}

/** What apt's answer depends on: the lists, what is installed, sources, pins and settings. */
const APT_STATE = ['/var/lib/apt/lists', '/var/lib/dpkg/status', '/etc/apt'];
const SOURCES = 'sources.list';
const ARCHIVE_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * apt's view of one architecture. For another than this machine's, the lists are fetched into the cache, from this machine's sources;
 * again once this machine's own lists or sources have changed. Nothing of the system is touched.
 * @param arch As Debian spells it; null: this machine's.
 * @param suite Debian's release to take instead of this machine's sources.
 * @throws BootgateError blame `host`, E_APT_LISTS, E_TOOL_MISSING; blame `user`, E_APT_ARCH.
 */
export async function aptView(
  arch: string | null,
  context: AptContext,
  suite: string | null = null,
): Promise<AptView> {
  const stamp = `${process.env.APT_CONFIG ?? ''} ${await stampOfFolders(APT_STATE)}`;
  if (arch === null || (arch === hostArchitecture().names.debian && suite === null))
    return { options: [], stamp };
  const table = findArchitecture(arch);
  const from = suite ?? table?.debianSuite ?? null;
  const key = `lists 1 ${arch} ${from ?? ''} ${stamp}`;
  const folder = await context.cache.entry('apt-lists', key, (temporary) =>
    fetchLists(temporary, arch, from, context),
  );
  return { options: optionsOf(folder, arch, from), stamp: key };
}

/** The architecture that a package's name ends in: `linux-image-arm64:arm64`; null where it has none. */
export function architectureIn(name: string): string | null {
  return /:(.+)$/.exec(name)?.[1] ?? null;
}

function optionsOf(folder: string, arch: string, suite: string | null): string[] {
  return [
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    `Dir::State=${folder}`,
    `Dir::State::Lists=${join(folder, 'lists')}`,
    `Dir::State::status=${join(folder, 'status')}`,
    // Built in memory: the lists are a cache entry, which never changes.
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Acquire::GzipIndexes=true',
    'Acquire::Languages=none',
    ...(suite === null
      ? []
      : [`Dir::Etc::SourceList=${join(folder, SOURCES)}`, 'Dir::Etc::SourceParts=/dev/null']),
  ].flatMap((option) => ['-o', option]);
}

async function fetchLists(
  folder: string,
  arch: string,
  suite: string | null,
  { log, signal }: AptContext,
): Promise<void> {
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  if (suite !== null) await writeFile(join(folder, SOURCES), await sourcesOf(suite));
  log(`fetching the lists of packages for ${arch}${suite === null ? '' : ` of ${suite}`}`);
  const args = optionsOf(folder, arch, suite);
  // _apt has no access to the cache of another user.
  const update = [...args, '-o', 'APT::Sandbox::User=root', '-q', 'update'];
  const { exitCode, stderr } = await exec('apt-get', update, {
    env: { LC_ALL: 'C' },
    timeout: 600_000,
    okCodes: [0, 100],
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    throw withAptHint(error);
  });
  if (exitCode !== 0) throw noLists(arch, stderr);
  const { stdout } = await exec('apt-cache', [...args, 'stats'], { env: { LC_ALL: 'C' } });
  if (!/^Total package names: [1-9]/m.test(stdout)) throw noLists(arch, stderr);
  await rm(join(folder, 'lists', 'partial'), { recursive: true, force: true });
  await rm(join(folder, 'lists', 'lock'), { force: true });
}

/** @param said by apt: its first error is the reason */
function noLists(arch: string, said: string) {
  const why = /^E: (.*?)(?: \[IP: .*)?$/m.exec(said)?.[1];
  return hostError(
    'E_APT_LISTS',
    `apt cannot get the lists of packages for ${arch}${why ? `: ${why}` : ''}`,
    {
      hint: `check the network, and that a source in /etc/apt has packages for ${arch}; or give the package files instead`,
    },
  );
}

/** Lines of sources.list(5): the suite, from wherever this machine has Debian's archive. @throws user error E_APT_ARCH */
async function sourcesOf(suite: string): Promise<string> {
  const archives = await debianArchives();
  if (archives.length === 0)
    throw userError(
      'E_APT_ARCH',
      `this machine has no source of Debian's packages, which ${suite} is taken from`,
      {
        hint: "add Debian's archive to /etc/apt/sources.list.d, or give the package files instead",
      },
    );
  return archives.map((uri) => `deb [signed-by=${ARCHIVE_KEYS}] ${uri} ${suite} main\n`).join('');
}

/** Where apt gets Debian's own packages from, the archive of security updates left out; in the order of its sources. */
export async function debianArchives(): Promise<string[]> {
  const { stdout } = await exec('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN)|$(LABEL)|$(REPO_URI)',
    'Created-By: Packages',
  ]).catch((error: unknown) => {
    throw withAptHint(error);
  });
  const uris = stdout.split('\n').flatMap((line) => /^Debian\|Debian\|(\S+)$/.exec(line)?.[1] ?? []);
  return [...new Set(uris)];
}

export function withAptHint(error: unknown): unknown {
  if (!(error instanceof BootgateError) || error.code !== 'E_TOOL_MISSING') return error;
  return hostError('E_TOOL_MISSING', error.message, {
    hint: 'apt: sources need Debian or Ubuntu; give the package files instead',
    cause: error,
  });
}

/** Options for one suite of this machine's sources, as the target release. */
export function targetRelease(suite: string | null): string[] {
  return suite === null ? [] : ['-o', `APT::Default-Release=${suite}`];
}
