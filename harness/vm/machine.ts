/** One guest, as data: what it is made of, and what came of it. The argv of QEMU is a pure function of this. */
import type { Architecture } from '../arch/index.js';
import type { DiskBus, NicModel, OtherDevice } from './devices/index.js';

export interface Disk {
  /** Serial number that the guest finds it by: 1 to 20 characters of [A-Za-z0-9-]. */
  serial: string;
  bus: DiskBus;
  /** Absolute path of the raw file behind it. */
  file: string;
}

export interface Nic {
  model: NicModel;
  /** `52:54:00:...`; the guest finds it by this. */
  mac: string;
  /** What answers on 10.0.2.100:9000 inside the guest's network: a TCP port on the host's loopback, or nothing. */
  farEndPort: number | null;
}

/** A folder of the host that the guest sees over virtio 9p. */
export interface Share {
  /** 1 to 16 characters of [a-z0-9]; the guest mounts it by this. */
  tag: string;
  /** Absolute path. */
  folder: string;
}

/**
 * A host file that lies in the guest's physical memory, outside the memory that its kernel manages: the bytes of
 * every module of the tree. The guest reads a module from it when it is first asked for, so that the cost of a boot
 * does not grow with the size of the set. See initramfs/window.ts.
 */
export interface Window {
  /** Absolute path; its size is a multiple of 2 MiB. */
  file: string;
  bytes: number;
}

export interface Machine {
  arch: Architecture;
  /** One of the architecture's boards, by name; its first unless given. */
  board?: string | undefined;
  cpus: number;
  memoryMiB: number;
  /** `direct`: the extracted vmlinux by PVH and qboot. `packaged`: vmlinuz as shipped, through the usual firmware. */
  boot: 'direct' | 'packaged';
  kernel: string;
  initramfs: string;
  /** Kernel command line, without what the architecture adds (console, window). */
  cmdline: string;
  window: Window | null;
  disks: Disk[];
  nics: Nic[];
  shares?: Share[];
  /** What else there is. */
  devices?: OtherDevice[] | undefined;
  /** It is a template, or a clone of one; it has a window then. */
  fork?: Fork;
}

/**
 * Files behind a template's memory, which its clones map as their own and copy page by page as they write. A template has no
 * devices; a clone has the same memory and processors, and no kernel and archive of its own. See template.ts.
 */
export interface Fork {
  kind: 'template' | 'clone';
  /** Memory below and above the window. */
  low: string;
  high: string;
  /** What the guest is told when it wakes; zeros in a template. It lies behind the window. */
  trial: { file: string; bytes: number };
  /** What QEMU has saved of the template's processors and board; for the template itself, a folder that it connects to us in. */
  state: string;
}

export type Accelerator = 'kvm' | 'tcg';

/** Which accelerator a run uses, and the plain sentence why. */
export interface AcceleratorChoice {
  requested: 'auto' | Accelerator;
  used: Accelerator;
  reason: string;
  /** The version of QEMU, where other hosts run it. */
  qemu?: string;
}

/** Where a guest was when it ended or was ended. */
export const PHASES = ['firmware', 'kernel', 'init', 'modules', 'devices', 'steps', 'shutdown'] as const;
export type Phase = (typeof PHASES)[number];

/** How a guest ended, as the monitor saw it. */
export type Ending =
  /** QEMU ended by itself. `shutdown`: why, in QEMU's words: `guest-shutdown` (powered off), `guest-reset` (it rebooted). */
  | { kind: 'exit'; status: number | null; signal: string | null; shutdown?: string }
  /** A deadline passed in `phase`. */
  | { kind: 'deadline'; phase: Phase; limitSeconds: number }
  /** A fatal kernel report was seen; the monitor waited for the whole of it and then killed the guest. */
  | { kind: 'fatal'; title: string }
  /** The console's cap was reached: a guest that floods for ever. */
  | { kind: 'flood'; bytes: number; phase: Phase }
  /** QEMU would not start or died of itself: the host's trouble, with QEMU's own words. */
  | { kind: 'infra'; message: string };

/**
 * Everything that the verdict is made from. `console` and `control` are also written to the guest's folder as
 * console.log and control.log, and the rest as recording.json: an old run can be judged again.
 */
export interface Recording {
  nonce: string;
  /** Raw console bytes, capped (head and tail kept). */
  console: Buffer;
  /** Raw bytes of the second UART, capped. */
  control: Buffer;
  ending: Ending;
  /** Seconds from QEMU's start at which each phase was entered. */
  phases: { phase: Phase; at: number }[];
  seconds: number;
  /** Seconds in which QEMU or bootgate was stopped (standstill.ts); absent where they never were. */
  stoodStill?: number;
  /** QEMU's own CPU time (user + system). */
  cpuSeconds: number;
}
