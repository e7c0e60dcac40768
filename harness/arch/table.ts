/** Names as uname -m prints them. */
export type Architecture = 'x86_64' | 'aarch64' | 'riscv64' | 's390x' | 'ppc64le';

/** Where the pieces of a guest's memory lie when it has a module window; bytes. */
export interface WindowLayout {
  /** Memory below the window. */
  low: number;
  /** Physical address of the window: the guest gets it as `bootgate.window`. */
  base: number;
  /** Memory above it. Never 0: read() of /dev/mem ends at the top of memory (high_memory), so the window lies below it. */
  high: number;
}

export interface WindowSupport {
  /** The largest window; a larger tree goes into the archive. */
  maxBytes: number;
  /** The least memory that a guest with a window can have. */
  minMemoryMiB: number;
  /** Both limits are the caller's to keep. */
  layout(memoryMiB: number): WindowLayout;
  /** Command line that keeps the kernel's hands off the window. */
  cmdline(layout: WindowLayout, windowBytes: number): string;
}

/** One of QEMU's boards. */
export interface Board {
  /** Value of -machine, without the accelerator. */
  machine: string;
  /** The bus with the fixed slots. */
  pciBus: string;
  /** Where virtio devices are on channels instead, as on s390x: the subsystem that they are in, `fe.0`. */
  css?: string;
}

/** A port that no module under test drives, for records alone. */
export interface ControlPort {
  /** As the guest names it. */
  tty: string;
  /** QEMU's arguments that put the chardev behind it. */
  args(chardev: string): string[];
}

export interface PackagedFirmware {
  /** Best first. */
  paths: readonly string[];
  /** Debian's package, for hints. */
  package: string;
}

/** How QEMU boots an architecture. */
export interface BootSupport {
  /** The program. */
  qemu: string;
  /** By the name that a scenario gives it; the first is the one that it gets unless it names another. */
  boards: Readonly<Record<string, Board>>;
  /** Debian's package with the program, for hints. */
  package: string;
  cpu: Readonly<Record<'kvm' | 'tcg', string>>;
  /** Where the agent writes its records; the kernel's console is in `cmdline`. Null: into the kernel log (harness/guest/README.md). */
  control: ControlPort | null;
  /**
   * What every guest's command line begins with: the console, no reboot loop after a panic (with -no-reboot QEMU
   * ends instead), and messages down to KERN_NOTICE, so that the kernel's first line tells firmware from kernel.
   */
  cmdline: string;
  /** Firmware for a direct boot, best first; with none of them the machine's own is used, which is slower. */
  directFirmware: readonly string[];
  /** Firmware that boots vmlinuz as packaged, where that is no part of QEMU; null: the machine's own does it. */
  packagedFirmware: PackagedFirmware | null;
  window: WindowSupport | null;
  /** A guest's memory is a multiple of this; 1 unless given. */
  memoryStepMiB?: number;
  /** What clones of a template need; without, every guest is booted cold. */
  fork?: ForkSupport;
}

export interface ForkSupport {
  /**
   * Machine code, in hexadecimal, of a program that calls ioctl(0, RNDRESEEDCRNG) and exits with the error's number, negated, as its
   * status: neither util-linux nor busybox before 1.36 has one. It must not depend on where it lies.
   */
  reseed: string;
  /** Memory in which a clone is told what it runs: the indexes and the catalogue of its module set, and its scenario. */
  trialBytes: number;
}

/** The formats that harness/kernel/image.ts reads; an ELF file needs no mark, its header names the machine. */
export type ImageFormat = 'bzImage' | 'Image' | 's390' | 'elf';

/** Bytes by which a kernel image is known. */
export interface ImageMark {
  format: Exclude<ImageFormat, 'elf'>;
  offset: number;
  /** Latin-1. */
  bytes: string;
}

/** What is particular to one architecture. A new one is a new file with one of these, and a line in index.ts. */
export interface ArchitectureTable {
  arch: Architecture;
  names: {
    /** dpkg --print-architecture */
    debian: string;
    /** rpm --eval %_arch */
    rpm: string;
    /** process.arch of Node.js */
    node: string;
    /** Debian's folders below /usr/lib */
    triplet: string;
  };
  /** The release of Debian that has its packages, where this machine's may not. */
  debianSuite?: string;
  elf: {
    /** e_machine (elf.h) */
    machine: number;
    class: 32 | 64;
    littleEndian: boolean;
  };
  libraries: {
    /** Folders that ld.so looks into by itself, after the triplet's and before /lib. */
    folders: readonly string[];
    /** Flags of an entry of ld.so.cache: FLAG_ELF_LIBC6 (3) and the architecture's own (glibc, sysdeps/generic/ldconfig.h). */
    cacheFlags: number;
  };
  kernel: {
    marks: readonly ImageMark[];
    /** What QEMU is given for a direct boot: an ELF file with a PVH note, or whatever lay in vmlinuz. */
    direct: 'pvh' | 'as-unpacked';
  };
  /** Null: kernels can be examined but not booted yet. */
  boot: BootSupport | null;
}
