import type { Accelerator, Phase } from './machine.js';

/** Seconds that a guest may spend in a phase on the reference host under KVM; steps: besides their own limits. */
const BASE: Record<Phase, number> = {
  firmware: 10,
  kernel: 40,
  init: 20,
  modules: 60,
  devices: 30,
  steps: 10,
  shutdown: 15,
};

/** Until QEMU has greeted, taken its capabilities and begun: 50 ms, but for a host that swaps. */
const BEGIN_SECONDS = 20;

/** Emulation is some ten times slower than KVM in the kernel; the bases leave room for the rest. */
const ACCELERATOR_SCALE: Record<Accelerator, number> = { kvm: 1, tcg: 4 };

export interface Limits {
  /** Seconds on the host's clock, from the entry into the phase. */
  phase: Record<Phase, number>;
  /** From QEMU's start to the moment that the machine runs. */
  begin: number;
  /** From the first sign of a fatal report to its end at the latest. */
  grace: number;
  /** From its last line to the end: QEMU ends by itself after a panic, and says how. */
  linger: number;
  /** A UART that has said more than this floods. */
  floodBytes: number;
}

export interface LimitOptions {
  accelerator: Accelerator;
  /** See hostfactor.ts. */
  hostFactor: number;
  /** The sum of the steps' own limits, in guest seconds. */
  stepSeconds: number;
  /** Multiplies all of it; 1 unless given. */
  scale?: number;
}

/**
 * The few deadlines that there are, scaled once. A step's own limit is kept inside the guest, whose clock runs with
 * the host's under emulation too: only the host factor stretches those seconds.
 */
export function phaseLimits({ accelerator, hostFactor, stepSeconds, scale = 1 }: LimitOptions): Limits {
  const factor = ACCELERATOR_SCALE[accelerator] * hostFactor * scale;
  const phase = Object.fromEntries(
    Object.entries(BASE).map(([name, seconds]) => [name, factor * seconds]),
  ) as Record<Phase, number>;
  phase.steps += hostFactor * scale * stepSeconds;
  const begin = BEGIN_SECONDS * hostFactor * scale;
  return { phase, begin, grace: 5 * factor, linger: 0.5 * factor, floodBytes: 8 * 1024 * 1024 };
}
