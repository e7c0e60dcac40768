import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Cache } from '../cache.js';
import { BootgateError, EXIT } from '../errors.js';
import { buildInitramfs } from '../initramfs/build.js';
import { writeRunJson } from '../report/json.js';
import { writeJunit } from '../report/junit.js';
import { type Reporter, safely } from '../report/reporter.js';
import { type RunResult, type ScenarioResult, VERDICTS, type Verdict } from '../report/result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { AdmissionGate } from './admission.js';
import { bootScenario } from './boot.js';
import { makeRunFolder, pointLatest, type RunFolder, scenarioFolder } from './folder.js';
import { hostCapacity } from './host.js';
import type { Plan } from './plan.js';
import type { PreparedImage } from './prepare.js';

export interface RunOptions {
  prepared: PreparedImage;
  plan: Plan;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** The results folder. */
  results: string;
  /** Guests at once; as many as cores and memory allow unless given. */
  jobs?: number;
  reporters: Reporter[];
  signal?: AbortSignal;
  log?: (folder: string) => Promise<Logger>;
}

/** How often a guest is started anew when the host, not the kernel, was at fault. */
const INFRA_ATTEMPTS = 2;

/** Boots every scenario of a plan, each judged by itself, and writes the run's folder. */
export async function runPlan(options: RunOptions): Promise<{ result: RunResult; folder: RunFolder }> {
  const { prepared, plan, results } = options;
  const started = new Date();
  const cpuBefore = process.cpuUsage();
  const clock = performance.now();
  const folder = await makeRunFolder(results, prepared.image.name, started);
  const logger = await options.log?.(folder.path);
  const reporter = safely(options.reporters, (error) => logger?.warn({ err: error }, 'a reporter failed'));
  const image = await describeImage(prepared, options.cache);
  const finished: ScenarioResult[] = plan.skips.map(({ scenario, reason }) => skipped(scenario, reason));

  reporter.onRunStart?.({
    id: folder.id,
    folder: folder.path,
    image,
    accelerator: options.accelerator,
    scenarios: plan.boots.map((scenario) => scenario.name),
  });
  for (const result of finished) reporter.onResult?.(result);
  logger?.info({ id: folder.id, image, accelerator: options.accelerator }, 'run started');

  await bootAll(options, folder, reporter, logger, (result) => {
    finished.push(result);
    reporter.onResult?.(result);
    logger?.info({ scenario: result.scenario, verdict: result.verdict, seconds: result.seconds }, 'judged');
  });

  const order = new Map(
    [...plan.boots, ...plan.skips.map((skip) => skip.scenario)].map((one, at) => [one.name, at]),
  );
  finished.sort((a, b) => (order.get(a.scenario) ?? 0) - (order.get(b.scenario) ?? 0));
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const result of finished) counts[result.verdict]++;
  const cpu = process.cpuUsage(cpuBefore);
  const result: RunResult = {
    schema: 'bootgate/run@1',
    id: folder.id,
    verdict: verdictOf(counts, finished.length < plan.boots.length + plan.skips.length),
    started: started.toISOString(),
    seconds: (performance.now() - clock) / 1000,
    cpuSeconds: {
      harness: (cpu.user + cpu.system) / 1e6,
      qemu: finished.reduce((sum, one) => sum + one.cpuSeconds, 0),
    },
    accelerator: options.accelerator,
    image,
    additions: prepared.set.additions,
    counts,
    results: finished,
  };
  await writeRunJson(folder.path, result);
  await writeJunit(folder.path, result);
  await pointLatest(results, folder.id);
  reporter.onRunEnd?.(result);
  logger?.info({ verdict: result.verdict, counts }, 'run ended');
  return { result, folder };
}

/** Side by side, as many as fit, the heaviest first: the last guest to end is then a light one. */
async function bootAll(
  options: RunOptions,
  folder: RunFolder,
  reporter: Reporter,
  logger: Logger | undefined,
  onResult: (result: ScenarioResult) => void,
): Promise<void> {
  const { default: PQueue } = await import('p-queue');
  const capacity = hostCapacity(
    options.jobs,
    Math.max(1, ...options.plan.boots.map((scenario) => scenario.cpus)),
  );
  const gate = new AdmissionGate(capacity);
  const queue = new PQueue({ concurrency: options.jobs ?? Math.max(1, capacity.cpus) });
  const broken = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, broken.signal]) : broken.signal;
  const boots = options.plan.boots.map((scenario) =>
    queue.add(
      async () => {
        if (signal.aborted) return;
        const weight = { memoryMiB: scenario.memoryMiB + QEMU_OVERHEAD_MIB, cpus: scenario.cpus };
        const result = await gate.run(weight, () =>
          bootWithRetry({ ...options, signal }, folder, scenario, reporter, logger),
        );
        if (result) onResult(result);
      },
      { priority: heaviness(scenario) },
    ),
  );
  try {
    await Promise.all(boots);
  } catch (error) {
    broken.abort(error);
    await Promise.allSettled(boots);
    throw error;
  }
}

/** A packaged boot decompresses its kernel and takes about three times as long as a direct one. */
function heaviness(scenario: Scenario): number {
  return (scenario.boot === 'packaged' ? 3 : 1) * scenario.memoryMiB;
}

/** What a guest costs beyond its own memory: QEMU itself and its translation cache, as measured under TCG. */
const QEMU_OVERHEAD_MIB = 192;

/** A guest that the host let down is started anew; a guest that failed is not. */
async function bootWithRetry(
  options: RunOptions,
  run: RunFolder,
  scenario: Scenario,
  reporter: Reporter,
  logger: Logger | undefined,
): Promise<ScenarioResult | undefined> {
  for (let attempt = 1; ; attempt++) {
    const relativeFolder = scenarioFolder(run, scenario.name, attempt);
    const folder = join(run.path, relativeFolder);
    let result: ScenarioResult;
    reporter.onGuestStart?.(scenario.name);
    try {
      await mkdir(folder, { recursive: true });
      result = await bootScenario({
        prepared: options.prepared,
        scenario,
        accelerator: options.accelerator,
        cache: options.cache,
        folder,
        relativeFolder,
        attempt,
        ...(options.signal ? { signal: options.signal } : {}),
        onPhase: (phase) => reporter.onGuestPhase?.(scenario.name, phase),
      });
    } catch (error) {
      if (options.signal?.aborted) return undefined;
      // Wrong input stays wrong for every scenario: it ends the run. What the host did is this scenario's infra.
      if (error instanceof BootgateError && error.blame === 'user') throw error;
      logger?.error({ err: error, scenario: scenario.name }, 'could not boot');
      result = { ...skipped(scenario, (error as Error).message), verdict: 'infra', attempts: attempt };
    }
    if (options.signal?.aborted) return undefined;
    if (result.verdict !== 'infra' || attempt >= INFRA_ATTEMPTS) return result;
    logger?.warn({ scenario: scenario.name, reason: result.reason }, 'the host was at fault: once more');
  }
}

/** `fail` outranks `incomplete`: a kernel that said no has said no, whatever else could not be decided. */
function verdictOf(counts: Record<Verdict, number>, unfinished: boolean): RunResult['verdict'] {
  if (counts.fail + counts.crash + counts.hang > 0) return 'fail';
  return counts.infra > 0 || unfinished ? 'incomplete' : 'pass';
}

/** The exit code of a run, by the contract. */
export function exitCodeOfRun(result: RunResult, interrupted: boolean): number {
  if (interrupted) return EXIT.interrupted;
  if (result.verdict === 'pass') return EXIT.ok;
  return result.verdict === 'fail' ? EXIT.no : EXIT.undecided;
}

/** The image's part of run.json: what all its guests have in common, without a scenario's own tools and steps. */
async function describeImage(prepared: PreparedImage, cache: Cache): Promise<RunResult['image']> {
  const { kernel, set, index, delivery } = prepared;
  const initramfs = await buildInitramfs({ set, tools: [], scenarioEntries: [], delivery, cache });
  return {
    name: prepared.image.name,
    kernel: {
      release: kernel.release,
      source: kernel.source,
      resolved: kernel.resolved,
      digest: kernel.digest,
    },
    vmlinuz: { bytes: (await stat(kernel.vmlinuz)).size },
    modules: {
      source: set.source,
      count: set.names.length,
      bytes: set.bytes,
      ofCount: index.modules.size,
      ofBytes: index.bytes,
    },
    initramfs: { bytes: initramfs.bytes, digest: initramfs.digest, buildMs: initramfs.buildMs },
  };
}

/** A scenario that was not booted. */
function skipped(scenario: Scenario, reason: string): ScenarioResult {
  return {
    scenario: scenario.name,
    area: scenario.area,
    verdict: 'skip',
    phase: 'firmware',
    reason,
    seconds: 0,
    cpuSeconds: 0,
    attempts: 0,
    steps: [],
    modulesLoaded: [],
    memory: { modulesBytes: 0, usedAfterBootBytes: 0 },
    findings: [],
    consoleTail: [],
    files: { console: '', control: '', argv: '', recording: '' },
    phases: [],
  };
}
