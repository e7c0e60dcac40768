/** What is asked of a process: proc(5), the third field of stat. */
export type StateOf = () => string;

/** So far apart are two ticks of the watch only where bootgate itself did not run. They are due each 50 ms. */
const GAP_SECONDS = 5;
const LOOK_SECONDS = 0.5;

/**
 * Whether a guest was given its time: QEMU may be stopped by a signal, and bootgate too, by Ctrl-Z, a frozen container or a terminal that
 * takes no more (Ctrl-S). The guest's clock goes on meanwhile, so that limits pass of which no part was the guest's.
 */
export class Standstill {
  readonly #stateOf: StateOf;
  #lastTick = 0;
  #lastLook = 0;
  /** Seconds in which the watch did not run. No deadline counts them. */
  gap = 0;
  /** Seconds in which QEMU was stopped, to half a second. */
  stopped = 0;

  constructor(stateOf: StateOf) {
    this.#stateOf = stateOf;
  }

  /** @param now Seconds of a clock that only goes forward. */
  tick(now: number): void {
    const since = now - this.#lastTick;
    this.#lastTick = now;
    if (since > GAP_SECONDS) this.gap += since;
    if (now - this.#lastLook < LOOK_SECONDS) return;
    // T: by a signal, t: by a tracer.
    if (/^[Tt]/.test(this.#stateOf())) this.stopped += Math.min(now - this.#lastLook, 2 * LOOK_SECONDS);
    this.#lastLook = now;
  }

  get seconds(): number {
    return this.gap + this.stopped;
  }
}
