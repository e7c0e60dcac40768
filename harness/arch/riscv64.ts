import type { ArchitectureTable } from './table.js';

export const riscv64: ArchitectureTable = {
  arch: 'riscv64',
  names: { debian: 'riscv64', rpm: 'riscv64', node: 'riscv64', triplet: 'riscv64-linux-gnu' },
  debianSuite: 'trixie',
  elf: { machine: 243, class: 64, littleEndian: true },
  // lp64d: doubles in registers, which is what distributions build for.
  libraries: { folders: ['/lib64/lp64d', '/usr/lib64/lp64d', '/lib64', '/usr/lib64'], cacheFlags: 0x1003 },
  kernel: {
    // Documentation/arch/riscv/boot-image-header.rst, magic2.
    marks: [{ format: 'Image', offset: 0x38, bytes: 'RSC\x05' }],
    direct: 'as-unpacked',
  },
  boot: null,
};
