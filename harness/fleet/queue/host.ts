import { accessSync, constants } from 'node:fs';
import { ARCHITECTURES, type Architecture, bootSupport, findArchitecture } from '../../arch/index.js';
import { hostError } from '../../errors.js';
import { exec } from '../../exec.js';
import type { Pool } from './protocol.js';

/**
 * What this host can boot: the architectures whose QEMU is installed (or those given), under TCG, and under KVM where /dev/kvm opens; that KVM
 * works is tried with each kernel before it is used.
 * @throws BootgateError blame `host`: E_QEMU where QEMU is missing for an architecture that was given, or for all.
 */
export async function poolsOfHost(
  given: readonly Architecture[] | undefined,
  accel: 'auto' | 'kvm' | 'tcg',
): Promise<Pool[]> {
  const wanted = given ?? ARCHITECTURES.flatMap(({ arch, boot }) => (boot ? [arch] : []));
  const own = findArchitecture(process.arch)?.arch;
  const pools: Pool[] = [];
  for (const arch of wanted) {
    const { qemu: program } = bootSupport(arch);
    const qemu = await versionOf(program);
    if (qemu === undefined) {
      if (!given) continue;
      throw hostError('E_QEMU', `${program} does not start here`, { hint: 'see `bootgate doctor`' });
    }
    if (accel !== 'kvm') pools.push({ arch, accelerator: 'tcg', qemu });
    if (accel !== 'tcg' && arch === own && kvmOpens()) pools.push({ arch, accelerator: 'kvm', qemu });
  }
  if (pools.length > 0) return pools;
  throw hostError('E_QEMU', `this host can boot nothing with --accel ${accel}`, {
    hint: 'see `bootgate doctor`',
  });
}

/** `7.2.15`, without what a distribution adds: `7.2.15 (Debian 1:7.2+dfsg-7)`. */
async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { stdout } = await exec(program, ['--version'], { timeout: 30_000 });
    return /version (\d+(?:\.\d+)+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

function kvmOpens(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
