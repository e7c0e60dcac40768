import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';

/** One step on the way from the bad set to the good one. */
export interface Change {
  module: string;
  kind: 'add' | 'remove';
}

/** The two sets of a bisect, of one tree. */
export interface Sides {
  index: ModuleIndex;
  good: ReadonlySet<string>;
  bad: ReadonlySet<string>;
}

/**
 * All changes that make the bad set the good one: what comes in, dependencies first, and of the likely ones before all others; then
 * what goes out, dependents first. So each row of them from the start is closed as both sets are.
 */
export function changesOf({ index, good, bad }: Sides, likely: readonly string[] = []): Change[] {
  const order = closure(index, [...likely, ...index.modules.keys()]);
  const added = order.filter((name) => good.has(name) && !bad.has(name));
  const removed = order.filter((name) => bad.has(name) && !good.has(name)).reverse();
  return [
    ...added.map((module): Change => ({ module, kind: 'add' })),
    ...removed.map((module): Change => ({ module, kind: 'remove' })),
  ];
}

/** The bad set with some changes: a module comes with what it needs of the good set, and goes with what needs it. */
export function withChanges({ index, good, bad }: Sides, changes: readonly Change[]): string[] {
  return changed(index, bad, good, modulesOf(changes, 'add'), modulesOf(changes, 'remove'));
}

/** The good set with some changes taken back. */
export function withoutChanges({ index, good, bad }: Sides, changes: readonly Change[]): string[] {
  return changed(index, good, bad, modulesOf(changes, 'remove'), modulesOf(changes, 'add'));
}

const modulesOf = (changes: readonly Change[], kind: Change['kind']): string[] =>
  changes.filter((one) => one.kind === kind).map(({ module }) => module);

function changed(
  index: ModuleIndex,
  from: ReadonlySet<string>,
  towards: ReadonlySet<string>,
  added: readonly string[],
  removed: readonly string[],
): string[] {
  const names = new Set([...from, ...closure(index, added).filter((name) => towards.has(name))]);
  const out = new Set(removed);
  const needsOne = (name: string) => index.modules.get(name)?.depends.some((need) => out.has(need));
  return [...names].filter((name) => !out.has(name) && !needsOne(name)).sort();
}
