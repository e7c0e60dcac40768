import type { GateInput } from '../gate/gate-input.js';
import type { OverBudget } from '../splits/budgets.js';
import type { Part } from './parts.js';

/**
 * What the gate of the merged run is held to; undefined where the parts are runs without a gate. Agreement was seen to before: only what
 * follows from results differs, the memory budget and which scenarios load a module.
 */
export function mergedGateInput(parts: readonly Part[], now: Date): GateInput | undefined {
  const inputs = parts.flatMap(({ gate }) => gate ?? []);
  const [first] = inputs;
  return first && { ...first, now, overBudget: mergedBudgets(inputs.map(({ overBudget }) => overBudget)) };
}

function mergedBudgets(all: readonly OverBudget[][]): OverBudget[] {
  const byWhat = new Map<string, OverBudget>();
  for (const one of all.flat()) {
    const known = byWhat.get(one.what);
    byWhat.set(one.what, known ? joined(known, one) : one);
  }
  return [...byWhat.values()];
}

/** The larger of two measures of one budget, and all the scenarios that need its modules. */
function joined(a: OverBudget, b: OverBudget): OverBudget {
  const [more, less] = a.bytes >= b.bytes ? [a, b] : [b, a];
  return {
    ...more,
    contributors: more.contributors.map((one) => {
      const other = less.contributors.find(({ module }) => module === one.module);
      return { ...one, scenarios: [...new Set([...one.scenarios, ...(other?.scenarios ?? [])])].sort() };
    }),
  };
}
