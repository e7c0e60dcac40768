import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { guardByCanary } from '../boot/canary.js';
import { type Elsewhere, Executor } from '../boot/executor.js';
import { Forks } from '../boot/forks.js';
import { referenceFor } from '../boot/reference.js';
import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { wholeTree } from '../modules/set.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { type Asked, cpuBound, type Guess, guessOf, whoAsked } from './guess.js';
import { Ledger } from './ledger.js';
import { type Smallest, smallest } from './smallest.js';
import { Trials } from './trial.js';
import { type Tried, TriedSets } from './tried.js';

export interface MinimizeOptions {
  prepared: PreparedImage;
  scenarios: readonly Scenario[];
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Logs of every boot, and trials.jsonl. */
  folder: string;
  /** The folder of a search that was stopped, to go on with. */
  earlier?: string | undefined;
  jobs: number;
  /** Where guests run, if not on this host. */
  elsewhere?: Elsewhere | undefined;
  /** Of modules that can stand in for each other, keep the one that does not depend on the processor. */
  portable: boolean;
  /** Every trial is booted from the beginning. */
  cold?: boolean | undefined;
  signal?: AbortSignal | undefined;
  log?: (sentence: string) => void;
}

/** One module of a smallest set. */
export interface KeptModule {
  module: string;
  bytes: number;
  asked: Asked;
  /** How the scenario ended without it; null for a module that is needed because another one is. */
  without: string | null;
  /** Modules that would do instead: another one that answers the same request, seen to pass in its place. */
  alternatives: string[];
}

export interface MinimizedScenario {
  scenario: string;
  modules: KeptModule[];
  /** Each module was tried without, or is needed by one that was. */
  proven: boolean;
  flaky: boolean;
  trials: number;
  /** Contradictions, as sentences. */
  notes: string[];
}

export interface Minimized {
  /** Every scenario passes with `names`, and none can do with fewer of its own. */
  verified: boolean;
  interrupted: boolean;
  scenarios: MinimizedScenario[];
  /** No smallest set: with the full module tree it does not pass either, or the host did not let it run. */
  without: { scenario: string; reason: string; undecided: boolean }[];
  /** The union, sorted. */
  names: string[];
  bytes: number;
  /** The image's own set. */
  of: { count: number; bytes: number };
  /** Cold boots of the union. */
  proof: Pick<Tried, 'scenario' | 'verdict' | 'reason'>[];
  boots: number;
  remembered: number;
  folder: string;
}

/** The smallest module set with which the scenarios pass: one search for each, then the union booted for all of them. */
export async function minimize(options: MinimizeOptions): Promise<Minimized> {
  const {
    prepared,
    scenarios,
    accelerator,
    cache,
    folder,
    jobs,
    signal,
    elsewhere,
    log = () => {},
  } = options;
  const forks = options.cold || elsewhere ? undefined : new Forks();
  const executor = new Executor({ accelerator, cache, jobs, signal, forks, elsewhere, onNote: log });
  const trials = new Trials(executor, folder);
  const tried = new TriedSets(trials, folder, { accelerator, cache }, options.earlier);
  const { index, set } = prepared;
  const done: MinimizedScenario[] = [];
  const without: Minimized['without'] = [];
  await Promise.all(
    scenarios.map(async (scenario) => {
      try {
        const one = await minimizeOne(scenario, options, executor, tried);
        if (typeof one === 'string') without.push({ scenario: scenario.name, reason: one, undecided: false });
        else done.push(one);
      } catch (error) {
        if (signal?.aborted) return;
        without.push({ scenario: scenario.name, reason: (error as Error).message, undecided: true });
      }
    }),
  );
  done.sort((a, b) => (a.scenario < b.scenario ? -1 : 1));
  const names = [...new Set(done.flatMap(({ modules }) => modules.map(({ module }) => module)))].sort();
  const proof: Minimized['proof'] = [];
  // Always cold, and a boot of its own: what was found by trials is not proven by one of them.
  for (const scenario of scenarios.filter(({ name }) => done.some((one) => one.scenario === name))) {
    if (signal?.aborted) break;
    log(`${scenario.name}: proof with ${count(names.length)}`);
    const last = await tried.boot(prepared, scenario, names, { cold: true }).catch((error: unknown) => {
      if (!signal?.aborted)
        without.push({ scenario: scenario.name, reason: (error as Error).message, undecided: true });
    });
    if (!last) continue;
    proof.push({ scenario: last.scenario, verdict: last.verdict, reason: last.reason });
    if (last.verdict === 'fail' && forks?.mayFork({ prepared, scenario })) log(otherwise(last));
  }
  return {
    verified:
      done.length === scenarios.length &&
      done.every(({ proven, flaky }) => proven && !flaky) &&
      proof.length === done.length &&
      proof.every(({ verdict }) => verdict === 'pass'),
    interrupted: signal?.aborted ?? false,
    scenarios: done,
    without,
    names,
    bytes: names.reduce((sum, name) => sum + (index.modules.get(name)?.bytes ?? 0), 0),
    of: { count: set.names.length, bytes: set.bytes },
    proof,
    boots: executor.boots + (forks?.canaries ?? 0),
    remembered: tried.remembered,
    folder,
  };
}

/**
 * The search for one scenario, without the proof.
 * @returns a sentence where there is no smallest set. @throws host errors of a trial.
 */
export async function minimizeOne(
  scenario: Scenario,
  {
    prepared,
    folder,
    jobs,
    portable,
    signal,
    log = () => {},
  }: Pick<MinimizeOptions, 'prepared' | 'folder' | 'jobs' | 'portable' | 'signal' | 'log'>,
  executor: Executor,
  tried: TriedSets,
): Promise<MinimizedScenario | string> {
  const { index } = prepared;
  const where = join(folder, 'reference', scenario.name);
  await mkdir(where, { recursive: true });
  const { reference } = await referenceFor({ prepared, scenario, executor, folder: where });
  if (reference.verdict !== 'pass') return `fails with the full module tree: ${reference.reason}`;
  const whole = { ...prepared, set: wholeTree(index), split: null, installSet: null };
  guardByCanary(executor.forks, { prepared: whole, scenario, reference, folder: join(where, 'clone') });
  const guess = guessOf(scenario, reference, index);
  const outcomes = new Map<string, Tried>();
  const ledger = new Ledger(async (names) => {
    const one = await tried.boot(prepared, scenario, names);
    outcomes.set([...names].sort().join(' '), one);
    log(`${scenario.name}: ${one.verdict} with ${count(names.length)}`);
    return one.verdict === 'pass';
  });
  const best: { names?: readonly string[] } = {};
  const bound = portable ? cpuBound(index) : new Set<string>();
  const bytes = (name: string) => index.modules.get(name)?.bytes ?? 0;
  const depends = (name: string) => index.modules.get(name)?.depends ?? [];
  const found = await smallest({
    depends,
    starts: guess.starts,
    suspected: new Set(guess.starts[0]),
    order: (a, b) => Number(bound.has(b)) - Number(bound.has(a)) || bytes(b) - bytes(a) || (a < b ? -1 : 1),
    jobs,
    passes: ledger.passes,
    mayGoOn: () => !signal?.aborted,
    onBetter: (names) => {
      best.names = names;
    },
  }).catch((error: unknown): Smallest => {
    if (signal?.aborted && best.names) return { names: [...best.names].sort(), roots: [], proven: false };
    throw error;
  });
  if (!found) return 'passed with the full module tree in the reference boot, and not again';
  const alternatives = await standIns(found.names, found.roots, guess.needs, prepared, ledger, signal);
  return {
    scenario: scenario.name,
    modules: found.names.map((module): KeptModule => {
      const rest = found.names.filter((name) => name !== module).join(' ');
      return {
        module,
        bytes: bytes(module),
        asked: whoAsked(module, { scenario, needs: guess.needs, kept: found.names, index }),
        without: found.roots.includes(module) ? (outcomes.get(rest)?.reason ?? null) : null,
        alternatives: alternatives.get(module) ?? [],
      };
    }),
    proven: found.proven,
    flaky: ledger.flaky,
    trials: ledger.trials,
    notes: [...ledger.notes],
  };
}

/** Which of those that answer the same request would do in a root's place. */
async function standIns(
  names: readonly string[],
  roots: readonly string[],
  needs: Guess['needs'],
  { index }: PreparedImage,
  ledger: Ledger,
  signal: AbortSignal | undefined,
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const root of roots) {
    const others = new Set(
      needs.filter(({ modules }) => modules.includes(root)).flatMap(({ modules }) => modules),
    );
    for (const other of others) {
      if (names.includes(other) || signal?.aborted) continue;
      const swapped = [
        ...new Set([
          ...names.filter((name) => name !== root),
          other,
          ...(index.modules.get(other)?.depends ?? []),
        ]),
      ];
      const passes = await ledger.passes(swapped).catch((error: unknown) => {
        if (signal?.aborted) return false;
        throw error;
      });
      if (passes) found.set(root, [...(found.get(root) ?? []), other]);
    }
  }
  return found;
}

/** Each of the sets that were put together passed, as clones. */
const otherwise = ({ scenario, reason }: Tried): string =>
  `${scenario} passed as a clone and fails cold, which is a bug of bootgate: please report it, and search with --cold (${reason})`;

const count = (modules: number): string => (modules === 1 ? 'one module' : `${modules} modules`);
