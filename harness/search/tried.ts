import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyOf as bootKey } from '../boot/reference.js';
import type { Cache } from '../cache.js';
import { digestOf } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { candidatesOf } from './remedy.js';
import { type HowToBoot, type Trials, withNames } from './trial.js';

/** One boot of a search, as kept in trials.jsonl. */
export interface Tried {
  /** A digest of everything that the boot's outcome follows from. */
  key: string;
  scenario: string;
  modules: number;
  verdict: Verdict;
  reason: string;
  /** Modules that the findings named, the likeliest first. */
  named: string[];
  /** A clone of a template: no proof. */
  forked?: true;
}

/**
 * The boots of a search: written down one by one, so that a search that was stopped goes on where it was. A boot of an earlier
 * search counts once: who asks for the same set again wants to know whether it does the same again.
 */
export class TriedSets {
  readonly #trials: Trials;
  readonly #file: string;
  readonly #context: { accelerator: AcceleratorChoice; cache: Cache };
  readonly #earlier = new Map<string, Tried[]>();
  /** Boots that an earlier search had done. */
  remembered = 0;

  /** @param earlier The folder of a search to go on with. */
  constructor(
    trials: Trials,
    folder: string,
    context: { accelerator: AcceleratorChoice; cache: Cache },
    earlier?: string,
  ) {
    this.#trials = trials;
    this.#file = join(folder, FILE);
    this.#context = context;
    for (const one of earlier === undefined ? [] : readTried(join(earlier, FILE)))
      this.#earlier.set(one.key, [...(this.#earlier.get(one.key) ?? []), one]);
  }

  /** @throws as Trials.boot. */
  async boot(
    prepared: PreparedImage,
    scenario: Scenario,
    names: readonly string[],
    how: HowToBoot = {},
  ): Promise<Tried> {
    const changed = { ...withNames(prepared, new Set(names)), split: null, installSet: null };
    const key = digestOf(await bootKey(changed, { scenario, ...this.#context }));
    let tried = this.#recall(key, how);
    if (tried) this.remembered++;
    else {
      const result = await this.#trials.boot(changed, scenario, how);
      const { verdict, reason, findings } = result;
      const named = candidatesOf(result).map(({ module }) => module);
      const first = findings.find(({ kind }) => kind === 'missing-module');
      const why = first && reason ? `${reason} (${first.evidence.split('\n')[0]})` : reason;
      tried = { key, scenario: scenario.name, modules: names.length, verdict, reason: why, named };
      if (result.forked) tried.forked = true;
    }
    appendFileSync(this.#file, `${JSON.stringify(tried)}\n`);
    return tried;
  }

  #recall(key: string, { cold }: HowToBoot): Tried | undefined {
    const known = this.#earlier.get(key) ?? [];
    const at = known.findIndex(({ forked }) => !cold || !forked);
    return at < 0 ? undefined : known.splice(at, 1)[0];
  }
}

const FILE = 'trials.jsonl';

/** Whole lines only: the last one may have been cut when the search was killed. */
function readTried(file: string): Tried[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Tried];
      } catch {
        return [];
      }
    });
}
