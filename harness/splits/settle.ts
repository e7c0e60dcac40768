import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { someOf } from '../printable.js';
import { solve, type WishKind } from './solver.js';
import { type Placed, type SplitNote, type SplitPackage, withDependencies } from './split.js';

/** What a rule asks for a module. */
export interface RuleWish {
  kind: WishKind;
  package: string;
  place: RulePlace;
}

export interface SettleInput {
  index: ModuleIndex;
  /** Dependencies first. */
  packages: readonly SplitPackage[];
  wishOf(module: string): RuleWish | undefined;
  ignoreEdges?: ReadonlySet<string>;
}

/**
 * Places every module so that nothing needs a module of a package that need not be installed, and says for each one
 * that ended elsewhere than its rule asked which module pulled it there. A module that cannot be placed stays where
 * it was asked for, with an error: the split is tested as it is.
 */
export function settle(input: SettleInput): { placement: Map<string, Placed>; notes: SplitNote[] } {
  const { index, packages, wishOf } = input;
  const ignored = input.ignoreEdges ?? new Set();
  const names = [...index.modules.keys()];
  const depends = (name: string) => index.modules.get(name)?.depends ?? [];
  const { placed, impossible } = solve({
    packages,
    modules: names,
    depends,
    wish: wishOf,
    ignoreEdges: ignored,
  });

  const below = withDependencies(packages);
  const moved = names.filter((name) => {
    const wish = wishOf(name);
    return wish && placed.get(name) !== wish.package;
  });
  const dependents = dependentsOf(index, new Set(moved), ignored);
  const notes: SplitNote[] = [];
  const placement = new Map<string, Placed>();
  const explain = (name: string, wished: string): string => {
    const pulling = (dependents.get(name) ?? []).filter((user) => {
      const home = placed.get(user);
      return home !== undefined && !below.get(home)?.has(wished);
    });
    if (pulling.length > 0) return `needed by ${listed(pulling, (user) => `${user} in ${placed.get(user)}`)}`;
    const out = depends(name).filter((needed) => {
      const home = placed.get(needed);
      return home !== undefined && !ignored.has(needed) && !below.get(wished)?.has(home);
    });
    if (out.length > 0) return `it needs ${listed(out, (needed) => `${needed} in ${placed.get(needed)}`)}`;
    return 'its dependencies leave it no other place';
  };
  for (const name of names) {
    const wish = wishOf(name);
    const home = placed.get(name);
    if (home === undefined) continue;
    const rule = wish?.place ?? null;
    if (!wish || wish.package === home) placement.set(name, { package: home, rule });
    else placement.set(name, { package: home, rule, wished: wish.package, why: explain(name, wish.package) });
  }
  for (const name of impossible) {
    const wish = wishOf(name);
    const why = wish ? explain(name, wish.package) : 'the modules around it allow no package';
    notes.push({
      id: 'module-unplaceable',
      severity: 'error',
      message: wish
        ? `no package satisfies ${name}: its rule names ${wish.package}, but ${why}`
        : `no package satisfies ${name}: no rule names it, and ${why}`,
      module: name,
      ...(wish ? { place: wish.place, package: wish.package } : {}),
    });
    if (wish) placement.set(name, { package: wish.package, rule: wish.place });
  }
  return { placement, notes };
}

function dependentsOf(
  index: ModuleIndex,
  wanted: ReadonlySet<string>,
  ignored: ReadonlySet<string>,
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const module of index.modules.values()) {
    if (ignored.has(module.name)) continue;
    for (const needed of module.depends) {
      if (!wanted.has(needed)) continue;
      const users = found.get(needed);
      if (users) users.push(module.name);
      else found.set(needed, [module.name]);
    }
  }
  return found;
}

/** The first few, and how many more. */
export function listed<T>(items: readonly T[], show: (item: T) => string): string {
  return someOf(items.map(show), 4);
}
