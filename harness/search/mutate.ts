import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { guardByCanary } from '../boot/canary.js';
import { type Elsewhere, Executor } from '../boot/executor.js';
import { Forks } from '../boot/forks.js';
import { referenceFor } from '../boot/reference.js';
import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import { wholeTree } from '../modules/set.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { type NeededModules, scenarioNeeds } from './needs.js';
import { Trials, withoutModules } from './trial.js';

/** A need taken away from one scenario, with all that cannot live without it, and what came of it. */
export interface Mutation {
  scenario: string;
  /** One, or all that answer the same request. */
  modules: string[];
  verdict: ScenarioResult['verdict'];
  /** It turned red, as it should. */
  red: boolean;
  /** The module of the first finding. */
  top: string | null;
  /** That is one of the modules, or something that brings one of them. */
  named: boolean;
  /** Why not red, or not named; empty for the rest. */
  reason: string;
  /** Only a softdep asks for it: green is as good as red. */
  soft: boolean;
}

export interface MutationReport {
  mutations: Mutation[];
  /** Scenarios whose reference does not pass: nothing can be said of them. */
  without: { scenario: string; reason: string }[];
  /** Mutations that could not be tried, and why: the host's trouble, which takes nothing from the others. */
  failed: { scenario: string; modules: string[]; reason: string }[];
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
  /** Where guests run, if not on this host. */
  elsewhere?: Elsewhere | undefined;
  /** So many mutations at most, spread evenly over all. */
  limit?: number | undefined;
  /** Every trial is booted from the beginning. */
  cold?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onMutation?: (mutation: Mutation) => void;
  /** What a person should know of how guests are booted. */
  onNote?: (sentence: string) => void;
}

/** A suite that cannot fail is worthless: takes away what each scenario needs, one module at a time, and looks. */
export async function mutate(options: MutateOptions): Promise<MutationReport> {
  const { scenarios, accelerator, cache, folder, limit, signal } = options;
  const executor = new Executor({
    accelerator,
    cache,
    jobs: options.jobs,
    signal,
    forks: options.cold || options.elsewhere ? undefined : new Forks(),
    elsewhere: options.elsewhere,
    onNote: options.onNote,
  });
  const prepared = {
    ...options.prepared,
    set: wholeTree(options.prepared.index),
    split: null,
    installSet: null,
  };
  const report: MutationReport = {
    mutations: [],
    without: [],
    failed: [],
    bystanders: 0,
    possible: 0,
    boots: 0,
  };
  const wanted: { scenario: Scenario; need: NeededModules }[] = [];
  for (const scenario of scenarios) {
    const where = join(folder, 'reference', scenario.name);
    await mkdir(where, { recursive: true });
    const reference = await referenceFor({ prepared, scenario, executor, folder: where }).then(
      (answer) => answer.reference,
      (error: unknown) => {
        signal?.throwIfAborted();
        report.failed.push({ scenario: scenario.name, modules: [], reason: wordsOf(error) });
      },
    );
    if (!reference) continue;
    // The host's trouble is no answer about the suite.
    if (reference.verdict === 'infra') {
      report.failed.push({ scenario: scenario.name, modules: [], reason: reference.reason });
      continue;
    }
    if (reference.verdict !== 'pass') {
      report.without.push({ scenario: scenario.name, reason: reference.reason });
      continue;
    }
    guardByCanary(executor.forks, { prepared, scenario, reference, folder: join(where, 'clone') });
    const { needed, bystanders } = scenarioNeeds(scenario, reference, prepared.index);
    report.bystanders += bystanders.length;
    wanted.push(...needed.map((need) => ({ scenario, need })));
  }
  report.possible = wanted.length;
  const trials = new Trials(executor, folder);
  await Promise.all(
    sample(wanted, limit ?? wanted.length).map(async ({ need, scenario }) => {
      const changed = withoutModules(prepared, need.modules);
      const boot = async (cold: boolean) =>
        judgeMutation(need, await trials.boot(changed, scenario, { cold }), prepared.index);
      const mutation = await boot(false)
        // What speaks against the suite is not left to a clone.
        .then((seen) => (executor.forks && !(seen.red && seen.named) ? boot(true) : seen))
        .catch((error: unknown) => {
          signal?.throwIfAborted();
          report.failed.push({ scenario: scenario.name, modules: need.modules, reason: wordsOf(error) });
        });
      if (!mutation) return;
      report.mutations.push(mutation);
      options.onMutation?.(mutation);
    }),
  );
  report.boots = trials.count + (executor.forks?.canaries ?? 0);
  return report;
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** `count` of a row, evenly spread. */
function sample<T>(row: readonly T[], count: number): T[] {
  if (count >= row.length) return [...row];
  return Array.from({ length: count }, (_, at) => row[Math.floor((at * row.length) / count)] as T);
}

/** Of the mutations that turned red, so many must have the module at the top of the findings. */
const NAMED_TARGET = 0.95;

/** Whether the suite can fail: `yes`, `no`, or `unknown` where nothing was taken away, or not all of it could be tried. */
export function judgeSuite({ mutations, without, failed }: MutationReport): 'yes' | 'no' | 'unknown' {
  const red = mutations.filter((one) => one.red);
  const named = red.filter((one) => one.named);
  const holds =
    without.length === 0 &&
    mutations.every((one) => one.red || one.soft) &&
    named.length >= red.length * NAMED_TARGET;
  if (!holds) return 'no';
  return mutations.length === 0 || failed.length > 0 ? 'unknown' : 'yes';
}

export function judgeMutation(
  { modules, request, soft }: NeededModules,
  result: Pick<ScenarioResult, 'scenario' | 'verdict' | 'findings' | 'reason'>,
  index: ModuleIndex,
): Mutation {
  const { scenario, verdict, findings } = result;
  const red = verdict !== 'pass';
  const top = findings[0]?.module ?? null;
  const brought = top === null ? [] : [top, ...closure(index, [top])];
  const named = red && brought.some((name) => modules.includes(name));
  let reason = '';
  if (!red) {
    if (soft) reason = `only the softdep ${request} asks for it`;
    else if (request) reason = `the scenario passes without an answer to ${request}`;
    else reason = 'the scenario does without all that needs it';
  } else if (!named) {
    const first = findings[0];
    reason = first
      ? `the first finding is ${first.kind}${first.module ? ` of ${first.module}` : ''}: ${first.evidence.split('\n')[0]}`
      : `no finding; ${result.reason}`;
  }
  return { scenario, modules, verdict, red, top, named, reason, soft };
}
