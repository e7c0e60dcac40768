import type { Reference } from '../boot/reference.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import { aliasesOf, rowsOf } from '../vm/devices/index.js';
import { type NeededModules, scenarioNeeds } from './needs.js';

/** What evidence says of the smallest set, before any trial. */
export interface Guess {
  needs: NeededModules[];
  /** The needs, closed; then all that the reference loaded; then the full tree. Each is only tried where the one before fails. */
  starts: string[][];
}

export function guessOf(scenario: Scenario, reference: Reference, index: ModuleIndex): Guess {
  const { needed } = scenarioNeeds(scenario, reference, index);
  const likely = closure(
    index,
    needed.flatMap(({ modules }) => modules),
  );
  const loaded = closure(index, [
    ...likely,
    ...reference.modulesLoaded.filter((name) => index.modules.has(name)),
  ]);
  return { needs: needed, starts: [likely, loaded, [...index.modules.keys()]] };
}

/** Who asked for a module of the smallest set. */
export interface Asked {
  by: 'device' | 'step' | 'softdep' | 'module' | 'unknown';
  /** The alias or request; the modules that need its symbols. */
  request: string;
}

export function whoAsked(
  module: string,
  {
    scenario,
    needs,
    kept,
    index,
  }: { scenario: Scenario; needs: Guess['needs']; kept: string[]; index: ModuleIndex },
): Asked {
  const devices = new Set(rowsOf(scenario).flatMap(aliasesOf));
  const asks = needs.filter((need) => need.request !== null && need.modules.includes(module));
  const need = asks.find(({ soft }) => !soft) ?? asks[0];
  if (need?.request) {
    if (need.soft) return { by: 'softdep', request: need.request };
    return { by: devices.has(need.request) ? 'device' : 'step', request: need.request };
  }
  const users = kept.filter((name) => name !== module && index.modules.get(name)?.depends.includes(module));
  if (users.length > 0) return { by: 'module', request: users.join(', ') };
  return { by: 'unknown', request: '' };
}

/** Modules that only some processors can use: depmod lists a CPU alias for them (`cpu:type:x86,...`). */
export function cpuBound({ texts }: Pick<ModuleIndex, 'texts'>): Set<string> {
  return new Set([...texts.alias.matchAll(/^alias (?:x86)?cpu:\S+ (\S+)$/gm)].map(([, name = '']) => name));
}
