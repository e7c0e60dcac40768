import { userError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import { didYouMean } from '../suggest.js';
import { findPackage, installSet } from './installsets.js';
import type { SizeReport } from './size.js';
import { modulesByPackage, type Split } from './split.js';

/** A limit that is not kept. */
export interface OverBudget {
  /** `vmlinuz`, `initramfs`, `modules`, `total`, `memory`, `package kernel-core` or `install set kernel-core`. */
  what: string;
  limit: number;
  bytes: number;
  /** The ten heaviest modules in it, with the scenarios that are known to need each. */
  contributors: { module: string; bytes: number; scenarios: string[] }[];
}

const WHOLE = ['vmlinuz', 'initramfs', 'modules', 'total', 'memory'] as const;

export interface BudgetInput {
  split: Split;
  index: ModuleIndex;
  size: SizeReport;
  /** More limits than the split's own, as an image file has them: the same names. */
  budgets?: Readonly<Record<string, number>>;
  /** What is installed, where that is less than the full module tree: `modules` and `total` are held to it. */
  installed?: { bytes: number; modules: readonly string[] };
  /** Guest memory in use after boot, where a run has measured it. */
  memory?: number;
  /** Which scenarios need a module, once runs have shown it. */
  neededBy?: ReadonlyMap<string, readonly string[]>;
}

/**
 * The limits of a split and an image that are not kept, in the order in which they are written. What was not measured
 * (no initramfs was built, no guest was booted) is not held against a limit.
 * @throws BootgateError blame `user`, E_BUDGET: limits on what does not exist, all of them.
 */
export function overBudget(input: BudgetInput): OverBudget[] {
  const { split, index, size } = input;
  const contents = modulesByPackage(split, index);
  const inside = input.installed ?? { bytes: size.modules.bytes, modules: [...index.modules.keys()] };
  const over: OverBudget[] = [];
  const hold = (
    what: string,
    limit: number,
    bytes: number | null | undefined,
    modules: readonly string[],
  ) => {
    if (bytes === null || bytes === undefined || bytes <= limit) return;
    over.push({ what, limit, bytes, contributors: heaviest(modules, input) });
  };
  for (const one of split.packages) {
    const weight = size.packages.find(({ name }) => name === one.name);
    if (one.budget !== undefined)
      hold(`package ${one.name}`, one.budget, weight?.bytes, contents.get(one.name) ?? []);
  }
  const budgets = { ...split.budgets, ...input.budgets };
  refuseUnknown(split, Object.keys(budgets));
  for (const [name, limit] of Object.entries(budgets)) {
    switch (name) {
      case 'vmlinuz':
        hold(name, limit, size.vmlinuz, []);
        continue;
      case 'initramfs':
        hold(name, limit, size.initramfs, []);
        continue;
      case 'modules':
        hold(name, limit, inside.bytes, inside.modules);
        continue;
      case 'total':
        hold(name, limit, (size.vmlinuz ?? 0) + (size.initramfs ?? 0) + inside.bytes, inside.modules);
        continue;
      case 'memory':
        hold(name, limit, input.memory, []);
        continue;
    }
    const set = installSet(split, name.split(','), index);
    const modules = set.modules.reduce((sum, module) => sum + (index.modules.get(module)?.bytes ?? 0), 0);
    hold(
      `install set ${set.name}`,
      limit,
      (size.vmlinuz ?? 0) + (size.initramfs ?? 0) + modules,
      set.modules,
    );
  }
  return over;
}

function refuseUnknown(split: Split, budgets: readonly string[]): void {
  const known = [...WHOLE, ...split.packages.map((one) => one.name)];
  const unknown = budgets.filter(
    (name) =>
      !(WHOLE as readonly string[]).includes(name) &&
      name.split(',').some((word) => findPackage(split, word) === undefined),
  );
  if (unknown.length === 0) return;
  const said = unknown.map(
    (name) => `there is nothing named ${name} to set a budget on${didYouMean(name, known)}`,
  );
  throw userError('E_BUDGET', `${split.file}: ${said.join('; ')}`, {
    hint: `a budget is on one of: ${known.join(', ')}`,
  });
}

function heaviest(modules: readonly string[], { index, neededBy }: BudgetInput): OverBudget['contributors'] {
  return modules
    .map((module) => ({
      module,
      bytes: index.modules.get(module)?.bytes ?? 0,
      scenarios: [...(neededBy?.get(module) ?? [])],
    }))
    .sort((a, b) => b.bytes - a.bytes || (a.module < b.module ? -1 : 1))
    .slice(0, 10);
}
