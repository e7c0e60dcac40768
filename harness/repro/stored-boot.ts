import { dirname, join } from 'node:path';
import { type BootRequest, RECIPE, readRequest } from '../boot/request.js';
import { userError } from '../errors.js';
import { resultsOf, unsettledOf } from '../results/choose.js';
import type { StoredRun } from '../results/read.js';
import { resultName, type ScenarioResult } from '../results/scenario-result.js';

/** One boot of a run: what came of it, where its files lie, and what it was made from. */
export interface StoredBoot {
  run: StoredRun;
  result: ScenarioResult;
  /** The scenario's folder, absolute, and relative to the run's. */
  folder: string;
  relative: string;
  request: BootRequest;
}

/**
 * The boot that a person means: the result of that name, or the only one that failed.
 * @throws BootgateError blame `user`: E_SCENARIO_NAME, E_USAGE where it is not one, E_NOT_BOOTED, E_RECIPE.
 */
export async function storedBoot(run: StoredRun, name?: string): Promise<StoredBoot> {
  const chosen = name === undefined ? unsettledOf(run) : resultsOf(run, [name]);
  const [result, ...others] = chosen;
  const names = (chosen.length > 0 ? chosen : run.result.results).map(resultName);
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? ', ...' : '');
  if (!result || others.length > 0)
    throw userError(
      'E_USAGE',
      name !== undefined
        ? `${name} is ${chosen.length} results of ${run.result.id}`
        : result
          ? `${chosen.length} scenarios of ${run.result.id} failed: choose one`
          : `nothing failed in ${run.result.id}: name the scenario to repeat`,
      { hint: `name one of: ${shown}` },
    );
  if (!result.files.recording)
    throw userError('E_NOT_BOOTED', `${resultName(result)} was never booted: ${result.reason}`, {
      hint: 'name a scenario that was booted',
    });
  const relative = dirname(result.files.recording);
  const folder = join(run.folder, relative);
  return { run, result, folder, relative, request: await readRequest(join(folder, RECIPE)) };
}
