import { constants } from 'node:fs';
import { access, open, statfs } from 'node:fs/promises';
import { arch, availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { exec } from '../exec.js';
import { readToolTable } from '../initramfs/userland-table.js';
import { cacheDir } from '../paths.js';
import { formatBytes } from '../units.js';

/** One thing that bootgate needs of its host. */
export interface Check {
  name: string;
  /** `missing` stops runs; `poor` only slows them or narrows what can be tested. */
  state: 'ok' | 'poor' | 'missing';
  /** The version, the path, the size, or what is wrong. */
  detail: string;
  /** What to do about it. */
  hint?: string;
}

/** Folders that Debian keeps out of a user's PATH although mkfs, ip and modprobe live there. */
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Every tool with its version, KVM opened, firmware, memory and disk. Booting under KVM is checked by the caller. */
export async function examineHost(): Promise<Check[]> {
  const table = await readToolTable();
  const distribution = table.distribution;
  const tools = await Promise.all(
    table.tools.map(async (tool): Promise<Check> => {
      const path = tool.file ? await firstReadable(tool.file) : await which(tool.command);
      const install = tool.packages[distribution];
      if (path) return { name: tool.command, state: 'ok', detail: (await versionOf(tool.command, path)) ?? path };
      return {
        name: tool.command,
        state: tool.role === 'host' && !tool.optional ? 'missing' : 'poor',
        detail: `not found (${tool.role === 'host' ? 'used by the harness' : 'goes into the guest'})`,
        ...(install ? { hint: `install ${install}, or run make setup` } : {}),
      };
    }),
  );
  return [...tools, await kvmOpens(), ...(await capacity())];
}

async function which(command: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_PATHS];
  return firstReadable(
    folders.map((folder) => join(folder, command)),
    constants.X_OK,
  );
}

async function firstReadable(paths: readonly string[], mode: number = constants.R_OK): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path, mode).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** Tools that print their version when asked; the rest are shown by their path. */
const VERSION_FLAG: Record<string, string> = {
  'qemu-system-x86_64': '--version',
  bsdtar: '--version',
  modprobe: '--version',
  xz: '--version',
  zstd: '--version',
  nft: '--version',
  iptables: '--version',
  'mkfs.xfs': '-V',
  'mkfs.btrfs': '--version',
  ip: '-V',
};

async function versionOf(command: string, path: string): Promise<string | undefined> {
  const flag = VERSION_FLAG[command];
  if (!flag) return undefined;
  const { stdout, stderr } = await exec(path, [flag], { timeout: 5000 }).catch(() => ({ stdout: '', stderr: '' }));
  return (stdout || stderr).split('\n')[0]?.trim() || undefined;
}

/** /dev/kvm that opens is not KVM that works: this is only the first half of the question. */
async function kvmOpens(): Promise<Check> {
  try {
    await (await open('/dev/kvm', 'r+')).close();
    return { name: '/dev/kvm', state: 'ok', detail: 'opens' };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      name: '/dev/kvm',
      state: 'poor',
      detail: code === 'ENOENT' ? 'not there: guests run under TCG, several times slower' : `does not open (${code})`,
      ...(code === 'EACCES' ? { hint: 'add yourself to the group kvm' } : {}),
    };
  }
}

async function capacity(): Promise<Check[]> {
  const free = process.availableMemory();
  const cache = cacheDir();
  const disk = await statfs(cache).catch(() => statfs('/'));
  const room = disk.bavail * disk.bsize;
  return [
    {
      name: 'memory',
      state: free > 2 ** 30 ? 'ok' : 'poor',
      detail: `${formatBytes(free)} free of ${formatBytes(totalmem())}`,
    },
    { name: 'cores', state: 'ok', detail: `${availableParallelism()} (${arch()})` },
    {
      name: 'disk',
      state: room > 3 * 2 ** 30 ? 'ok' : 'poor',
      detail: `${formatBytes(room)} free for the cache in ${cache}`,
      ...(room > 3 * 2 ** 30 ? {} : { hint: 'a kernel takes about 1 GiB there; set BOOTGATE_CACHE to another disk' }),
    },
    { name: 'node', state: 'ok', detail: process.version },
  ];
}
