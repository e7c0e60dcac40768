import { z } from 'zod';
import { readDocument } from '../document.js';
import { userError } from '../errors.js';
import { library } from '../library.js';
import type { Scenario } from '../scenarios/scenario.js';
import { selectScenarios } from '../scenarios/select.js';
import { didYouMean } from '../suggest.js';

const profilesSchema = z.strictObject({
  version: z.literal(1),
  profiles: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes'),
        description: z.string().min(1),
        scenarios: z
          .array(z.string().min(1))
          .min(1)
          .describe('patterns, as on the command line; {a,b} is either'),
      }),
    )
    .min(1),
});

/** What a machine is used for, as the scenarios that show it. */
export interface Profile {
  name: string;
  description: string;
  /** Patterns; those with braces are written out. */
  scenarios: string[];
}

/** The project's profiles, else the package's. @throws BootgateError blame `user` when the file is invalid. */
export async function readProfiles(
  file = library().files('profiles')[0] ?? 'profiles.yaml',
): Promise<Profile[]> {
  const { value } = await readDocument(file, profilesSchema);
  return value.profiles.map((one) => ({ ...one, scenarios: one.scenarios.flatMap(eitherOf) }));
}

/**
 * The scenarios of some profiles together; a word that names no profile is a scenarios' tag (`quick`).
 * @throws BootgateError blame `user`, E_NO_SUCH_PROFILE or E_NO_SUCH_SCENARIO.
 */
export function scenariosOf(
  words: readonly string[],
  profiles: readonly Profile[],
  scenarios: readonly Scenario[],
): Scenario[] {
  const tags = new Set(scenarios.flatMap(tagsOf));
  const chosen = new Set<Scenario>();
  for (const word of words) {
    const profile = profiles.find(({ name }) => name === word);
    if (profile) for (const one of selectScenarios(scenarios, profile.scenarios)) chosen.add(one);
    else if (tags.has(word)) {
      for (const one of scenarios) if (tagsOf(one).includes(word)) chosen.add(one);
    } else {
      const known = [...profiles.map(({ name }) => name), ...[...tags].sort()];
      throw userError('E_NO_SUCH_PROFILE', `no profile ${word}${didYouMean(word, known)}`, {
        hint: `there are: ${known.join(', ')}`,
      });
    }
  }
  return scenarios.filter((one) => chosen.has(one));
}

const tagsOf = ({ tags }: Scenario): readonly string[] => tags ?? ['quick'];

/** `a/{b,c}` -> `a/b`, `a/c`. */
function eitherOf(pattern: string): string[] {
  const [, head = '', words, tail = ''] = /^([^{]*)\{([^{}]*)\}(.*)$/.exec(pattern) ?? [];
  if (words === undefined) return [pattern];
  return words.split(',').flatMap((word) => eitherOf(`${head}${word}${tail}`));
}
