import { open, statfs } from 'node:fs/promises';
import { arch, availableParallelism, totalmem } from 'node:os';
import { exec } from '../exec.js';
import { distributionFamily, findTool } from '../initramfs/host-programs.js';
import { readToolTable } from '../initramfs/userland-table.js';
import { cacheDir } from '../paths.js';
import { formatBytes } from '../units.js';
import { isRoot } from '../vm/privileges.js';
import { qemuFacts } from '../vm/qemu-facts.js';
import type { Check } from './check.js';
import { examineTargets } from './targets.js';

/**
 * Every tool with its version, KVM opened, firmware, memory and disk. `willBoot`: the caller boots a kernel under KVM
 * next, and tells of that itself.
 */
export async function examineHost(willBoot = false): Promise<Check[]> {
  const family = await distributionFamily();
  const table = await readToolTable();
  const tools = await Promise.all(
    table
      .filter(({ target }) => target === null)
      .map(async (tool): Promise<Check> => {
        const path = await findTool(tool);
        if (path)
          return { name: tool.command, state: 'ok', detail: (await versionOf(tool.command, path)) ?? path };
        return {
          name: tool.command,
          state: tool.optional || tool.role === 'tool' ? 'poor' : 'missing',
          detail: `not found (${tool.role === 'host' ? 'used by the harness' : 'goes into the guest'})`,
          ...(family ? { hint: `install ${tool.packages[family]}, or run bootgate setup` } : {}),
        };
      }),
  );
  const targets = await examineTargets(table, family);
  return [...tools, await qemuConfinement(), await kvmOpens(willBoot), ...targets, ...(await capacity())];
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
  const { stdout, stderr } = await exec(path, [flag], { timeout: 5000 }).catch(() => ({
    stdout: '',
    stderr: '',
  }));
  return (stdout || stderr).split('\n')[0]?.trim() || undefined;
}

/** How QEMU is kept apart from this host: guests boot without it, but an untrusted one should not. */
async function qemuConfinement(program = 'qemu-system-x86_64'): Promise<Check> {
  const name = 'QEMU confinement';
  try {
    const { sandbox, drops, notes } = await qemuFacts(program);
    const user = drops ? 'an unprivileged user' : 'the caller';
    const detail = [`runs as ${user}`, sandbox ? 'with seccomp' : 'without seccomp'].join(', ');
    if (notes.length === 0) return { name, state: 'ok', detail };
    const hint =
      isRoot() && !drops ? 'run bootgate as another user than root' : 'install a QEMU with seccomp';
    return { name, state: 'poor', detail: notes.join('; '), hint };
  } catch (error) {
    return { name, state: 'missing', detail: (error as Error).message, hint: 'install util-linux and QEMU' };
  }
}

const OPENS_ONLY = 'opens; use --kernel to test whether a kernel boots under it';

/** /dev/kvm that opens is not KVM that works: this is only the first half of the question. */
async function kvmOpens(willBoot: boolean): Promise<Check> {
  try {
    await (await open('/dev/kvm', 'r+')).close();
    return willBoot
      ? { name: '/dev/kvm', state: 'ok', detail: 'opens' }
      : { name: '/dev/kvm', state: 'poor', detail: OPENS_ONLY };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      name: '/dev/kvm',
      state: 'poor',
      detail:
        code === 'ENOENT'
          ? 'not there: guests run under TCG, several times slower'
          : `does not open (${code})`,
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
      ...(room > 3 * 2 ** 30
        ? {}
        : { hint: 'a kernel takes about 1 GiB there; set BOOTGATE_CACHE to another disk' }),
    },
    { name: 'node', state: 'ok', detail: process.version },
  ];
}
