import { availableParallelism, loadavg } from 'node:os';

/** Milliseconds of CPU time that the loop below takes on the host that the deadlines were made on. */
const REFERENCE_MS = 12;
const ROUNDS = 2_000_000;
const MOST = 8;

let measured: number | undefined;

/**
 * How much slower than the reference this host is right now, 1 to 8: a short CPU loop, measured once for a process,
 * times the load per core. Deadlines are multiplied by it, so that a slow or busy host does not read as a hang.
 */
export function hostFactor(load: number = loadavg()[0] ?? 0, cores: number = availableParallelism()): number {
  measured ??= calibrate();
  const factor = Math.max(1, measured) * Math.max(1, load / cores);
  return Math.min(MOST, factor);
}

/**
 * The best of three, since the first runs before the compiler has seen it. CPU time, not wall time: what
 * others take away is in the load already.
 */
function calibrate(): number {
  const runs = [0, 1, 2].map(() => {
    const before = process.cpuUsage();
    spin();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...runs) / REFERENCE_MS;
}

function spin(): number {
  let x = 1;
  for (let round = 0; round < ROUNDS; round++) x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + round;
  return x;
}
