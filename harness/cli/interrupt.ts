import { EXIT } from '../errors.js';

let caught = false;

/**
 * Whether this process was asked to end. Whatever is thrown after that (a tool cut short, a download given up) is what
 * ending in order looks like from below: no error to report.
 */
export const wasInterrupted = (): boolean => caught;

/**
 * Ctrl+C once ends the run in order (guests are told to stop, results so far are written); twice ends it at once.
 * No QEMU outlives us either way: each is started with a parent-death signal.
 */
export function onInterrupt(onFirst: () => void = () => {}): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const handler = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    caught = true;
    onFirst();
    controller.abort(new Error('interrupted'));
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, handler);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, handler);
    },
  };
}
