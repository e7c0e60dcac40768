import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Executor } from '../boot/executor.js';
import { Forks } from '../boot/forks.js';
import { referenceFor } from '../boot/reference.js';
import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import { forJson } from '../printable.js';
import type { StoredRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import { isKernelsOwn, resultName, type ScenarioResult } from '../results/scenario-result.js';
import { verdictOf, type WholeVerdict } from '../results/verdict.js';
import { runPlan } from '../run/run.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { writeWhole } from '../write-whole.js';
import { type Patch, packageFor, patchFor } from './patch.js';
import type { WantedModule } from './patches/addition.js';
import { candidatesOf, type Remedy, searchRemedy } from './remedy.js';
import { Trials, withModules } from './trial.js';

export interface FixOptions {
  run: StoredRun;
  /** What of it to mend: results that did not pass. */
  failed: readonly ScenarioResult[];
  /** The run's image made again, one for each install set. */
  variants: readonly PreparedImage[];
  scenarios: readonly Scenario[];
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Where the run that proves it goes. */
  results: string;
  /** Boots for each scenario at most. */
  limit: number;
  /** Every trial is booted from the beginning. */
  cold?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** What is being tried, as sentences. */
  log?: (sentence: string) => void;
}

/** One module that comes in. */
export interface AddedModule {
  module: string;
  /** With all that it brings, as far as the set did not have it. */
  bytes: number;
  brings: string[];
  /** Results that need it. */
  neededBy: string[];
  /** What the guest had asked for. */
  evidence: string;
  /** `images/policies/2014.yaml:12` */
  rule?: string;
  /** Of a split: where it was, and where it has to be. */
  from?: string;
  to?: string;
}

export interface Fix {
  /** Every result that was to be mended passes, with the changed file if there is one. */
  verified: boolean;
  added: AddedModule[];
  bytes: number;
  boots: number;
  searches: { result: string; remedy: Remedy }[];
  /** Results that fail with the full module tree as well. */
  kernelsOwn: string[];
  patch: Pick<Patch, 'file' | 'diff' | 'after' | 'files'> | null;
  /** The run that booted the changed image. */
  proof: { id: string; folder: string; verdict: RunResult['verdict'] } | null;
}

/**
 * Looks for what a run's failures need, by booting, and ends with a change to the image's own file and a run of the
 * changed image. Evidence of every boot, and the outcome as fix.json, is kept in RUN/fix/.
 */
export async function fixRun(options: FixOptions): Promise<Fix> {
  const { run, failed, variants, log = () => {} } = options;
  const folder = await makeFolder(run.folder);
  const { accelerator, cache, signal } = options;
  const forks = options.cold ? undefined : new Forks();
  const executor = new Executor({ accelerator, cache, signal, forks, onNote: log });
  const trials = new Trials(executor, folder);
  const kernelsOwn = failed.filter(isKernelsOwn).map(resultName);
  const searches: Fix['searches'] = [];
  const wanted = new Map<string, WantedModule & { evidence: string; prepared: PreparedImage }>();

  for (const result of failed) {
    const prepared = variants.find((one) => one.installSet?.name === result.installSet);
    const scenario = options.scenarios.find((one) => one.name === result.scenario);
    if (!prepared || !scenario || isKernelsOwn(result)) continue;
    const name = resultName(result);
    log(`${name}: ${result.reason}`);
    const remedy = await searchRemedy({
      failed: result,
      already: [...wanted.keys()],
      limit: options.limit,
      boot: async (added) => {
        log(`${name}: boots with ${added.join(', ') || 'what it had'}`);
        const next = await trials.boot(withModules(prepared, added), scenario);
        log(`${name}: ${next.verdict}${next.reason ? `, ${next.reason}` : ''}`);
        return next;
      },
      spare: () => spareModules(prepared, scenario, executor, folder),
    });
    searches.push({ result: name, remedy });
    if (!remedy.verified) continue;
    for (const { module } of candidatesOf(result)) wanted.get(module)?.scenarios.push(name);
    for (const module of remedy.added) {
      const rule = prepared.split?.placement.get(module)?.rule ?? prepared.set.excludedBy.get(module);
      const target = packageFor(prepared, module);
      wanted.set(module, {
        module,
        scenarios: [name],
        prepared,
        evidence: remedy.evidence[module] ?? '',
        ...(rule ? { rule } : {}),
        ...(target ? { package: target } : {}),
      });
    }
  }

  const added = [...wanted.values()].map((one) => describe(one));
  const first = [...wanted.values()][0]?.prepared;
  const patch = first ? await patchFor(first, [...wanted.values()], folder, options.cache) : undefined;
  const mended = new Set(searches.filter(({ remedy }) => remedy.verified).map(({ result }) => result));
  // Cold: what was found by clones is not proven by them.
  const proof =
    mended.size > 0
      ? await prove(
          options,
          new Executor({ accelerator, cache, signal, onNote: log }),
          mended,
          [...wanted.keys()],
          patch,
        )
      : null;
  const all = searches.length > 0 && searches.every(({ result }) => mended.has(result));
  const fix: Fix = {
    verified: all && kernelsOwn.length === 0 && proof?.verdict === 'pass',
    added,
    bytes: first ? bytesOf(first, [...wanted.keys()]) : 0,
    boots: trials.count,
    searches,
    kernelsOwn,
    patch: patch ? { file: patch.file, diff: patch.diff, after: patch.after, files: patch.files } : null,
    proof,
  };
  await writeWhole(join(folder, 'fix.json'), forJson(fix));
  return fix;
}

/** Whether a fix is one: `incomplete` where a change was found and the host did not let it be proven. */
export function verdictOfFix({ verified, kernelsOwn, searches, proof }: Fix): WholeVerdict {
  if (verified) return 'pass';
  const found = kernelsOwn.length === 0 && searches.every(({ remedy }) => remedy.verified);
  return found && proof?.verdict === 'incomplete' ? 'incomplete' : 'fail';
}

/** RUN/fix, or RUN/fix-2 and so on: what an earlier fix has tried stays. */
async function makeFolder(run: string): Promise<string> {
  for (let count = 1; ; count++) {
    const path = join(run, count === 1 ? 'fix' : `fix-${count}`);
    try {
      await mkdir(path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** What the reference loaded and the set lacks, dependencies left out; nothing where the reference does not pass. */
async function spareModules(
  prepared: PreparedImage,
  scenario: Scenario,
  executor: Executor,
  folder: string,
): Promise<string[]> {
  const where = join(folder, 'reference', scenario.name);
  await mkdir(where, { recursive: true });
  const { reference } = await referenceFor({ prepared, scenario, executor, folder: where });
  if (reference.verdict !== 'pass') return [];
  const { index, set } = prepared;
  const names = new Set(set.names);
  const lacking = reference.modulesLoaded.filter((name) => index.modules.has(name) && !names.has(name));
  const brought = new Set(lacking.flatMap((name) => index.modules.get(name)?.depends ?? []));
  return lacking.filter((name) => !brought.has(name));
}

/** Boots the changed image for all that was mended; without a change to a file, the same set put together by hand. */
async function prove(
  options: FixOptions,
  executor: Executor,
  mended: ReadonlySet<string>,
  added: readonly string[],
  patch: Patch | undefined,
): Promise<Fix['proof']> {
  const { failed, scenarios, accelerator, cache, results, signal } = options;
  const affected = failed.filter((one) => mended.has(resultName(one)));
  const sets = new Set(affected.map((one) => one.installSet));
  const variants = (patch?.variants ?? options.variants.map((one) => withModules(one, added))).filter((one) =>
    sets.has(one.installSet?.name),
  );
  const [first, ...rest] = variants;
  if (!first) return null;
  const boots = scenarios.filter(({ name }) => affected.some((one) => one.scenario === name));
  const { result, folder } = await runPlan({
    prepared: [first, ...rest],
    plan: { boots, skips: [] },
    executor,
    accelerator,
    cache,
    results,
    reporters: [],
    reference: 'never',
    latest: false,
    ...(signal ? { signal } : {}),
  });
  const ofThese = result.results.filter((one) => mended.has(resultName(one)));
  const verdict = verdictOf(ofThese, ofThese.length < mended.size);
  return { id: result.id, folder: folder.path, verdict };
}

function describe(one: WantedModule & { evidence: string; prepared: PreparedImage }): AddedModule {
  const { module, scenarios, rule, evidence, prepared } = one;
  const from = prepared.split?.placement.get(module)?.package;
  return {
    module,
    bytes: bytesOf(prepared, [module]),
    brings: missingOf(prepared, [module]).filter((name) => name !== module),
    neededBy: scenarios,
    evidence,
    ...(rule ? { rule: `${rule.file}:${rule.line}` } : {}),
    ...(from ? { from } : {}),
    ...(one.package ? { to: one.package } : {}),
  };
}

function missingOf({ index, set }: PreparedImage, modules: readonly string[]): string[] {
  const names = new Set(set.names);
  return closure(index, modules).filter((name) => !names.has(name));
}

function bytesOf(prepared: PreparedImage, modules: readonly string[]): number {
  return missingOf(prepared, modules).reduce(
    (sum, name) => sum + (prepared.index.modules.get(name)?.bytes ?? 0),
    0,
  );
}
