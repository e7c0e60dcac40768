import type { ArchitectureTable } from './table.js';

export const s390x: ArchitectureTable = {
  arch: 's390x',
  names: { debian: 's390x', rpm: 's390x', node: 's390x', triplet: 's390x-linux-gnu' },
  elf: { machine: 22, class: 64, littleEndian: false },
  libraries: { folders: ['/lib64', '/usr/lib64'], cacheFlags: 0x0403 },
  kernel: {
    // arch/s390/boot/head.S: the entry point for EFI-like loaders is marked, in front of the parameter area at 0x10400.
    marks: [{ format: 's390', offset: 0x10008, bytes: 'S390EP' }],
    direct: 'as-unpacked',
  },
  boot: null,
};
