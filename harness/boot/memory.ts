import type { PreparedImage } from '../image/prepare.js';
import type { Scenario } from '../scenarios/scenario.js';

const MIB = 1024 * 1024;
/** The kernel itself, its page tables and what init needs: a Debian kernel boots with less. */
const KERNEL_MIB = 192;
/** The largest userland with all tools, and the indexes of a whole tree. */
const USERLAND_MIB = 96;

/**
 * The memory that a guest gets: what its scenario declares, or more where the modules travel in the archive. While the kernel
 * unpacks an archive it holds it twice, and its root file system may fill half of the memory (Documentation/filesystems/tmpfs,
 * `size`): both come to twice the archive.
 */
export function memoryFor(
  { memoryMiB }: Pick<Scenario, 'memoryMiB'>,
  { delivery, set }: Pick<PreparedImage, 'delivery'> & { set: Pick<PreparedImage['set'], 'bytes'> },
): number {
  if (delivery === 'window') return memoryMiB;
  const archive = Math.ceil(set.bytes / MIB) + USERLAND_MIB;
  const needed = 2 * archive + KERNEL_MIB;
  return Math.max(memoryMiB, Math.ceil(needed / 64) * 64);
}
