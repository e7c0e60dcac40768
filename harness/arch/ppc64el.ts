import type { ArchitectureTable } from './table.js';

export const ppc64el: ArchitectureTable = {
  arch: 'ppc64le',
  names: { debian: 'ppc64el', rpm: 'ppc64le', node: 'ppc64', triplet: 'powerpc64le-linux-gnu' },
  // The same machine as big-endian ppc64: the byte order tells them apart.
  elf: { machine: 21, class: 64, littleEndian: true },
  libraries: { folders: ['/lib64', '/usr/lib64'], cacheFlags: 0x0503 },
  // Packages ship the ELF file itself, stripped.
  kernel: { marks: [], direct: 'as-unpacked' },
  boot: {
    qemu: 'qemu-system-ppc64',
    package: 'qemu-system-ppc',
    boards: {
      pseries: { machine: 'pseries', pciBus: 'pci.0' },
    },
    cpu: { kvm: 'host', tcg: 'power9' },
    // The machine makes a spapr-vty of each serial port: hvc0, hvc1.
    control: { tty: 'hvc1', args: (chardev) => ['-serial', `chardev:${chardev}`] },
    cmdline: 'console=hvc0 loglevel=6 panic=-1',
    directFirmware: [],
    packagedFirmware: null,
    window: null,
    // hw/ppc/spapr.c, SPAPR_MEMORY_BLOCK_SIZE.
    memoryStepMiB: 256,
  },
};
