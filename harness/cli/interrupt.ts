import { EXIT } from '../errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The work that has to be ended in order; without any, a signal ends the process at once. */
const working = new Set<() => void>();
let caught = false;

/**
 * Whether this process was asked to end. Whatever is thrown after that (a tool cut short, a download given up) is what
 * ending in order looks like from below: no error to report.
 */
export const wasInterrupted = (): boolean => caught;

/** Called once, before anything is loaded: from then on no signal ends the process by itself. */
export function catchSignals(): void {
  for (const name of SIGNALS)
    process.on(name, () => {
      if (caught || working.size === 0) process.exit(EXIT.interrupted);
      caught = true;
      for (const stop of working) stop();
    });
}

/**
 * The first Ctrl+C ends the work in order (guests are asked to stop, results so far are written); the second ends it at once.
 * No QEMU outlives us either way: each is started with a parent-death signal.
 */
export function onInterrupt(onFirst: () => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = () => {
    onFirst();
    controller.abort(new Error('interrupted'));
  };
  working.add(stop);
  return { signal: controller.signal, release: () => working.delete(stop) };
}
