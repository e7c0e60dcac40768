/** One measured figure, and what it is held against. */
export interface Figure {
  name: string;
  value: number;
  /** `ms`, `s`, `MiB`, `ratio`, `%`, ... */
  unit: string;
  /** `at most 0.6`; empty where nothing was promised. */
  target: string;
  ok: boolean;
  /** How it came about, or what it is a ratio of. */
  note: string;
}

/** A group of figures that are measured together, so that ratios come from one run. */
export interface Bench {
  name: string;
  /** One sentence. */
  about: string;
  measure(): Promise<Figure[]>;
}

/** A figure that must not be more than `limit`. */
export function atMost(name: string, value: number, unit: string, limit: number, note = ''): Figure {
  return { name, value, unit, target: `at most ${limit}`, ok: value <= limit, note };
}

/** A figure that must not be less than `limit`. */
export function atLeast(name: string, value: number, unit: string, limit: number, note = ''): Figure {
  return { name, value, unit, target: `at least ${limit}`, ok: value >= limit, note };
}

/** A figure that nothing was promised of. */
export function figure(name: string, value: number, unit: string, note = ''): Figure {
  return { name, value, unit, target: '', ok: true, note };
}

/** Milliseconds that `work` takes: the median of `times`. */
export async function milliseconds(work: () => unknown, times = 5): Promise<number> {
  const taken: number[] = [];
  for (let count = 0; count < times; count++) {
    const before = performance.now();
    await work();
    taken.push(performance.now() - before);
  }
  taken.sort((a, b) => a - b);
  return taken[Math.floor(taken.length / 2)] ?? 0;
}
