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
  boot: {
    qemu: 'qemu-system-riscv64',
    package: 'qemu-system-misc',
    boards: {
      virt: { machine: 'virt', pciBus: 'pcie.0' },
    },
    cpu: { kvm: 'host', tcg: 'rv64' },
    // virt has one 16550; another on PCI needs CONFIG_SERIAL_8250_PCI, which distributions build in.
    control: {
      tty: 'ttyS1',
      args: (chardev) => ['-device', `pci-serial,chardev=${chardev},bus=pcie.0,addr=0x1`],
    },
    cmdline: 'console=ttyS0 loglevel=6 panic=-1',
    // QEMU brings OpenSBI.
    directFirmware: [],
    packagedFirmware: null,
    window: null,
  },
};
