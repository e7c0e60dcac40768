import { existsSync } from 'node:fs';
import { hostError, userError } from '../errors.js';
import { arm64 } from './arm64.js';
import { ppc64el } from './ppc64el.js';
import { riscv64 } from './riscv64.js';
import { s390x } from './s390x.js';
import type { Architecture, ArchitectureTable, Board, BootSupport } from './table.js';
import { x86_64 } from './x86_64.js';

export type {
  Architecture,
  ArchitectureTable,
  Board,
  BootSupport,
  ControlPort,
  ForkSupport,
  ImageFormat,
  ImageMark,
  WindowLayout,
  WindowSupport,
} from './table.js';

/** Every architecture that bootgate knows; what it can boot has `boot`. */
export const ARCHITECTURES: readonly ArchitectureTable[] = [x86_64, arm64, riscv64, s390x, ppc64el];

export function architectureOf(arch: Architecture): ArchitectureTable {
  const table = ARCHITECTURES.find((one) => one.arch === arch);
  if (!table) throw userError('E_ARCH', `unknown architecture ${arch}`, { hint: `known: ${list()}` });
  return table;
}

/** How an architecture is booted. @throws user error E_ARCH where that is not supported yet. */
export function bootSupport(arch: Architecture): BootSupport {
  const { boot } = architectureOf(arch);
  if (boot) return boot;
  throw userError('E_ARCH', `${arch} kernels cannot be booted yet`, {
    hint: `use a kernel for ${list(({ boot }) => boot !== null)}; split check, split size and modules work for every architecture`,
  });
}

/** A board by its name, or the architecture's first. @throws user error E_ARCH where there is none of that name. */
export function boardOf(arch: Architecture, name?: string): Board {
  const { boards } = bootSupport(arch);
  const board = name === undefined ? Object.values(boards)[0] : boards[name];
  if (board) return board;
  throw userError('E_ARCH', `${arch} has no machine ${name}`, {
    hint: `it has ${Object.keys(boards).join(', ')}`,
  });
}

/** By any of its names: uname's, Debian's, rpm's, Node's. */
export function findArchitecture(name: string): ArchitectureTable | undefined {
  return ARCHITECTURES.find(({ arch, names }) => [arch, names.debian, names.rpm, names.node].includes(name));
}

/** @throws host error E_ARCH where bootgate does not know this machine's own architecture. */
export function hostArchitecture(): ArchitectureTable {
  const table = findArchitecture(process.arch);
  if (table) return table;
  throw hostError('E_ARCH', `bootgate does not know the architecture of this machine, ${process.arch}`);
}

/** `x86_64 (amd64), aarch64 (arm64), ...` */
export function list(which: (table: ArchitectureTable) => boolean = () => true): string {
  return ARCHITECTURES.filter(which)
    .map(({ arch, names }) => (names.debian === arch ? arch : `${arch} (${names.debian})`))
    .join(', ');
}

/** What an ELF file is for, by its header. */
export interface ElfKind {
  machine: number;
  class: 32 | 64;
  littleEndian: boolean;
}

export function architectureOfElf(elf: ElfKind): ArchitectureTable | undefined {
  return ARCHITECTURES.find((one) => isFor(elf, one));
}

export function isFor({ machine, class: bits, littleEndian }: ElfKind, { elf }: ArchitectureTable): boolean {
  return machine === elf.machine && bits === elf.class && littleEndian === elf.littleEndian;
}

/** e_machine of what is met in the wild beside the architectures above. */
const OTHER_MACHINES: Readonly<Record<number, string>> = {
  3: 'i386',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  40: 'arm',
  258: 'loongarch64',
};

/** What to call the architecture of an ELF file in a message. */
export function machineName(elf: ElfKind): string {
  return (
    architectureOfElf(elf)?.arch ??
    OTHER_MACHINES[elf.machine] ??
    `ELF machine ${elf.machine}, ${elf.class} bit`
  );
}

/** The folders that ld.so looks into by itself, on the families of distributions that the tool table knows. */
export function libraryFolders({ names, libraries }: ArchitectureTable): string[] {
  const { triplet } = names;
  return [`/lib/${triplet}`, `/usr/lib/${triplet}`, ...libraries.folders, '/lib', '/usr/lib'];
}

/** The first firmware for such a boot that this host has, or null: the machine's own firmware does it then. */
export function firmwareFor(arch: Architecture, boot: 'direct' | 'packaged'): string | null {
  const { directFirmware, packagedFirmware } = bootSupport(arch);
  const paths = boot === 'direct' ? directFirmware : (packagedFirmware?.paths ?? []);
  return paths.find((path) => existsSync(path)) ?? null;
}

/** The same for a direct boot. */
export const directFirmware = (arch: Architecture): string | null => firmwareFor(arch, 'direct');

/** Whether the extracted kernel can be booted directly, and the plain reason where it cannot. */
export function canBootDirectly(
  arch: Architecture,
  vmlinux: { pvhEntry: number | null },
): { ok: boolean; reason: string } {
  if (architectureOf(arch).kernel.direct === 'pvh' && vmlinux.pvhEntry === null)
    return { ok: false, reason: 'the kernel has no PVH entry (CONFIG_PVH), so it is booted as packaged' };
  return { ok: true, reason: '' };
}
