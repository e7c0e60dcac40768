import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { AdmissionGate } from '../boot/admission.js';
import { bootScenario } from '../boot/boot.js';
import { hostCapacity } from '../boot/capacity.js';
import { type Boot, notBooted } from '../boot/job.js';
import { bootWithRetries } from '../boot/retries.js';
import { BootgateError } from '../errors.js';
import type { Reporter } from '../report/reporter.js';
import { type RunFolder, scenarioFolder } from '../results/folder.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { RunOptions } from './options.js';
import { keepResult } from './resume.js';

/** Side by side, as many as fit, the heaviest first: the last guest to end is then a light one. */
export async function bootAll(
  options: RunOptions,
  boots: readonly Boot[],
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
  const running = boots.map((boot) =>
    queue.add(
      async () => {
        if (signal.aborted) return;
        const { scenario } = boot;
        const weight = { memoryMiB: scenario.memoryMiB + QEMU_OVERHEAD_MIB, cpus: scenario.cpus };
        const result = await gate.run(weight, () =>
          bootAndKeep({ ...options, signal }, folder, boot, reporter, logger),
        );
        if (result) onResult(result);
      },
      { priority: heaviness(boot.scenario) },
    ),
  );
  try {
    await Promise.all(running);
  } catch (error) {
    broken.abort(error);
    await Promise.allSettled(running);
    throw error;
  }
}

/** A packaged boot decompresses its kernel and takes about three times as long as a direct one. */
function heaviness(scenario: Scenario): number {
  return (scenario.boot === 'packaged' ? 3 : 1) * scenario.memoryMiB;
}

/** What a guest costs beyond its own memory: QEMU itself and its translation cache, as measured under TCG. */
const QEMU_OVERHEAD_MIB = 192;

/** One scenario to its result, which is on the disk when this settles; undefined when interrupted. */
async function bootAndKeep(
  options: RunOptions,
  run: RunFolder,
  boot: Boot,
  reporter: Reporter,
  logger: Logger | undefined,
): Promise<ScenarioResult | undefined> {
  const scenario = boot.name;
  const result = await bootWithRetries(
    (attempt) => bootOnce(options, run, boot, attempt, reporter, logger),
    options.retries ?? 0,
    ({ reason }) => logger?.warn({ scenario, reason }, 'the host was at fault: once more'),
  );
  if (result)
    await keepResult(run, boot, result, options).catch((error: unknown) =>
      logger?.warn({ err: error, scenario }, 'this result cannot be kept for --resume'),
    );
  return result;
}

async function bootOnce(
  options: RunOptions,
  run: RunFolder,
  boot: Boot,
  attempt: number,
  reporter: Reporter,
  logger: Logger | undefined,
): Promise<ScenarioResult | undefined> {
  const { scenario, prepared, name } = boot;
  const relativeFolder = scenarioFolder(scenario.name, prepared.installSet?.name, attempt);
  const folder = join(run.path, relativeFolder);
  reporter.onGuestStart?.(name);
  try {
    await mkdir(folder, { recursive: true });
    const result = await bootScenario({
      prepared,
      scenario,
      accelerator: options.accelerator,
      cache: options.cache,
      folder,
      relativeFolder,
      attempt,
      ...(options.signal ? { signal: options.signal } : {}),
      onPhase: (phase) => reporter.onGuestPhase?.(name, phase),
    });
    return options.signal?.aborted ? undefined : result;
  } catch (error) {
    if (options.signal?.aborted) return undefined;
    // Wrong input stays wrong for every scenario: it ends the run. What the host did is this scenario's infra.
    if (error instanceof BootgateError && error.blame === 'user') throw error;
    logger?.error({ err: error, scenario: name }, 'could not boot');
    return { ...notBooted(boot, 'infra', (error as Error).message), attempts: attempt };
  }
}
