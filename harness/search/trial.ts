import { join } from 'node:path';
import type { Executor } from '../boot/executor.js';
import { hostError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import { exactSet } from '../modules/set.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';

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

/** The image with just these modules. What rules left out stays known, so that findings can still point at the rule. */
export function withNames(prepared: PreparedImage, names: ReadonlySet<string>): PreparedImage {
  const { index, set } = prepared;
  const excludedBy = new Map([...set.excludedBy].filter(([name]) => !names.has(name)));
  return { ...prepared, set: { ...exactSet(index, names, set.source), excludedBy } };
}

export interface HowToBoot {
  /** From the beginning, and not as a clone of a template: for proofs. */
  cold?: boolean;
}

/** Boots scenarios with changed sets and keeps the evidence of each. */
export class Trials {
  readonly #executor: Executor;
  readonly #folder: string;
  /** Guests booted so far. */
  count = 0;

  /** Each trial gets a folder below `folder`: `01-nft-nat`. */
  constructor(executor: Executor, folder: string) {
    this.#executor = executor;
    this.#folder = folder;
  }

  /** @throws the reason when aborted; BootgateError blame `host`, E_TRIAL, when the host will not let the guest run. */
  async boot(
    prepared: PreparedImage,
    scenario: Scenario,
    { cold = false }: HowToBoot = {},
  ): Promise<ScenarioResult> {
    let path = this.#folder;
    const result = await this.#executor.boot({
      prepared,
      scenario,
      cold,
      folder: () => {
        const number = String(++this.count).padStart(2, '0');
        const relative = `${number}-${scenario.name.split('/').at(-1)}`;
        path = join(this.#folder, relative);
        return { path, relative };
      },
    });
    if (!result) throw this.#executor.signal.reason;
    if (result.verdict !== 'infra') return result;
    throw hostError('E_TRIAL', `${scenario.name} could not be booted: ${result.reason}`, {
      hint: `the logs are in ${path}`,
    });
  }
}
