import { resolve } from 'node:path';
import { Cache } from '../cache.js';
import { type ImageOverrides, imageOfKernel, loadImage } from '../image/image-file.js';
import { prepareImages } from '../image/prepare.js';
import { resolveKernel } from '../kernel/resolve.js';
import { openLibrary } from '../library.js';
import { loadModuleIndex } from '../modules/index.js';
import type { Reporter } from '../report/reporter.js';
import { compareRuns } from '../results/compare.js';
import type { RunComparison } from '../results/comparison.js';
import { readRun, type StoredRun } from '../results/read.js';
import { planRun } from '../run/plan.js';
import { runPlan } from '../run/run.js';
import { loadScenarios } from '../scenarios/load.js';
import { loadSplit } from '../splits/read.js';
import type { Split } from '../splits/split.js';
import { chooseAccelerator } from '../vm/accelerator.js';

/** bootgate as a library: what the commands do, with values instead of text. Fields may be added, never renamed. */

export { BootgateError } from '../errors.js';
export type { Reporter } from '../report/reporter.js';
export type { RunComparison } from '../results/comparison.js';
export type { StoredRun } from '../results/read.js';
export type { RunResult } from '../results/run-result.js';
export type { Finding, ScenarioResult, StepResult, Verdict } from '../results/scenario-result.js';
export type { Split } from '../splits/split.js';

/** What every function can be told. */
export interface Common {
  /** The folder of your own project; the nearest upwards with a bootgate.yaml unless given. */
  project?: string;
  /** Where the cache lies; as for the commands unless given. */
  cache?: string;
  /** Sentences for people: what was unpacked, added or left out. */
  log?: (sentence: string) => void;
  signal?: AbortSignal;
}

export interface RunRequest extends Common, ImageOverrides {
  /** A name under images/ or a YAML file; without one the kernel with its full module tree. */
  image?: string;
  /** Patterns of scenarios; those tagged quick unless given. */
  scenarios?: string[];
  tags?: string[];
  /** The results folder; `results` unless given. */
  results?: string;
  accelerator?: 'auto' | 'kvm' | 'tcg';
  jobs?: number;
  reference?: 'always' | 'failures' | 'never';
  retries?: number;
  reporters?: Reporter[];
}

/**
 * Boots an image, one guest for each scenario, as `bootgate run` does: the same folder is written.
 * @returns The run as it can be read back: its folder, and the content of run.json.
 * @throws BootgateError: `blame` says whose fault it is. A kernel that fails is no error but a result.
 */
export async function run(request: RunRequest): Promise<StoredRun> {
  const { image: name, kernel, modules, split, install, signal, log = () => undefined } = request;
  await open(request);
  const cache = new Cache(request.cache, log);
  const overrides = {
    ...(modules ? { modules } : {}),
    ...(split ? { split } : {}),
    ...(install ? { install } : {}),
  };
  const image =
    kernel && !name
      ? await imageOfKernel(kernel, overrides)
      : await loadImage(name ?? 'debian-2014', { ...overrides, ...(kernel ? { kernel } : {}) });
  const plan = planRun(image, await loadScenarios(), request.scenarios ?? [], request.tags);
  const prepared = await prepareImages(image, { cache, log, ...(signal ? { signal } : {}) });
  const [{ kernel: resolved, vmlinux }] = prepared;
  const accelerator = await chooseAccelerator(request.accelerator ?? 'auto', {
    kernel: resolved,
    vmlinux,
    cache,
    ...(signal ? { signal } : {}),
  });
  const { jobs, reference, retries } = request;
  const { result, folder } = await runPlan({
    prepared,
    plan,
    accelerator,
    cache,
    results: resolve(request.results ?? 'results'),
    reporters: request.reporters ?? [],
    warn: log,
    ...(jobs ? { jobs } : {}),
    ...(reference ? { reference } : {}),
    ...(retries ? { retries } : {}),
    ...(signal ? { signal } : {}),
  });
  return { result, folder: folder.path };
}

/**
 * Reads a split of any format that bootgate knows, against a kernel: each module's package, and the line that put it there.
 * @param source A file or folder, a name under splits/, or `packages` for the kernel's own package files.
 */
export async function readSplit(
  source: string,
  options: Common & { kernel: string[]; format?: string },
): Promise<Split> {
  await open(options);
  const { format, log = () => undefined, signal } = options;
  const cache = new Cache(options.cache, log);
  const kernel = await resolveKernel(options.kernel, { cache, log, ...(signal ? { signal } : {}) });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  return loadSplit(source, { kernel, index, cache }, format === undefined ? {} : { format });
}

/** Reads a run back: its folder, its run.json, its id under `results`, or `latest`. */
export function read(where: string, results = 'results'): Promise<StoredRun> {
  return readRun(where, results);
}

/** What changed from one run to another: new failures, what is fixed, sizes, memory, CPU time. */
export function compare(before: StoredRun, after: StoredRun): RunComparison {
  return compareRuns(before.result, after.result);
}

async function open({ project, log }: Common): Promise<void> {
  await openLibrary(project, log ? { log } : {});
}
