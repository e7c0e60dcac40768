/**
 * The most that is taken from a file or a person, each in one place. They are far above what real kernels, packages and
 * scenarios have: what is larger is a mistake or a trap, and is refused with its place (exit 2).
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Files that are read whole. */
export const MAX_FILE = {
  /** A YAML document: the largest split in use has 0.3 MiB. */
  document: 4 * MiB,
  /** A module list or a list of a distribution's split. */
  list: 16 * MiB,
  /** vmlinuz, a module, a kernel configuration: also what they unpack to. */
  kernelFile: 512 * MiB,
  /** A text of depmod's or of the kernel's build: modules.alias has 3 MiB. */
  indexText: 64 * MiB,
  /** The control data of a package. */
  control: 4 * MiB,
} as const;

/** What compressed data may come to. */
export const UNPACKED = {
  /** Kernels and modules shrink to a seventh; xz makes a seven-thousandth of one repeated byte. */
  ratio: 100,
  /** Up to here the ratio does not matter: a small file of zeros is no attack. */
  free: 16 * MiB,
  /** The payload of one package: a kernel with all its modules has 0.5 GiB. */
  package: 4 * GiB,
} as const;

/** Names of files in packages and module trees. Linux itself stops at 4,096 bytes. */
export const MAX_PATH = { bytes: 1024, depth: 64 } as const;

/** Problems of one input that are reported; the others are counted. */
export const MAX_PROBLEMS = 50;

/** One scenario's machine and words. */
export const SCENARIO = {
  leastMemoryMiB: 128,
  memoryMiB: 64 * 1024,
  diskMiB: 64 * 1024,
  cpus: 64,
  disks: 8,
  nics: 4,
  shares: 2,
  devices: 8,
  tags: 8,
  needs: 32,
  tools: 64,
  steps: 64,
  matrixRows: 64,
  matrixWords: 32,
  seconds: 3600,
  nameBytes: 100,
  wordBytes: 1000,
  descriptionBytes: 500,
  /** The kernel's own limit is 2,048 (COMMAND_LINE_SIZE), ours included. */
  cmdlineBytes: 1024,
  /** Linux hands no longer argument to a program than 128 KiB (MAX_ARG_STRLEN). */
  stepBytes: 64 * KiB,
} as const;

/** How many bytes `packed` bytes may unpack to. */
export function unpackedLimit(packed: number, most: number): number {
  return Math.min(most, Math.max(UNPACKED.free, packed * UNPACKED.ratio));
}
