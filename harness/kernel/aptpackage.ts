import { mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { digestOfFile } from '../cache.js';
import { BootgateError, hostError } from '../errors.js';
import { exec } from '../exec.js';
import { formatBytes } from '../units.js';
import type { AptContext } from './aptview.js';
import { withAptHint } from './aptview.js';
import { clauses, parseControl } from './deb.js';

/** One package as apt knows it, from its signed lists. */
export interface AptPackage {
  name: string;
  version: string;
  architecture: string;
  /** Of Pre-Depends and Depends, each with its alternatives. */
  depends: string[];
  /** Path of the file in its archive: `pool/main/k/kmod/kmod_30_arm64.deb`. */
  path: string;
  bytes: number;
  sha256: string;
}

/**
 * What `apt-cache show` says of the candidate version of each name, or of the exact one of NAME=VERSION; what apt does not know
 * is left out. @param options of apt
 * @throws BootgateError blame `host`: E_TOOL_FAILED when apt knows none of them, E_TOOL_MISSING.
 */
export async function showPackages(
  wanted: readonly string[],
  options: readonly string[],
  signal?: AbortSignal,
): Promise<AptPackage[]> {
  const { stdout } = await exec('apt-cache', [...options, '--no-all-versions', 'show', '--', ...wanted], {
    env: { LC_ALL: 'C' },
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    throw withAptHint(error);
  });
  return stdout
    .split(/\n\n+/)
    .map(parseControl)
    .filter((fields) => fields.has('package'))
    .map(packageOf);
}

function packageOf(fields: Map<string, string>): AptPackage {
  const field = (key: string) => fields.get(key) ?? '';
  return {
    name: field('package'),
    version: field('version'),
    architecture: field('architecture'),
    depends: [...clauses(fields.get('pre-depends')), ...clauses(fields.get('depends'))],
    path: field('filename'),
    bytes: Number(field('size')),
    sha256: field('sha256'),
  };
}

/** How a file is fetched: a program, run in the folder that the file is to lie in. */
export type Fetch = (folder: string) => Promise<unknown>;

/**
 * The path of a package's file in the cache, fetched unless it is there, and compared with its checksum.
 * @throws BootgateError blame `host` E_APT_DOWNLOAD, E_APT_CHECKSUM, E_TOOL_MISSING.
 */
export async function cachedPackage(
  one: Pick<AptPackage, 'name' | 'version' | 'architecture' | 'path' | 'bytes' | 'sha256'>,
  { cache, log }: AptContext,
  fetch: Fetch,
  hint: string,
): Promise<string> {
  const file = basename(one.path);
  const key = `${one.name} ${one.version} ${one.architecture} ${one.sha256}`;
  const folder = await cache.entry('apt', key, async (temporary) => {
    log(`downloading ${one.name} ${one.version} (${formatBytes(one.bytes)})`);
    await mkdir(temporary, { recursive: true });
    await fetch(temporary).catch((error: unknown) => {
      if (!(error instanceof BootgateError) || error.code !== 'E_TOOL_FAILED') throw withAptHint(error);
      const message = `cannot download ${one.name} ${one.version}: ${error.message}`;
      throw hostError('E_APT_DOWNLOAD', message, { hint, cause: error });
    });
    const got = (await readdir(temporary)).find((name) => /\.u?deb$/.test(name));
    const path = join(temporary, got ?? 'nothing');
    if (!got || (await digestOfFile(path)) !== `sha256:${one.sha256}`)
      throw hostError(
        'E_APT_CHECKSUM',
        `the download of ${one.name} ${one.version} does not match its checksum`,
        { hint },
      );
    await rename(path, join(temporary, file));
  });
  return join(folder, file);
}
