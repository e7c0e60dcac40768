import type { ConsoleLine } from './lines.js';

/** The kernel's first line, whose form no version has changed (init/version-timestamp.c, linux_banner). */
const BANNER = /^Linux version \d/;

/**
 * Tells the kernel's lines from a program's on one console. Where the kernel's lines carry timestamps (printk.time, on in every distribution's
 * kernel), a line without one is a program's, whatever it says. Until the first timestamp, or the banner without one, any line may be the kernel's.
 */
export class Speaker {
  #stamps: boolean | null = null;
  /** A line has come that is surely the kernel's. */
  kernelSpoke = false;

  /** Whether the kernel may have said it. Lines must be given in their order. */
  mayBeKernel({ text, stamped }: ConsoleLine): boolean {
    if (stamped || (this.#stamps === null && BANNER.test(text))) {
      this.kernelSpoke = true;
      this.#stamps ??= stamped;
    }
    return stamped || this.#stamps !== true;
  }
}
