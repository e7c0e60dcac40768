import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import { wholeTree } from '../modules/set.js';
import type { ScenarioResult } from '../report/result.js';
import type { PreparedImage } from '../run/prepare.js';
import { type Reference, referenceFor } from '../run/reference.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { neededModules, othersFor } from './needs.js';
import { Trials, withoutModules } from './trial.js';

/** One module taken away from one scenario, with all that cannot live without it, and what came of it. */
export interface Mutation {
  scenario: string;
  module: string;
  verdict: ScenarioResult['verdict'];
  /** It turned red, as it should. */
  red: boolean;
  /** The module of the first finding. */
  top: string | null;
  /** That is the module, or something that brings it. */
  named: boolean;
  /** Why not red, or not named; empty for the rest. */
  reason: string;
  /** Green, and there is a reason for it that is no fault of the scenario: something else does the same work. */
  excused: boolean;
}

export interface MutationReport {
  mutations: Mutation[];
  /** Scenarios whose reference does not pass: nothing can be said of them. */
  without: { scenario: string; reason: string }[];
  /** Loaded for devices that no declared disk or NIC depends on, and so not taken away. */
  bystanders: number;
  /** Mutations there would be without a limit. */
  possible: number;
  boots: number;
}

export interface MutateOptions {
  prepared: PreparedImage;
  scenarios: readonly Scenario[];
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Logs of every boot. */
  folder: string;
  jobs: number;
  /** So many mutations at most, spread evenly over all. */
  limit?: number | undefined;
  signal?: AbortSignal | undefined;
  onMutation?: (mutation: Mutation) => void;
}

/** A suite that cannot fail is worthless: takes away what each scenario needs, one module at a time, and looks. */
export async function mutate(options: MutateOptions): Promise<MutationReport> {
  const { scenarios, accelerator, cache, folder, limit, signal } = options;
  const { default: PQueue } = await import('p-queue');
  const prepared = {
    ...options.prepared,
    set: wholeTree(options.prepared.index),
    split: null,
    installSet: null,
  };
  const report: MutationReport = { mutations: [], without: [], bystanders: 0, possible: 0, boots: 0 };
  const wanted: { scenario: Scenario; reference: Reference; module: string }[] = [];
  for (const scenario of scenarios) {
    const where = join(folder, 'reference', scenario.name);
    await mkdir(where, { recursive: true });
    const request = { prepared, scenario, accelerator, cache, folder: where, ...(signal ? { signal } : {}) };
    const { reference } = await referenceFor(request);
    if (reference.verdict !== 'pass') {
      report.without.push({ scenario: scenario.name, reason: reference.reason });
      continue;
    }
    const { needed, bystanders } = neededModules(scenario, reference, prepared.index);
    report.bystanders += bystanders.length;
    wanted.push(...needed.map((module) => ({ scenario, reference, module })));
  }
  report.possible = wanted.length;
  const trials = new Trials({ accelerator, cache, folder, signal });
  const queue = new PQueue({ concurrency: options.jobs });
  await Promise.all(
    sample(wanted, limit ?? wanted.length).map((one) =>
      queue.add(async () => {
        const result = await trials.boot(withoutModules(prepared, [one.module]), one.scenario);
        const mutation = judgeMutation(one.module, result, one.reference, prepared.index);
        report.mutations.push(mutation);
        options.onMutation?.(mutation);
      }),
    ),
  );
  report.boots = trials.count;
  return report;
}

/** `count` of a row, evenly spread. */
function sample<T>(row: readonly T[], count: number): T[] {
  if (count >= row.length) return [...row];
  return Array.from({ length: count }, (_, at) => row[Math.floor((at * row.length) / count)] as T);
}

export function judgeMutation(
  module: string,
  result: Pick<ScenarioResult, 'scenario' | 'verdict' | 'findings' | 'reason'>,
  reference: Reference,
  index: ModuleIndex,
): Mutation {
  const { scenario, verdict, findings } = result;
  const red = verdict !== 'pass';
  const top = findings[0]?.module ?? null;
  const named = red && top !== null && (top === module || closure(index, [top]).includes(module));
  let reason = '';
  let excused = false;
  if (!red) {
    const served = othersFor(module, reference, index).find(({ others }) => others.length > 0);
    excused = served !== undefined;
    reason = served
      ? `${served.others.slice(0, 3).join(', ')} answers ${served.request} as well`
      : 'the scenario does without it';
  } else if (!named) {
    const first = findings[0];
    reason = first
      ? `the first finding is ${first.kind}${first.module ? ` of ${first.module}` : ''}: ${first.evidence.split('\n')[0]}`
      : `no finding; ${result.reason}`;
  }
  return { scenario, module, verdict, red, top, named, reason, excused };
}
