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
  boot: {
    qemu: 'qemu-system-aarch64',
    package: 'qemu-system-arm',
    boards: {
      // The best interrupt controller that the accelerator has.
      virt: { machine: 'virt,gic-version=max', pciBus: 'pcie.0' },
    },
    // Newer models than this come with features that kernels of a few years ago do not boot with (52-bit addresses of `max`), and
    // pointer authentication is slow to emulate.
    cpu: { kvm: 'host', tcg: 'cortex-a57' },
    // virt has one PL011 (a second needs QEMU 9.1). A 16550 on PCI needs CONFIG_SERIAL_8250_PCI, which distributions build in; without
    // it the agent uses the kernel log.
    control: {
      tty: 'ttyS0',
      args: (chardev) => ['-device', `pci-serial,chardev=${chardev},bus=pcie.0,addr=0x1`],
    },
    cmdline: 'console=ttyAMA0 loglevel=6 panic=-1',
    directFirmware: [],
    packagedFirmware: {
      paths: [
        '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd',
        '/usr/share/edk2/aarch64/QEMU_EFI.fd',
        '/usr/share/qemu/aavmf-aarch64-code.bin',
      ],
      package: 'qemu-efi-aarch64',
    },
    // What `mem=` or a reserved node keeps from the kernel cannot be read from /dev/mem (arch/arm64/mm/mmap.c,
    // valid_phys_addr_range; devmem_is_allowed).
    window: null,
  },
};
