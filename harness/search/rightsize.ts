import { stat } from 'node:fs/promises';
import { Executor } from '../boot/executor.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Scenario } from '../scenarios/scenario.js';
import { compressedSizes } from '../splits/compressed.js';
import { type Between, betweenOf, bytesOf } from './between.js';
import { type Floors, type FloorsOptions, floorsOf } from './floors.js';
import { type Keepers, readKeepers } from './keep.js';
import type { MinimizedScenario } from './minimize.js';
import { type Move, tradeCurve } from './trade.js';
import { Trials } from './trial.js';

/** Files and bytes of some modules; `total` with vmlinuz, and the initramfs where one was given. */
export interface Weighed {
  modules: number;
  bytes: number;
  /** Compressed with xz one by one; null where that was not measured. */
  xz: number | null;
  total: number;
}

/** A scenario of the profile that does not pass with a set, and the cheapest way to change that. */
export interface Missing {
  scenario: string;
  verdict: string;
  reason: string;
  /** What of its smallest set is not there. */
  modules: string[];
  bytes: number;
}

/** The answer for one module set: how it lies between its floor and everything. */
export interface SetSize {
  /** An install set's name, or what the set was read from. */
  name: string;
  size: Weighed;
  /** Scenarios whose smallest set is in it, or that passed when booted with it. */
  passes: string[];
  missing: Missing[];
  between: Between;
  curve: Move[];
  /** Bytes that could go without losing a scenario or what keep.yaml names. */
  saving: number;
  /** Whether that passes the threshold. */
  worthIt: boolean;
}

export interface RightSize {
  release: string;
  scenarios: string[];
  vmlinuz: number;
  initramfs: number | null;
  floor: Weighed & Floors;
  threshold: number;
  sets: SetSize[];
  /** Nothing about these could be decided. */
  undecided: { scenario: string; reason: string }[];
  folder: string;
}

/** The thread of 2014: one or two megabytes are not worth moving modules between packages, fifty are. */
export const THRESHOLD = 50 * 1024 * 1024;

export interface RightSizeOptions extends Omit<FloorsOptions, 'prepared'> {
  /** One for each set; all of one kernel. */
  variants: readonly [PreparedImage, ...PreparedImage[]];
  threshold?: number | undefined;
  /** Bytes of an initramfs to count. */
  initramfs?: number | undefined;
  /** Measure compressed sizes too, which takes two CPU minutes for a new kernel. */
  compressed?: boolean | undefined;
  /** Instead of the library's keep.yaml. */
  keep?: string | undefined;
}

/** Whether module sets are at the right size for what their machines do, with evidence from boots. */
export async function rightSize(options: RightSizeOptions): Promise<RightSize> {
  const { variants, scenarios, cache, signal, log = () => {}, threshold = THRESHOLD } = options;
  const [first] = variants;
  const { index, kernel } = first;
  const keepers = await readKeepers(index, options.keep);
  const packed = options.compressed
    ? await compressedSizes(index, cache, { log, ...(signal ? { signal } : {}) })
    : undefined;
  const vmlinuz = (await stat(kernel.vmlinuz)).size;
  const weigh = (names: readonly string[]): Weighed => {
    const bytes = bytesOf(index, names);
    const xz = packed ? names.reduce((sum, name) => sum + (packed.get(name)?.xz ?? 0), 0) : null;
    return { modules: names.length, bytes, xz, total: vmlinuz + (options.initramfs ?? 0) + bytes };
  };
  const floors = await floorsOf({ ...options, prepared: first });
  const trials = new Trials(new Executor({ ...options, onNote: log }), options.folder);
  const sets: SetSize[] = [];
  for (const prepared of variants)
    sets.push(await sizeOf(prepared, { floors, keepers, trials, scenarios, threshold, weigh, log }));
  return {
    release: kernel.release,
    scenarios: scenarios.map(({ name }) => name),
    vmlinuz,
    initramfs: options.initramfs ?? null,
    floor: { ...weigh(floors.names), ...floors },
    threshold,
    sets,
    undecided: [...floors.without, ...floors.unproven],
    folder: options.folder,
  };
}

interface Sizing {
  floors: Floors;
  keepers: Keepers;
  trials: Pick<Trials, 'boot'>;
  scenarios: readonly Scenario[];
  threshold: number;
  weigh(names: readonly string[]): Weighed;
  log(sentence: string): void;
}

/** @throws as Trials.boot. */
export async function sizeOf(prepared: PreparedImage, sizing: Sizing): Promise<SetSize> {
  const { floors, keepers, trials, scenarios, threshold, weigh, log } = sizing;
  const { index, split } = prepared;
  const set = new Set(prepared.set.names);
  const name = prepared.installSet?.name ?? prepared.set.source;
  const passes: string[] = [];
  const missing: Missing[] = [];
  for (const floor of floors.scenarios) {
    const lacking = lackingOf(floor, set);
    const scenario = scenarios.find((one) => one.name === floor.scenario);
    if (lacking.length === 0 || !scenario) {
      passes.push(floor.scenario);
      continue;
    }
    // Another module may do the same work: only a boot tells.
    log(`${floor.scenario}: boots with ${name}, which lacks ${lacking.join(', ')}`);
    const { verdict, reason } = await trials.boot(prepared, scenario);
    if (verdict === 'pass') passes.push(floor.scenario);
    else
      missing.push({
        scenario: floor.scenario,
        verdict,
        reason,
        modules: lacking,
        bytes: bytesOf(index, lacking),
      });
  }
  const between = betweenOf({
    index,
    set,
    floor: new Set(floors.scenarios.flatMap((one) => usedOf(one, set))),
    keepers,
    placed: (module) => split?.placement.get(module),
  });
  const passing = floors.scenarios.filter((one) => passes.includes(one.scenario));
  const curve = tradeCurve({
    index,
    set,
    between,
    missing,
    floors: new Map(passing.map((one) => [one.scenario, new Set(usedOf(one, set))])),
  });
  const saving = between.groups.reduce((sum, one) => sum + one.bytes, 0);
  return {
    name,
    size: weigh(prepared.set.names),
    passes,
    missing,
    between,
    curve,
    saving,
    worthIt: saving >= threshold,
  };
}

/** What of a scenario's smallest set is not there; one of the modules that would do instead is as good. */
function lackingOf(floor: MinimizedScenario, set: ReadonlySet<string>): string[] {
  return floor.modules
    .filter(({ module, alternatives }) => !set.has(module) && !alternatives.some((one) => set.has(one)))
    .map(({ module }) => module);
}

/** What of a set a scenario uses: its smallest set, or what stands in for a module that the set lacks. */
function usedOf(floor: MinimizedScenario, set: ReadonlySet<string>): string[] {
  return floor.modules.flatMap(({ module, alternatives }) =>
    set.has(module) ? [module] : alternatives.filter((one) => set.has(one)).slice(0, 1),
  );
}
