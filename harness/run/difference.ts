import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Executor } from '../boot/executor.js';
import { type Reference, referenceFor } from '../boot/reference.js';
import { BootgateError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { scenarioFolder } from '../results/folder.js';
import type { Finding, ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';

/** `failures`: for what did not pass with a set that is not the whole tree. */
export type ReferencePolicy = 'always' | 'failures' | 'never';

export interface DifferenceOptions {
  variants: readonly PreparedImage[];
  scenarios: readonly Scenario[];
  policy: ReferencePolicy;
  /** What to compare with, as it is; each variant's own kernel with its whole tree unless given. */
  image?: PreparedImage | undefined;
  executor: Executor;
  /** The run's folder. */
  folder: string;
  logger?: Logger | undefined;
}

const MOST_NAMED = 12;
const DIFFERENCE = 'reference-difference';

/**
 * The results with their reference boots beside them: what the kernel itself cannot do, and, where it can, which findings
 * matter. Boots only what no earlier run has. A reference that could not be booted leaves a result as it was.
 */
export async function compareWithReferences(
  results: readonly ScenarioResult[],
  options: DifferenceOptions,
): Promise<ScenarioResult[]> {
  const known = new Map<string, ReturnType<typeof referenceFor>>();
  return Promise.all(
    results.map(async (result) => {
      const prepared = options.variants.find((one) => one.installSet?.name === result.installSet);
      const scenario = options.scenarios.find((one) => one.name === result.scenario);
      if (!prepared || !scenario || !isWanted(result, prepared, options.policy)) return result;
      // A run that boots the whole tree anyway is its own reference; install sets of one scenario share theirs.
      const booting = known.get(scenario.name) ?? boot(prepared, scenario, options);
      known.set(scenario.name, booting);
      try {
        const { reference, cached } = await booting;
        return reference.verdict === 'infra' ? result : withReference(result, reference, cached, prepared);
      } catch (error) {
        if (error instanceof BootgateError && error.blame === 'user') throw error;
        options.logger?.warn({ err: error, scenario: scenario.name }, 'no reference boot');
        return result;
      }
    }),
  );
}

function isWanted(result: ScenarioResult, { set, index }: PreparedImage, policy: ReferencePolicy): boolean {
  if (policy === 'never' || result.verdict === 'skip' || result.verdict === 'infra') return false;
  if (policy === 'always') return true;
  return result.verdict !== 'pass' && set.names.length < index.modules.size;
}

async function boot(prepared: PreparedImage, scenario: Scenario, options: DifferenceOptions) {
  const { executor, image } = options;
  executor.signal.throwIfAborted();
  const folder = join(options.folder, scenarioFolder(scenario.name, undefined, 1), 'reference');
  await mkdir(folder, { recursive: true });
  return referenceFor({
    prepared: image ?? prepared,
    set: image ? 'own' : 'whole',
    scenario,
    executor,
    folder,
  });
}

/**
 * A result beside its reference. Where the whole tree passes, a missing module that the reference did without as well is
 * noise and goes; where nothing is left that says what is missing, the difference itself is the finding.
 */
export function withReference(
  result: ScenarioResult,
  reference: Reference,
  cached: boolean,
  { set, index }: Pick<PreparedImage, 'set' | 'index'>,
): ScenarioResult {
  const names = new Set(set.names);
  const lacking = reference.modulesLoaded.filter((name) => index.modules.has(name) && !names.has(name));
  const told = {
    ...result,
    reference: { verdict: reference.verdict, reason: reference.reason, cached, lacking },
  };
  if (result.verdict === 'pass' || reference.verdict !== 'pass') return told;
  const loaded = new Set(reference.modulesLoaded);
  const isNoise = ({ kind, module, alternatives = [] }: Finding) =>
    kind === DIFFERENCE ||
    (kind === 'missing-module' && ![module ?? '', ...alternatives].some((name) => loaded.has(name)));
  const findings = result.findings.filter((finding) => !isNoise(finding));
  if (lacking.length > 0 && !findings.some(({ kind }) => kind === 'missing-module'))
    findings.push(differenceFinding(lacking));
  return { ...told, findings };
}

function differenceFinding(lacking: readonly string[]): Finding {
  const more = lacking.length > MOST_NAMED ? ` and ${lacking.length - MOST_NAMED} more` : '';
  return {
    kind: DIFFERENCE,
    evidence: `the whole tree passes, and has loaded: ${lacking.slice(0, MOST_NAMED).join(', ')}${more}`,
    hint: 'the guest has not said which of these it misses; `bootgate fix` finds out by booting',
  };
}
