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
  boot: {
    qemu: 'qemu-system-s390x',
    package: 'qemu-system-misc',
    boards: {
      's390-ccw': { machine: 's390-ccw-virtio', pciBus: 'pci.0', css: 'fe.0' },
    },
    cpu: { kvm: 'host', tcg: 'max' },
    // The second SCLP console breaks lines, so the agent uses the kernel log.
    control: null,
    // ttyS1 is the VT220 console on SCLP. A panic does not wait for its buffers unless it is told to (drivers/s390/char/sclp_con.c).
    cmdline: 'console=ttyS1 sclp_con_drop=0 sclp_con_pages=256 loglevel=6 panic=-1',
    directFirmware: [],
    packagedFirmware: null,
    window: null,
  },
};
