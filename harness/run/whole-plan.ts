import { type Boot, bootOf } from '../boot/job.js';
import { digestOf } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Scenario } from '../scenarios/scenario.js';
import { packageVersion } from '../version.js';
import type { Plan } from './plan.js';

/** What a run and all its shards are made from: what must be equal where runs are merged. Part of plan.json. */
export interface WholePlan {
  /** Of bootgate. */
  version: string;
  kernel: { release: string; digest: string };
  /** One for each install set; without a name where the image has none. */
  sets: { name?: string; digest: string }[];
  /** Every result there can be, in order, with the digest of its scenario. */
  boots: { name: string; scenario: string }[];
}

/** All that an image and a plan come to, on every machine alike: also what this one cannot boot. */
export function wholePlan(
  variants: readonly [PreparedImage, ...PreparedImage[]],
  { boots, skips }: Plan,
): { boots: Boot[]; plan: WholePlan } {
  const scenarios = [...boots, ...skips.map(({ scenario }) => scenario)];
  const all = variants.flatMap((prepared) => scenarios.map((scenario) => bootOf(prepared, scenario)));
  const digests = new Map(scenarios.map((scenario) => [scenario, scenarioDigest(scenario)]));
  const [{ kernel }] = variants;
  return {
    boots: all,
    plan: {
      version: packageVersion(),
      kernel: { release: kernel.release, digest: kernel.digest },
      sets: variants.map(({ installSet, set }) => ({
        ...(installSet ? { name: installSet.name } : {}),
        digest: set.digest,
      })),
      boots: all.map(({ name, scenario }) => ({ name, scenario: digests.get(scenario) ?? '' })),
    },
  };
}

/** Of what a scenario does, wherever its file lies. */
function scenarioDigest({ file: _file, line: _line, ...rest }: Scenario): string {
  return digestOf(JSON.stringify(rest));
}
