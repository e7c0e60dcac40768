import type { ModuleIndex } from '../modules/module.js';
import type { Split } from '../splits/split.js';
import { kernelChanges } from './rebase-changes.js';
import { type Suggestion, suggestPackages } from './rebase-suggest.js';

/** How the suggestions compare with where a split puts a newer kernel's modules itself. */
export interface Agreement {
  /** New modules, renamed ones and those that were built in before. */
  fresh: number;
  spoken: number;
  right: number;
  /** Only the suggestions that name a package, which says more where most modules are in none; and how many new modules are in one. */
  placed: { spoken: number; right: number; truth: number };
  wrong: (Suggestion & { truth: string | null })[];
}

/** Hides where `newer` puts the new modules, suggests packages for them from `older` alone, and compares. */
export function measureAgreement(
  older: Split,
  newer: Split,
  from: ModuleIndex,
  to: ModuleIndex,
  least?: number,
): Agreement {
  const changes = kernelChanges(from, to, Number.POSITIVE_INFINITY);
  const { packages, placement, partial } = older;
  const all = suggestPackages({ from, to, changes, packages, placement, partial }, least);
  const wrong = all.flatMap((one) => {
    const truth = newer.placement.get(one.module)?.package ?? null;
    return truth === one.package ? [] : [{ ...one, truth }];
  });
  const fresh = [...changes.arrived, ...changes.renamed.map((one) => one.to), ...changes.modular];
  const named = all.filter((one) => one.package !== null);
  return {
    fresh: fresh.length,
    spoken: all.length,
    right: all.length - wrong.length,
    placed: {
      spoken: named.length,
      right: named.length - wrong.filter((one) => one.package !== null).length,
      truth: fresh.filter((name) => newer.placement.has(name)).length,
    },
    wrong,
  };
}
