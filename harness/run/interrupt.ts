import { EXIT } from '../errors.js';

/**
 * Ctrl+C once ends the run in order (guests are told to stop, results so far are written); twice ends it at once.
 * No QEMU outlives us either way: each is started with a parent-death signal.
 */
export function onInterrupt(onFirst: () => void = () => {}): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const handler = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
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
