import { readFile, stat } from 'node:fs/promises';
import type { Boot } from '../boot/job.js';
import { userError } from '../errors.js';
import { readRun } from '../results/read.js';
import { isDecided, resultName } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';

/** Seconds that boots took in an earlier run, by the names of their results. */
export type Timings = ReadonlyMap<string, number>;

/**
 * Reads `--timings`: a run (its folder, its run.json, its id, `latest`), or a JSON file `{"storage/nvme": 7.5}`. What the host did not let
 * be decided in that run says nothing about how long it takes.
 * @throws BootgateError blame `user`: E_RUN, E_TIMINGS.
 */
export async function readTimings(where: string, results: string): Promise<Timings> {
  const plain = await plainSeconds(where);
  if (plain) return plain;
  const { result } = await readRun(where, results);
  return new Map(result.results.filter(isDecided).map((one) => [resultName(one), one.seconds]));
}

/** Undefined where it is not a file of names and seconds, but perhaps a run. */
async function plainSeconds(where: string): Promise<Timings | undefined> {
  const isFile = await stat(where).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isFile) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(where, 'utf8'));
  } catch (cause) {
    throw userError('E_TIMINGS', `cannot read ${where}: ${(cause as Error).message}`, { cause });
  }
  if (typeof value === 'object' && value !== null && 'schema' in value) return undefined;
  const entries = Object.entries(value ?? {});
  const isSeconds = (one: unknown) => typeof one === 'number' && Number.isFinite(one) && one >= 0;
  if (Array.isArray(value) || entries.length === 0 || !entries.every(([, one]) => isSeconds(one)))
    throw userError('E_TIMINGS', `${where} is not a list of timings`, {
      hint: 'give a run, or a JSON file like {"storage/nvme": 7.5, "network/e1000 [core]": 12}',
    });
  return new Map(entries as [string, number][]);
}

/**
 * Seconds for each boot: as recorded; else as the same scenario took with other install sets; else by what the scenario declares,
 * scaled to what is recorded.
 */
export function estimateSeconds(boots: readonly Boot[], timings: Timings): Map<string, number> {
  const ratios = boots.flatMap(({ name, scenario }) => {
    const recorded = timings.get(name);
    return recorded === undefined ? [] : [recorded / declaredWeight(scenario)];
  });
  const scale = ratios.length > 0 ? ratios.reduce((sum, one) => sum + one, 0) / ratios.length : 1;
  const byScenario = new Map<string, number[]>();
  for (const [name, seconds] of timings) {
    const scenario = name.replace(/ \[.*\]$/, '');
    byScenario.set(scenario, [...(byScenario.get(scenario) ?? []), seconds]);
  }
  return new Map(
    boots.map(({ name, scenario }) => {
      const others = byScenario.get(scenario.name) ?? [];
      const mean = others.length > 0 ? others.reduce((sum, one) => sum + one, 0) / others.length : undefined;
      return [name, timings.get(name) ?? mean ?? scale * declaredWeight(scenario)];
    }),
  );
}

/**
 * About how many seconds a guest takes under emulation by what its scenario declares. A packaged kernel decompresses itself first, which
 * takes about three times as long as a direct boot; tools are unpacked, disks and cards are probed.
 */
export function declaredWeight({ boot, disks, nics, tools, steps }: Scenario): number {
  return (boot === 'packaged' ? 15 : 5) + tools.length + disks.length + nics.length + 0.25 * steps.length;
}
