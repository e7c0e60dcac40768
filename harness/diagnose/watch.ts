import type { ConsoleSource } from '../vm/monitor.js';
import { ConsoleScanner } from './console.js';

/** The kernel's last word before init has the machine (init/main.c, run_init_process); rdinit= may name another program. */
const INIT_BEGINS = /^Run \S+ as init process/;

/**
 * What the monitor of a guest wants to know of its console while it runs. It asks the very reader that the judge asks afterwards, so
 * that both see the same reports in the same lines.
 */
export class ConsoleWatch implements ConsoleSource {
  readonly #scanner = new ConsoleScanner();
  initBegan = false;

  push(bytes: Uint8Array): void {
    for (const { text } of this.#scanner.push(bytes)) this.initBegan ||= INIT_BEGINS.test(text);
  }

  end(): void {
    this.#scanner.end();
  }

  get kernelSpoke(): boolean {
    return this.#scanner.kernelSpoke;
  }

  get fatal(): string | null {
    return this.#scanner.fatal?.title ?? null;
  }

  get fatalIsWhole(): boolean {
    return this.#scanner.fatalIsWhole;
  }
}
