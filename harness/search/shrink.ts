import { isolate } from './isolate.js';

/**
 * A subset of `items` that still passes and from which (boots permitting) none can be left out. `items` itself is known to
 * pass, and nothing at all to fail.
 */
export function shrink<T>(
  items: readonly T[],
  mayGoOn: () => boolean,
  passes: (fewer: T[]) => Promise<boolean>,
): Promise<T[]> {
  return isolate({ changes: items, mayGoOn, passes: (fewer) => passes([...fewer]) });
}
