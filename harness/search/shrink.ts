const FEW = 4;

/**
 * A subset of `items` that still passes and from which (boots permitting) none can be left out: delta debugging by halves,
 * then by ever smaller parts. `items` itself is known to pass. Zeller and Hildebrandt, "Simplifying and
 * Isolating Failure-Inducing Input", 2002, the complements only.
 */
export async function shrink<T>(
  items: readonly T[],
  mayGoOn: () => boolean,
  passes: (fewer: T[]) => Promise<boolean>,
): Promise<T[]> {
  let kept = [...items];
  // Halves of a few are hardly ever enough: these are left out one by one.
  let parts = kept.length <= FEW ? kept.length : 2;
  while (kept.length > 1 && mayGoOn()) {
    const size = Math.ceil(kept.length / parts);
    let smaller: T[] | undefined;
    for (let from = 0; from < kept.length && mayGoOn(); from += size) {
      const fewer = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (await passes(fewer)) {
        smaller = fewer;
        break;
      }
    }
    if (smaller) {
      kept = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(kept.length, parts * 2);
  }
  return kept;
}
