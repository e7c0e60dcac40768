import type { Architecture } from '../../kernel/kernel.js';
import type { Accelerator } from '../machine.js';

/** Where the pieces of a guest's memory lie when it has a module window; bytes. */
export interface WindowLayout {
  /** Memory below the window. */
  low: number;
  /** Physical address of the window: what the guest is told as `bootgate.window`. */
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

/** What is particular to one architecture. A new one is a new file with one of these, and a line in index.ts. */
export interface ArchitectureTable {
  arch: Architecture;
  /** The program. */
  qemu: string;
  /** Value of -machine, without the accelerator. */
  machine: string;
  cpu: Record<Accelerator, string>;
  /** The agent's UART, as the guest names it; the kernel's console is in `cmdline`. */
  control: string;
  /**
   * What every guest's command line begins with: the console, no reboot loop after a panic (with -no-reboot QEMU
   * ends instead), and messages down to KERN_NOTICE, so that the kernel's first line tells firmware from kernel.
   */
  cmdline: string;
  /** Firmware for a direct boot, best first; with none of them the machine's own is used, which is slower. */
  directFirmware: readonly string[];
  /** The bus with the fixed slots. */
  pciBus: string;
  window: WindowSupport | null;
}
