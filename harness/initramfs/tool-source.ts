import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Architecture, architectureOf, hostArchitecture, libraryFolders } from '../arch/index.js';
import { hostError } from '../errors.js';
import { exec } from '../exec.js';
import type { AptContext } from '../kernel/aptview.js';
import { type AppletFacts, appletNamesIn } from './applets.js';
import { quickStamp, watchedBy } from './host-files.js';
import { findCommand, missingPrograms } from './host-programs.js';
import { rootOfPackages } from './package-root.js';
import { fetchLocked } from './userland-fetch.js';
import { lockedPackages, lockFile, readLock } from './userland-lock.js';
import { unpackForGuest } from './userland-package.js';
import type { GuestTool } from './userland-table.js';

/** Where the guest's programs come from: copied from this machine, or out of Debian's packages. */
export type Userland = 'host' | 'packages';

/** A program of the table, found: its path below the root. */
export interface FoundTool extends GuestTool {
  file: string;
}

export interface ToolSource {
  /** Changes when what it gives may be something else. */
  key: string;
  open(): Promise<ToolRoot>;
}

export interface ToolRoot {
  /** Empty: this machine's. */
  root: string;
  tools: FoundTool[];
  /** What busybox, by its path below the root, can do. */
  applets(file: string): Promise<AppletFacts>;
}

/** Which source it is unless someone chose: this machine's programs cannot run in a guest of another architecture. */
export function defaultUserland(arch: Architecture): Userland {
  return arch === hostArchitecture().arch ? 'host' : 'packages';
}

/** @throws BootgateError blame `host`, E_USERLAND_MISSING: each program that this machine lacks, with its package. */
export async function fromHost(tools: readonly GuestTool[], arch: Architecture): Promise<ToolSource> {
  const found = await Promise.all(
    tools.map(async (tool) => ({ ...tool, file: (await findCommand(tool.command)) ?? '' })),
  );
  const missing = found.filter((tool) => tool.file === '');
  if (missing.length > 0) throw await missingPrograms(missing);
  const folders = libraryFolders(architectureOf(arch));
  const patterns = found.flatMap(({ files }) => files.flatMap(({ pattern }) => watchedBy(pattern, folders)));
  const stamps = [...found.map(({ file }) => file), '/etc/ld.so.cache', ...patterns].map(quickStamp);
  return {
    key: ['host', ...stamps].join('\0'),
    open: async () => ({ root: '', tools: found, applets: askBusybox }),
  };
}

/** Runs it, so of this machine's busybox alone. */
async function askBusybox(file: string): Promise<AppletFacts> {
  const { stdout } = await exec(file, ['--list']);
  const { exitCode } = await exec(file, ['sh', '-c', 'cut --help'], {
    env: { PATH: '/nonexistent' },
    okCodes: [0, 127],
  });
  return { names: stdout.split('\n'), standalone: exitCode === 0 };
}

/**
 * The packages of images/userland.lock. They are fetched and unpacked when the source is opened, and nothing in them is run.
 * @throws BootgateError blame `user`: E_USERLAND_LOCK, E_DOCUMENT; on opening also blame `host`: E_APT_DOWNLOAD, E_USERLAND_MISSING.
 */
export async function fromPackages(
  tools: readonly GuestTool[],
  arch: Architecture,
  context: AptContext,
  path = lockFile(),
): Promise<ToolSource> {
  const names = tools.map(({ name }) => name);
  const packages = lockedPackages(await readLock(path), architectureOf(arch), names, path);
  return {
    key: ['packages', arch, ...packages.map(({ name, sha256 }) => `${name} ${sha256}`)].join('\0'),
    open: async () => {
      const unpacked = [];
      for (const file of await fetchLocked(packages, context))
        unpacked.push(await unpackForGuest(file, context));
      const root = realpathSync(await rootOfPackages(unpacked, context.cache));
      return { root, ...findBelow(root, tools) };
    },
  };
}

/** The tools in a root of packages. @throws BootgateError blame `user`, E_USERLAND_MISSING. */
export function findBelow(root: string, tools: readonly GuestTool[]): Pick<ToolRoot, 'tools' | 'applets'> {
  const found = tools.map((tool): FoundTool => {
    const file = commandBelow(root, tool.command);
    if (!file)
      throw hostError(
        'E_USERLAND_MISSING',
        `the package ${tool.packages.debian} has no program ${tool.command}`,
        {
          hint: 'correct the package in userland.yaml, then run `bootgate userland update`',
        },
      );
    // What update-alternatives would make.
    const links = file.endsWith(`/${tool.command}`) ? [] : [`/usr/sbin/${tool.command}`];
    return { ...tool, file, links: [...tool.links, ...links] };
  });
  // Debian builds its static busybox with FEATURE_SH_STANDALONE.
  const applets = async (file: string) => ({ names: await appletNamesIn(root + file), standalone: true });
  return { tools: found, applets };
}

/** The path of a command below a root, or of what stands for it where it is an alternative: nft before legacy. */
function commandBelow(root: string, command: string): string | undefined {
  const folders = ['/usr/sbin', '/usr/bin'];
  return ['', '-nft', '-legacy']
    .flatMap((suffix) => folders.map((folder) => join(folder, command + suffix)))
    .find((path) => existsSync(root + path));
}
