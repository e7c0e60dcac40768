import { userError } from '../errors.js';
import type { Scenario } from '../scenarios/scenario.js';
import { didYouMean } from '../suggest.js';
import type { StoredRun } from './read.js';
import { isFailure, isUnsettled, resultName, type ScenarioResult } from './scenario-result.js';

/** @throws BootgateError blame `user`, E_SCENARIO_NAME, for results whose scenario is no longer there to be booted. */
export function requireScenarios(results: readonly ScenarioResult[], scenarios: readonly Scenario[]): void {
  const known = scenarios.map(({ name }) => name);
  const gone = [...new Set(results.map(({ scenario }) => scenario))].filter((name) => !known.includes(name));
  if (gone.length > 0)
    throw userError('E_SCENARIO_NAME', `cannot boot again what no longer exists: ${gone.join(', ')}`, {
      problems: gone.map((name) => ({ message: `no scenario ${name}${didYouMean(name, known)}` })),
      hint: 'name the failures to fix, or run it again',
    });
}

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
  return chosen.filter(isFailure);
}

/** What failed, and what the host did not let be tried: all that `explain` has a story of. */
export function unsettledOf(run: StoredRun): ScenarioResult[] {
  return run.result.results.filter(isUnsettled);
}

/** The scenarios that a run has no pass of: failed, not decided, or not booted. */
export function notPassed({ results, missing = [] }: StoredRun['result']): string[] {
  const missed = missing.map((name) => name.replace(/ \[[^\]]*\]$/, ''));
  return [...new Set([...results.filter(isUnsettled).map(({ scenario }) => scenario), ...missed])];
}

function isNamed(one: ScenarioResult, name: string): boolean {
  return one.scenario === name || one.area === name || resultName(one) === name;
}
