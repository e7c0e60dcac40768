import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Executor } from '../boot/executor.js';
import type { Boot } from '../boot/job.js';
import type { Reporter } from '../report/reporter.js';
import { type RunFolder, scenarioFolder } from '../results/folder.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { keepResult } from './resume.js';

export interface BootsOptions {
  executor: Executor;
  folder: RunFolder;
  /** How often a guest that failed is booted again. */
  retries: number;
  /** How often each is booted whatever comes of it. */
  repeats?: number | undefined;
  reporter: Reporter;
  logger?: Logger | undefined;
  /** Each result once it is on the disk. */
  onResult(result: ScenarioResult): void;
}

/**
 * All guests of a run, side by side as far as the executor has room.
 * @throws the first error of wrong input, once all guests have ended.
 */
export async function bootAll(boots: readonly Boot[], options: BootsOptions): Promise<void> {
  const running = boots.map(async (boot) => {
    const result = await bootAndKeep(boot, options);
    if (result) options.onResult(result);
  });
  try {
    await Promise.all(running);
  } catch (error) {
    options.executor.stop(error);
    await Promise.allSettled(running);
    throw error;
  }
}

/** One scenario to its result, which is on the disk when this settles; undefined when interrupted. */
async function bootAndKeep(
  boot: Boot,
  { executor, folder, retries, repeats, reporter, logger }: BootsOptions,
): Promise<ScenarioResult | undefined> {
  const { scenario, prepared, name } = boot;
  const result = await executor.boot({
    prepared,
    scenario,
    retries,
    repeats,
    folder: (attempt) => {
      const relative = scenarioFolder(scenario.name, prepared.installSet?.name, attempt);
      return { path: join(folder.path, relative), relative };
    },
    onStart: () => reporter.onGuestStart?.(name),
    onPhase: (phase) => reporter.onGuestPhase?.(name, phase),
    onInfra: ({ reason }) => logger?.warn({ scenario: name, reason }, 'the host was at fault: booting again'),
    onError: (error) => logger?.error({ err: error, scenario: name }, 'could not boot'),
  });
  if (result)
    await keepResult(folder, boot, result, executor).catch((error: unknown) =>
      logger?.warn({ err: error, scenario: name }, 'this result cannot be kept for --resume'),
    );
  return result;
}
