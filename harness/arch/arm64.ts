import type { ArchitectureTable } from './table.js';

export const arm64: ArchitectureTable = {
  arch: 'aarch64',
  names: { debian: 'arm64', rpm: 'aarch64', node: 'arm64', triplet: 'aarch64-linux-gnu' },
  elf: { machine: 183, class: 64, littleEndian: true },
  libraries: { folders: ['/lib64', '/usr/lib64'], cacheFlags: 0x0a03 },
  kernel: {
    // Documentation/arch/arm64/booting.rst; often packed with gzip, or as EFI zboot.
    marks: [{ format: 'Image', offset: 0x38, bytes: 'ARM\x64' }],
    direct: 'as-unpacked',
  },
  boot: null,
};
