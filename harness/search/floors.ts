import { Executor } from '../boot/executor.js';
import { keyOf as bootKey } from '../boot/reference.js';
import type { Cache } from '../cache.js';
import { digestOf } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { wholeTree } from '../modules/set.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { type MinimizedScenario, minimizeOne } from './minimize.js';
import { Trials, withNames } from './trial.js';
import { TriedSets } from './tried.js';

/** The smallest module sets of some scenarios on one kernel, and the proof that their union serves all of them. */
export interface Floors {
  scenarios: MinimizedScenario[];
  /** No smallest set: with the full module tree it does not pass either, or the search was not decided. */
  without: { scenario: string; reason: string; undecided: boolean }[];
  /** The union, sorted. */
  names: string[];
  /** Scenarios that failed with the union in a cold boot. */
  unproven: { scenario: string; reason: string }[];
  boots: number;
}

export interface FloorsOptions {
  prepared: PreparedImage;
  scenarios: readonly Scenario[];
  accelerator: AcceleratorChoice;
  cache: Cache;
  folder: string;
  jobs: number;
  signal?: AbortSignal | undefined;
  log?: (sentence: string) => void;
}

/**
 * Finds and proves the floor: `minimize --portable` for each scenario, and the union booted for all of them. A floor that was
 * proven once is remembered for its kernel, scenario, userland and QEMU, and so is the union's pass: a search that was stopped goes on.
 * @throws the reason when aborted.
 */
export async function floorsOf(options: FloorsOptions): Promise<Floors> {
  const { accelerator, cache, folder, jobs, signal, log = () => {} } = options;
  const { index } = options.prepared;
  const prepared = { ...options.prepared, set: wholeTree(index), split: null, installSet: null };
  const executor = new Executor({ accelerator, cache, jobs, signal, onNote: log });
  const tried = new TriedSets(new Trials(executor, folder), folder, { accelerator, cache });
  const found: Floors = { scenarios: [], without: [], names: [], unproven: [], boots: 0 };
  await Promise.all(
    options.scenarios.map(async (scenario) => {
      const key = digestOf('floor 1', await bootKey(prepared, { scenario, accelerator, cache }));
      const known = await cache.recall('floor', key);
      if (known !== null) return void found.scenarios.push(JSON.parse(known) as MinimizedScenario);
      try {
        const search = { prepared, folder, jobs, portable: true, signal, log };
        const one = await minimizeOne(scenario, search, executor, tried);
        if (typeof one === 'string')
          return void found.without.push({ scenario: scenario.name, reason: one, undecided: false });
        if (one.proven && !one.flaky) await cache.keep('floor', key, JSON.stringify(one));
        found.scenarios.push(one);
      } catch (error) {
        signal?.throwIfAborted();
        found.without.push({ scenario: scenario.name, reason: (error as Error).message, undecided: true });
      }
    }),
  );
  found.scenarios.sort((a, b) => (a.scenario < b.scenario ? -1 : 1));
  const modules = found.scenarios.flatMap((one) => one.modules.map(({ module }) => module));
  found.names = [...new Set(modules)].sort();
  const union = withNames(prepared, new Set(found.names));
  for (const scenario of options.scenarios) {
    if (!found.scenarios.some((one) => one.scenario === scenario.name)) continue;
    signal?.throwIfAborted();
    const key = digestOf('floor proof 1', await bootKey(union, { scenario, accelerator, cache }));
    if ((await cache.recall('floor-proof', key)) !== null) continue;
    log(`${scenario.name}: proof with the floor's ${found.names.length} modules`);
    const { verdict, reason } = await tried.boot(prepared, scenario, found.names);
    if (verdict === 'pass') await cache.keep('floor-proof', key, verdict);
    else found.unproven.push({ scenario: scenario.name, reason });
  }
  return { ...found, boots: executor.boots };
}
