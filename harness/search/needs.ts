import type { Reference } from '../boot/reference.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import { aliasesOf, rowsOf } from '../vm/devices/index.js';

/** A need of a scenario: modules of which one at least has to be there. */
export interface NeededModules {
  /** Usually one; several where each of them answers the same request, as crc32c_generic and crc32c_intel do. */
  modules: string[];
  /** The request that they answer, where they do; otherwise they are there because others need their symbols. */
  request: string | null;
  /** Only a softdep has loaded them: what named them may do without (btrfs and its other checksums), or not (ext4 and crc32c). */
  soft: boolean;
}

/** What a scenario's reference boot loaded, parted by whether the scenario asked for it. */
export interface Needs {
  needed: NeededModules[];
  /** Loaded for devices that every machine has and this scenario does not use. */
  bystanders: string[];
}

/** What the declared devices and the steps asked for, with all that this needs by its symbols or names in softdeps. */
export function scenarioNeeds(scenario: Scenario, reference: Reference, index: ModuleIndex): Needs {
  const loaded = new Set(reference.modulesLoaded);
  const needed = new Map<string, NeededModules>();
  const add = (modules: string[], request: string | null, soft = false) => {
    const key = modules.join(' ');
    if (!needed.has(key)) needed.set(key, { modules, request, soft });
  };
  for (const request of [...rowsOf(scenario).flatMap(aliasesOf), ...reference.askedBySteps]) {
    const found = index.resolve(request);
    // Who answers and was not loaded could stand in all the same: it is taken away with the others.
    if (found.kind !== 'modules' || !found.names.some((name) => loaded.has(name))) continue;
    add([...found.names].sort(), request);
    if (found.names.length > 1) continue;
    for (const name of closure(index, found.names))
      if (loaded.has(name) && !found.names.includes(name)) add([name], null);
  }
  // Loaded along with these, so that the kernel never had to ask for them.
  for (const name of [...needed.values()].flatMap(({ modules }) => modules)) {
    const module = index.modules.get(name);
    for (const word of [...(module?.softPre ?? []), ...(module?.softPost ?? [])]) {
      const found = index.resolve(word);
      if (found.kind === 'modules' && found.names.some((one) => loaded.has(one)))
        add([...found.names].sort(), word, true);
    }
  }
  const rows = [...needed.values()].sort((a, b) => (String(a.modules) < String(b.modules) ? -1 : 1));
  const taken = new Set(rows.flatMap(({ modules }) => modules));
  return { needed: rows, bystanders: reference.modulesLoaded.filter((name) => !taken.has(name)) };
}
