import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { resultFromEvidence } from '../boot/evidence.js';
import type { Executor } from '../boot/executor.js';
import { referenceFor } from '../boot/reference.js';
import { noReference, type StoredReference, writeReference } from '../boot/stored-reference.js';
import { BootgateError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Reporter } from '../report/reporter.js';
import { scenarioFolder } from '../results/folder.js';
import { isDecided, isFailure, type ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';

/** `failures`: for what did not pass with a set that is not the full module tree. */
export type ReferencePolicy = 'always' | 'failures' | 'never';

export interface DifferenceOptions {
  variants: readonly PreparedImage[];
  scenarios: readonly Scenario[];
  policy: ReferencePolicy;
  /** What to compare with, as it is; each variant's own kernel with its full module tree unless given. */
  image?: PreparedImage | undefined;
  executor: Executor;
  /** The run's folder. */
  folder: string;
  logger?: Logger | undefined;
  reporter?: Reporter | undefined;
}

/**
 * The results judged again beside their reference boots: what the kernel itself cannot do, and, where it can, which findings
 * matter. Boots only what no earlier run has. Each reference is stored in the folder of its result.
 */
export async function compareWithReferences(
  results: readonly ScenarioResult[],
  options: DifferenceOptions,
): Promise<ScenarioResult[]> {
  const { reporter } = options;
  const wanted = new Set(
    results
      .filter((one) => {
        const prepared = options.variants.find(({ installSet }) => installSet?.name === one.installSet);
        return prepared && isWanted(one, prepared, options.policy);
      })
      .map(({ scenario }) => scenario),
  );
  const known = new Map<string, ReturnType<typeof referenceFor>>();
  if (wanted.size > 0) reporter?.onReferences?.(wanted.size);
  return Promise.all(
    results.map(async (result) => {
      const prepared = options.variants.find((one) => one.installSet?.name === result.installSet);
      const scenario = options.scenarios.find((one) => one.name === result.scenario);
      if (!prepared || !scenario || !isWanted(result, prepared, options.policy)) return result;
      // A run that boots the full module tree anyway is its own reference; install sets of one scenario share theirs.
      const booting = known.get(scenario.name) ?? boot(prepared, scenario, options);
      known.set(scenario.name, booting);
      const { reference, cached } = await booting.catch((error: Error) => {
        if (error instanceof BootgateError && error.blame === 'user') throw error;
        if (options.executor.signal.aborted) return { reference: undefined, cached: false };
        options.logger?.warn({ err: error, scenario: scenario.name }, 'no reference boot');
        return { reference: noReference(scenario.name, error.message), cached: false };
      });
      if (!reference) return result;
      const image = options.image?.image.name;
      const stored: StoredReference = {
        schema: 'bootgate/reference@1',
        cached,
        ...(image === undefined ? {} : { image }),
        reference,
      };
      await writeReference(join(options.folder, dirname(result.files.recording)), stored);
      return resultFromEvidence(result, options.folder, prepared, options.executor.cache, stored);
    }),
  );
}

function isWanted(result: ScenarioResult, { set, index }: PreparedImage, policy: ReferencePolicy): boolean {
  if (policy === 'never' || !isDecided(result)) return false;
  if (policy === 'always') return true;
  return isFailure(result) && set.names.length < index.modules.size;
}

async function boot(prepared: PreparedImage, scenario: Scenario, options: DifferenceOptions) {
  const { executor, image, reporter } = options;
  executor.signal.throwIfAborted();
  const folder = join(options.folder, scenarioFolder(scenario.name, undefined, 1), 'reference');
  await mkdir(folder, { recursive: true });
  return referenceFor({
    prepared: image ?? prepared,
    set: image ? 'own' : 'whole',
    scenario,
    executor,
    folder,
    onStart: () => reporter?.onReferenceStart?.(scenario.name),
    onPhase: (phase) => reporter?.onReferencePhase?.(scenario.name, phase),
  }).finally(() => reporter?.onReferenceEnd?.(scenario.name));
}
