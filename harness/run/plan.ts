import { userError } from '../errors.js';
import type { Image } from '../image/image-file.js';
import type { Scenario } from '../scenarios/scenario.js';
import { selectScenarios } from '../scenarios/select.js';

/** What a run is about to do: the scenarios to boot in order, and those that the image says it is not built for. */
export interface Plan {
  boots: Scenario[];
  skips: { scenario: Scenario; reason: string }[];
}

/**
 * Chooses scenarios: the image's patterns, narrowed by the command line's. Something that the image skips is booted
 * all the same when the command line names it exactly.
 * @throws BootgateError blame `user` when a pattern matches nothing.
 */
export function planRun(image: Image, scenarios: readonly Scenario[], patterns: readonly string[]): Plan {
  const offered = selectScenarios(scenarios, image.scenarios);
  const wanted = patterns.length > 0 ? new Set(selectScenarios(scenarios, patterns)) : new Set(offered);
  const chosen = scenarios.filter(
    (scenario) => wanted.has(scenario) && (offered.includes(scenario) || patterns.includes(scenario.name)),
  );
  if (chosen.length === 0) {
    throw userError('E_NOTHING_TO_RUN', `${image.file} offers none of: ${patterns.join(', ')}`, {
      hint: "see `bootgate scenarios list` and the image's `scenarios:`",
    });
  }
  const reasons = new Map(image.skip.map((skip) => [skip.scenario, skip.reason]));
  const skipped = (scenario: Scenario) => reasons.has(scenario.name) && !patterns.includes(scenario.name);
  return {
    boots: chosen.filter((scenario) => !skipped(scenario)),
    skips: chosen.filter(skipped).map((scenario) => ({ scenario, reason: reasons.get(scenario.name) ?? '' })),
  };
}
