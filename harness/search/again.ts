import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { StoredRun } from '../report/read.js';
import { resultName, type ScenarioResult } from '../report/result.js';
import { readContents } from '../run/contents.js';
import { loadImage } from '../run/image.js';
import { type PreparedImage, prepareImages } from '../run/prepare.js';
import type { Scenario } from '../scenarios/scenario.js';
import { didYouMean } from '../suggest.js';

/**
 * The image of an old run, made again from the same files.
 * @throws BootgateError blame `user`, E_RUN_RECIPE: the run is older than this, or what it was made from has changed so that
 *   it is another kernel, or another set of modules, now.
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
  for (const { set, installSet } of variants) {
    const had = (await readContents(run.folder, installSet?.name)).map(({ name }) => name);
    if (!isSameSet(had, set.names))
      throw userError(
        'E_RUN_RECIPE',
        `${set.source} was changed since ${run.result.id}: ${told(had, set.names)}`,
        {
          hint: 'run it again first: what is mended would not be what failed',
        },
      );
  }
  return variants;
}

/** Both come from sets: no name is there twice. */
export function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const names = new Set(one);
  return one.length === other.length && other.every((name) => names.has(name));
}

/** `it had 2416 modules, now it has 2417 (+xfs)` */
export function told(had: readonly string[], has: readonly string[]): string {
  const without = (all: readonly string[], some: readonly string[]) => {
    const names = new Set(some);
    return all.filter((name) => !names.has(name));
  };
  const changes = [
    ...without(has, had).map((name) => `+${name}`),
    ...without(had, has).map((name) => `-${name}`),
  ];
  const more = changes.length > MOST_CHANGES ? ', ...' : '';
  return `it had ${had.length} modules, now it has ${has.length} (${changes.slice(0, MOST_CHANGES).join(', ')}${more})`;
}

const MOST_CHANGES = 4;

/** @throws BootgateError blame `user`, E_SCENARIO_NAME, for results whose scenario is no longer there to be booted. */
export function requireScenarios(results: readonly ScenarioResult[], scenarios: readonly Scenario[]): void {
  const known = scenarios.map(({ name }) => name);
  const gone = [...new Set(results.map(({ scenario }) => scenario))].filter((name) => !known.includes(name));
  if (gone.length > 0)
    throw userError('E_SCENARIO_NAME', `cannot boot again what is no longer there: ${gone.join(', ')}`, {
      problems: gone.map((name) => ({ message: `no scenario ${name}${didYouMean(name, known)}` })),
      hint: 'name the failures that are to be mended, or run it again',
    });
}

const FAILED_OR_OPEN = new Set(['fail', 'crash', 'hang', 'infra']);
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

/** What failed, and what the host did not let be tried: all that `explain` has a story of. */
export function unsettledOf(run: StoredRun): ScenarioResult[] {
  return run.result.results.filter(({ verdict }) => FAILED_OR_OPEN.has(verdict));
}

function isNamed(one: ScenarioResult, name: string): boolean {
  return one.scenario === name || one.area === name || resultName(one) === name;
}
