import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { BootgateError } from '../errors.js';
import type { Reporter } from '../report/reporter.js';
import type { ScenarioResult } from '../report/result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { AdmissionGate } from './admission.js';
import { bootScenario } from './boot.js';
import { type Boot, notBooted } from './describe.js';
import { type RunFolder, scenarioFolder } from './folder.js';
import { hostCapacity } from './host.js';
import type { RunOptions } from './run.js';

/** How often a guest is started anew when the host, not the kernel, was at fault. */
const INFRA_ATTEMPTS = 2;

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
          bootWithRetry({ ...options, signal }, folder, boot, reporter, logger),
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

/** A guest that the host let down is started anew; a guest that failed is not. */
async function bootWithRetry(
  options: RunOptions,
  run: RunFolder,
  boot: Boot,
  reporter: Reporter,
  logger: Logger | undefined,
): Promise<ScenarioResult | undefined> {
  const { scenario, prepared, name } = boot;
  for (let attempt = 1; ; attempt++) {
    const relativeFolder = scenarioFolder(scenario.name, prepared.installSet?.name, attempt);
    const folder = join(run.path, relativeFolder);
    let result: ScenarioResult;
    reporter.onGuestStart?.(name);
    try {
      await mkdir(folder, { recursive: true });
      result = await bootScenario({
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
    } catch (error) {
      if (options.signal?.aborted) return undefined;
      // Wrong input stays wrong for every scenario: it ends the run. What the host did is this scenario's infra.
      if (error instanceof BootgateError && error.blame === 'user') throw error;
      logger?.error({ err: error, scenario: name }, 'could not boot');
      result = { ...notBooted(boot, 'infra', (error as Error).message), attempts: attempt };
    }
    if (options.signal?.aborted) return undefined;
    if (result.verdict !== 'infra' || attempt >= INFRA_ATTEMPTS) return result;
    logger?.warn({ scenario: name, reason: result.reason }, 'the host was at fault: once more');
  }
}
