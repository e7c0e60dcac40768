import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bootScenario } from '../boot/boot.js';
import type { Cache } from '../cache.js';
import { hostError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import { exactSet } from '../modules/set.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';

/** The image with some modules, and all that these need, beside what it has. */
export function withModules(prepared: PreparedImage, added: readonly string[]): PreparedImage {
  const { index, set } = prepared;
  const names = new Set([...set.names, ...closure(index, added)]);
  return withNames(prepared, names);
}

/** The image without some modules and without all that cannot live without them. */
export function withoutModules(prepared: PreparedImage, removed: readonly string[]): PreparedImage {
  const { index, set } = prepared;
  const out = new Set(removed);
  const names = set.names.filter(
    (name) => !out.has(name) && !index.modules.get(name)?.depends.some((need) => out.has(need)),
  );
  return withNames(prepared, new Set(names));
}

/** What rules left out stays known, so that findings can still point at the rule. */
function withNames(prepared: PreparedImage, names: ReadonlySet<string>): PreparedImage {
  const { index, set } = prepared;
  const excludedBy = new Map([...set.excludedBy].filter(([name]) => !names.has(name)));
  return { ...prepared, set: { ...exactSet(index, names, set.source), excludedBy } };
}

export interface TrialOptions {
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Each trial gets a folder below it: `01-nft-nat`. */
  folder: string;
  signal?: AbortSignal | undefined;
}

/** How often a boot is begun anew when the host was at fault. */
const ATTEMPTS = 2;

/** Boots scenarios with changed sets, one after the other, and keeps the evidence of each. */
export class Trials {
  readonly #options: TrialOptions;
  /** Guests booted so far. */
  count = 0;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** @throws BootgateError blame `host`, E_TRIAL, when the host will not let the guest run. */
  async boot(prepared: PreparedImage, scenario: Scenario): Promise<ScenarioResult> {
    const { accelerator, cache, signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const number = String(++this.count).padStart(2, '0');
      const relativeFolder = `${number}-${scenario.name.split('/').at(-1)}`;
      const folder = join(this.#options.folder, relativeFolder);
      await mkdir(folder, { recursive: true });
      const result = await bootScenario({
        prepared,
        scenario,
        accelerator,
        cache,
        folder,
        relativeFolder,
        attempt,
        ...(signal ? { signal } : {}),
      });
      signal?.throwIfAborted();
      if (result.verdict !== 'infra') return result;
      if (attempt >= ATTEMPTS)
        throw hostError('E_TRIAL', `${scenario.name} could not be booted: ${result.reason}`, {
          hint: `the logs are in ${folder}`,
        });
    }
  }
}
