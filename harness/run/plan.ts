import { userError } from '../errors.js';
import type { Image } from '../image/image-file.js';
import type { Scenario } from '../scenarios/scenario.js';
import { selectScenarios } from '../scenarios/select.js';
import { didYouMean } from '../suggest.js';

/** What a run is about to do: the scenarios to boot in order, and those that the image says it is not built for. */
export interface Plan {
  boots: Scenario[];
  skips: { scenario: Scenario; reason: string }[];
}

/**
 * Chooses scenarios: the image's patterns, narrowed by the command line's patterns and tags. With neither, those tagged quick and
 * those that the image names exactly; of an area, those tagged quick. Something that the image skips is booted all the same when the command line names
 * it exactly.
 * @throws BootgateError blame `user` when a pattern or a tag matches nothing.
 */
export function planRun(
  image: Image,
  scenarios: readonly Scenario[],
  patterns: readonly string[],
  tags: readonly string[] = [],
): Plan {
  const offered = selectScenarios(scenarios, image.scenarios);
  const tagged = withTags(scenarios, tags);
  const wanted = new Set(patterns.length > 0 ? selectScenarios(scenarios, patterns) : offered);
  if (tags.length > 0) for (const one of wanted) if (!tagged.has(one)) wanted.delete(one);
  if (tags.length === 0) {
    const named = patterns.length > 0 ? closerThanArea(wanted, patterns) : new Set<Scenario>();
    const isWanted = (one: Scenario) =>
      isQuick(one) || named.has(one) || (patterns.length === 0 && image.scenarios.includes(one.name));
    for (const one of wanted) if (!isWanted(one)) wanted.delete(one);
  }
  const chosen = scenarios.filter(
    (scenario) => wanted.has(scenario) && (offered.includes(scenario) || patterns.includes(scenario.name)),
  );
  if (chosen.length === 0) {
    throw userError(
      'E_NOTHING_TO_RUN',
      `${image.file} offers none of: ${[...patterns, ...tags].join(', ') || `the scenarios tagged ${QUICK}`}`,
      {
        hint: "see `bootgate scenarios list` and the image's `scenarios:`",
      },
    );
  }
  const reasons = new Map(image.skip.map((skip) => [skip.scenario, skip.reason]));
  const skipped = (scenario: Scenario) => reasons.has(scenario.name) && !patterns.includes(scenario.name);
  return {
    boots: chosen.filter((scenario) => !skipped(scenario)),
    skips: chosen.filter(skipped).map((scenario) => ({ scenario, reason: reasons.get(scenario.name) ?? '' })),
  };
}

/** What is booted unless something else is named. */
const QUICK = 'quick';

const isQuick = (one: Scenario): boolean => tagsOf(one).includes(QUICK);

/** An area (`storage`) stands for its quick scenarios, or for all where none is quick; other patterns for all that they match. */
function closerThanArea(wanted: ReadonlySet<Scenario>, patterns: readonly string[]): ReadonlySet<Scenario> {
  const all = [...wanted];
  const closer = patterns.filter((one) => !one.startsWith('!') && !all.some(({ area }) => area === one));
  const named = closer.length > 0 ? selectScenarios(all, closer) : [];
  const withoutQuick = all.filter(({ area }) => !all.some((one) => one.area === area && isQuick(one)));
  return new Set([...named, ...withoutQuick]);
}

const tagsOf = ({ tags }: Scenario): readonly string[] => tags ?? [QUICK];

function withTags(scenarios: readonly Scenario[], tags: readonly string[]): ReadonlySet<Scenario> {
  const known = new Set(scenarios.flatMap(tagsOf));
  const unknown = tags.find((tag) => !known.has(tag));
  if (unknown !== undefined)
    throw userError('E_NO_SUCH_SCENARIO', `no scenario is tagged ${unknown}${didYouMean(unknown, known)}`, {
      hint: `there are: ${[...known].sort().join(', ')}`,
    });
  return new Set(scenarios.filter((one) => tagsOf(one).some((tag) => tags.includes(tag))));
}
