import type { Follower } from './follow.js';
import type { Ending } from './machine.js';
import type { GuestEvent, Monitor } from './monitor.js';
import { Standstill, type StateOf } from './standstill.js';

/** How often the UARTs' files are looked at: a phase is known to this precision, an end at once. */
const TICK_MS = 50;

/**
 * The one loop of a guest: process exit, UART bytes, QMP events, ticks and the abort signal all come in here, one at
 * a time, and each is heard after whatever the guest had said before it.
 */
export class Watch {
  readonly #monitor: Monitor;
  readonly #uarts: { kind: 'console' | 'control'; file: Follower }[];
  readonly #start = performance.now();
  readonly #ticker: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #standstill: Standstill;
  #settle: (ending: Ending) => void = () => {};
  #fail: (reason: unknown) => void = () => {};
  #closed = false;
  /** Rejects with the signal's reason, or with what went wrong while listening. */
  readonly ended: Promise<Ending>;

  constructor(
    monitor: Monitor,
    uarts: { console: Follower; control: Follower },
    signal?: AbortSignal,
    /** QEMU's state, as proc(5) has it. */
    stateOf: StateOf = () => '',
  ) {
    this.#standstill = new Standstill(stateOf);
    this.#monitor = monitor;
    this.#uarts = [
      { kind: 'console', file: uarts.console },
      { kind: 'control', file: uarts.control },
    ];
    this.ended = new Promise<Ending>((settle, fail) => {
      this.#settle = settle;
      this.#fail = fail;
    });
    this.ended.catch(() => {}); // Whoever waits for it hears of it; who was stopped before need not.
    this.#ticker = setInterval(() => {
      this.#standstill.tick(this.#clock);
      this.feed({ kind: 'tick' });
    }, TICK_MS);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  get #clock(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** Since the beginning of the watch, without the time in which it did not run itself. */
  get seconds(): number {
    return this.#clock - this.#standstill.gap;
  }

  /** Seconds in which QEMU or the watch stood still. */
  get stoodStill(): number {
    return this.#standstill.seconds;
  }

  /** After `close` nothing is heard any more: the files are about to be closed. */
  feed(event: GuestEvent): void {
    if (this.#closed) return;
    try {
      for (const { kind, file } of this.#uarts) {
        const bytes = file.read();
        if (bytes) this.#hear({ kind, bytes });
      }
      this.#hear(event);
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#ticker);
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  #hear(event: GuestEvent): void {
    const ending = this.#monitor.handle(event, this.seconds);
    if (ending) this.#settle(ending);
  }

  readonly #abort = () => this.#fail(this.#signal?.reason);
}
