import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { StoredRun } from '../report/read.js';
import { resultName, type ScenarioResult } from '../report/result.js';
import { loadImage } from '../run/image.js';
import { type PreparedImage, prepareImages } from '../run/prepare.js';
import { didYouMean } from '../suggest.js';

/**
 * The image of an old run, made again from the same files.
 * @throws BootgateError blame `user`, E_RUN_RECIPE: the run is older than this, or what it was made from has changed so that
 *   it is another kernel now.
 */
export async function imageOfRun(
  run: StoredRun,
  options: { cache: Cache; log?: (sentence: string) => void; signal?: AbortSignal | undefined },
): Promise<[PreparedImage, ...PreparedImage[]]> {
  const { recipe, kernel } = run.result.image;
  if (!recipe)
    throw userError('E_RUN_RECIPE', `${run.folder} does not say what its image was made from`, {
      hint: 'run it again with this version of bootgate',
    });
  const { cache, log, signal } = options;
  const image = await loadImage(recipe.file);
  const variants = await prepareImages(
    { ...image, kernel: recipe.kernel, modules: recipe.modules },
    { cache, delivery: recipe.delivery, ...(log ? { log } : {}), ...(signal ? { signal } : {}) },
  );
  if (variants[0].kernel.digest !== kernel.digest)
    throw userError(
      'E_RUN_RECIPE',
      `${recipe.kernel.join(' ')} is another kernel now than in ${run.result.id}`,
      {
        hint: 'run it again first',
      },
    );
  return variants;
}

const FAILED = new Set(['fail', 'crash', 'hang']);

/**
 * The results of the scenarios named: `a/b`, `a` (an area), or `a/b [core]` for one install set.
 * @throws BootgateError blame `user`, E_SCENARIO_NAME, for names that the run has no result of.
 */
export function resultsOf(run: StoredRun, names: readonly string[]): ScenarioResult[] {
  const { results, id } = run.result;
  const known = results.map((one) => one.scenario);
  const problems = names
    .filter((name) => !results.some((one) => isNamed(one, name)))
    .map((name) => ({ message: `unknown: ${name}${didYouMean(name, known)}` }));
  if (problems.length > 0)
    throw userError('E_SCENARIO_NAME', `${id} has no such result`, {
      problems,
      hint: `it has: ${results.slice(0, 12).map(resultName).join(', ')}${results.length > 12 ? ', ...' : ''}`,
    });
  return results.filter((one) => names.some((name) => isNamed(one, name)));
}

/** Of these, or of all where none is named, what did not pass. */
export function failuresOf(run: StoredRun, names: readonly string[]): ScenarioResult[] {
  const chosen = names.length === 0 ? run.result.results : resultsOf(run, names);
  return chosen.filter(({ verdict }) => FAILED.has(verdict));
}

function isNamed(one: ScenarioResult, name: string): boolean {
  return one.scenario === name || one.area === name || resultName(one) === name;
}
