import { type Architecture, bootSupport } from '../arch/index.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Scenario } from '../scenarios/scenario.js';

const MIB = 1024 * 1024;
/** The kernel itself, its page tables and what init needs: a Debian kernel boots with less. */
const KERNEL_MIB = 192;
/** The userland with all tools, and the indexes of a full module tree. */
const USERLAND_MIB = 48;

type MemoryNeeds = Pick<PreparedImage, 'delivery'> & {
  set: Pick<PreparedImage['set'], 'bytes'>;
  kernel: { arch: Architecture };
};

/**
 * The memory that a guest gets: what its scenario declares, or more where its modules need it: in the archive, or in a window. While the kernel
 * unpacks an archive it holds it twice (init/initramfs.c), and its root file system may fill half of what is free by then
 * (mm/shmem.c, shmem_default_max_blocks): what is left beside the archive must be twice its size. A module window needs a little
 * below and above it.
 */
export function memoryFor(
  { memoryMiB }: Pick<Scenario, 'memoryMiB'>,
  { delivery, set, kernel }: MemoryNeeds,
): number {
  const { window, memoryStepMiB = 1 } = bootSupport(kernel.arch);
  if (delivery === 'window') return Math.max(memoryMiB, window?.minMemoryMiB ?? 0);
  const archive = Math.ceil(set.bytes / MIB) + USERLAND_MIB;
  const needed = 3 * archive + KERNEL_MIB;
  const most = Math.max(memoryMiB, Math.ceil(needed / 64) * 64);
  return Math.ceil(most / memoryStepMiB) * memoryStepMiB;
}
