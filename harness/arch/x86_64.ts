import type { ArchitectureTable } from './table.js';

const MIB = 1024 * 1024;
/** The kernel, its early allocations and the direct map's tables want some memory below the window. */
const LOW = 256 * MIB;

export const x86_64: ArchitectureTable = {
  arch: 'x86_64',
  names: { debian: 'amd64', rpm: 'x86_64', node: 'x64', triplet: 'x86_64-linux-gnu' },
  elf: { machine: 62, class: 64, littleEndian: true },
  libraries: { folders: ['/lib64', '/usr/lib64'], cacheFlags: 0x0303 },
  kernel: {
    // The setup header's magic number: Documentation/arch/x86/boot.rst.
    marks: [{ format: 'bzImage', offset: 0x202, bytes: 'HdrS' }],
    direct: 'pvh',
  },
  boot: {
    qemu: 'qemu-system-x86_64',
    boards: {
      // The board's own AHCI and SMBus are off: every device in the guest is there because a scenario asked for it.
      q35: { machine: 'q35,sata=off,smbus=off,vmport=off', pciBus: 'pcie.0' },
      // i440FX and PIIX3, whose IDE controller is part of the board.
      pc: { machine: 'pc,smbus=off,vmport=off', pciBus: 'pci.0' },
    },
    package: 'qemu-system-x86',
    cpu: { kvm: 'host', tcg: 'max' },
    control: { tty: 'ttyS1', args: (chardev) => ['-serial', `chardev:${chardev}`] },
    // no_timer_check: on a busy host an emulated timer may be late by the few ticks that arch/x86/kernel/apic/io_apic.c,
    // check_timer(), allows, and the kernel panics ("IO-APIC + timer doesn't work!"). Under KVM it skips the check by itself.
    // i8042.*: no keyboard and no mouse, which nobody uses and which cost 0.4 s at a power-off while they are still being probed.
    // A scenario that wants them says so: its own command line comes last (drivers/input/serio/i8042.c, booleans take 0).
    // sysrq_always_enabled, unknown_nmi_panic: a guest that hangs answers a break on its serial port, or an NMI (vm/postmortem.ts).
    cmdline:
      'console=ttyS0 loglevel=6 panic=-1 no_timer_check i8042.nokbd i8042.noaux sysrq_always_enabled unknown_nmi_panic',
    directFirmware: [
      '/usr/share/qemu/qboot.rom',
      '/usr/share/qboot/bios.bin',
      '/usr/local/share/qemu/qboot.rom',
    ],
    packagedFirmware: null,
    window: {
      // q35 ends low memory at 2 GiB when there is more than 2.75 GiB: low + window stay below that, with room above.
      maxBytes: 1280 * MIB,
      // The initramfs lies at the top of memory below 4 GiB (hw/i386/x86.c): it must fit above the window.
      minMemoryMiB: 320,
      layout: (memoryMiB) => ({ low: LOW, base: LOW, high: memoryMiB * MIB - LOW }),
      // kernel-parameters.txt: memmap=nn$ss reserves a region; numa=off because the window is a node for QEMU's sake only.
      cmdline: (layout, windowBytes) => `numa=off memmap=${windowBytes / MIB}M$${layout.base / MIB}M`,
    },
    fork: {
      // xor edi,edi; mov esi,0x5207; mov eax,16; syscall; mov edi,eax; neg edi; mov eax,60; syscall
      reseed: '31ffbe07520000b8100000000f0589c7f7dfb83c0000000f05',
      trialBytes: 16 * MIB,
    },
  },
};
