import type { ModuleIndex } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import { answersTo, type NeedsTable } from './needs-table.js';
import type { Rebase } from './rebase.js';

/** A scenario that a change can touch, and by which modules; none where nothing is recorded of it. */
export interface Touched {
  scenario: string;
  modules: string[];
}

/** Modules that are not what they were: by the kernel, or by where the split now puts them. Growth alone breaks nothing. */
export function changedModules({ changes, rehomed, unplaced, broken }: Rebase): Set<string> {
  return new Set([
    ...changes.arrived,
    ...changes.gone,
    ...changes.renamed.flatMap(({ from, to }) => [from, to]),
    ...changes.moved.map(({ module }) => module),
    ...changes.builtIn,
    ...changes.modular,
    ...changes.dependencies.map(({ module }) => module),
    ...rehomed.map(({ module }) => module),
    ...unplaced.map(({ module }) => module),
    ...broken.flatMap(({ module }) => module ?? []),
  ]);
}

/**
 * Which scenarios changed modules can touch: those that needed one on the older kernel, and those whose requests come to one on the
 * newer kernel. A scenario of which nothing is recorded may be touched.
 */
export function touchedBy(
  changed: ReadonlySet<string>,
  scenarios: readonly Scenario[],
  table: NeedsTable,
  to: ModuleIndex,
): Touched[] {
  return scenarios.flatMap(({ name }) => {
    const needs = table.scenarios[name];
    if (!needs) return [{ scenario: name, modules: [] }];
    const all = new Set([...Object.keys(needs.modules), ...answersTo(needs.requests, to)]);
    const modules = [...all].filter((module) => changed.has(module)).sort();
    return modules.length > 0 ? [{ scenario: name, modules }] : [];
  });
}
