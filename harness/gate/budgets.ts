import { userError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { type OverBudget, overBudget } from '../splits/budgets.js';
import { weighSplit } from '../splits/size.js';

const LIMITS = ['vmlinuz', 'initramfs', 'modules', 'total', 'memory'] as const;

/** What was measured so far: before the boots only that budgets are on things that exist can be told. */
export type Measured = Pick<RunResult['image'], 'vmlinuz' | 'initramfs' | 'modules'>;

/**
 * The budgets of an image, and of its split where it has one, that a run does not keep. Guest memory is that of the
 * scenario that used most; which scenarios need a module is what the guests have loaded.
 * @throws BootgateError blame `user`, E_BUDGET: a limit on something that does not exist.
 */
export function budgetsOf(
  variants: readonly [PreparedImage, ...PreparedImage[]],
  measured: Measured,
  results: readonly ScenarioResult[],
): OverBudget[] {
  const [{ image, split, index }] = variants;
  // Of several install sets the largest: that is the one whose modules and initramfs were measured.
  const { set } = variants.reduce((most, one) => (one.set.bytes > most.set.bytes ? one : most));
  const memory = mostMemory(results);
  const neededBy = loadedBy(results);
  if (split) {
    const { vmlinuz, initramfs, modules } = measured;
    const size = weighSplit({ split, index, vmlinuz: vmlinuz.bytes, initramfs: initramfs.bytes });
    return overBudget({
      split,
      index,
      size,
      installed: { bytes: modules.bytes, modules: set.names },
      budgets: image.budgets,
      neededBy,
      ...(memory === undefined ? {} : { memory }),
    });
  }
  const { vmlinuz, initramfs, modules } = measured;
  const sizes: Record<(typeof LIMITS)[number], number | undefined> = {
    vmlinuz: vmlinuz.bytes,
    initramfs: initramfs.bytes,
    modules: modules.bytes,
    total: vmlinuz.bytes + initramfs.bytes + modules.bytes,
    memory,
  };
  const heaviest = set.names
    .map((module) => ({
      module,
      bytes: index.modules.get(module)?.bytes ?? 0,
      scenarios: neededBy.get(module) ?? [],
    }))
    .sort((a, b) => b.bytes - a.bytes || (a.module < b.module ? -1 : 1))
    .slice(0, 10);
  const unknown = Object.keys(image.budgets).filter((what) => !isLimit(what));
  if (unknown.length > 0)
    throw userError(
      'E_BUDGET',
      `${image.file}: there is nothing named ${unknown.join(' or ')} to set a budget on`,
      { hint: `without a split, a budget is on one of: ${LIMITS.join(', ')}` },
    );
  return Object.entries(image.budgets).flatMap(([what, limit]): OverBudget[] => {
    const bytes = isLimit(what) ? sizes[what] : undefined;
    if (bytes === undefined || bytes <= limit) return [];
    const contributors = what === 'modules' || what === 'total' ? heaviest : [];
    return [{ what, limit, bytes, contributors }];
  });
}

const isLimit = (what: string): what is (typeof LIMITS)[number] =>
  (LIMITS as readonly string[]).includes(what);

function mostMemory(results: readonly ScenarioResult[]): number | undefined {
  const used = results.map((one) => one.memory.usedAfterBootBytes).filter((bytes) => bytes > 0);
  return used.length > 0 ? Math.max(...used) : undefined;
}

function loadedBy(results: readonly ScenarioResult[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { scenario, modulesLoaded } of results)
    for (const module of modulesLoaded) {
      const names = found.get(module) ?? [];
      if (!names.includes(scenario)) found.set(module, [...names, scenario]);
    }
  return found;
}
