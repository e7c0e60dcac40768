import type { ArchitectureTable } from './table.js';

export const ppc64el: ArchitectureTable = {
  arch: 'ppc64le',
  names: { debian: 'ppc64el', rpm: 'ppc64le', node: 'ppc64', triplet: 'powerpc64le-linux-gnu' },
  // The same machine as big-endian ppc64: the byte order tells them apart.
  elf: { machine: 21, class: 64, littleEndian: true },
  libraries: { folders: ['/lib64', '/usr/lib64'], cacheFlags: 0x0503 },
  // Packages ship the ELF file itself, stripped.
  kernel: { marks: [], direct: 'as-unpacked' },
  boot: null,
};
