import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { resultName, type ScenarioResult } from '../results/scenario-result.js';
import { type BootOptions, bootScenario } from './boot.js';
import type { Backend } from './executor.js';
import { Forks } from './forks.js';

export interface CheckOptions {
  /** Of what passes as a clone, so many in a hundred are booted cold all the same: 0 to 100. */
  percent: number;
  /** Which of them: the same seed, the same ones. */
  seed: string;
  /** `bootScenario` unless given. */
  cold?: Backend;
}

/** Where a clone's logs go when its scenario is booted cold as well: a folder of the scenario's. */
const ASIDE = 'clone';

/**
 * Forks for a run, whose results count: a clone can only say that something passes. What does not is booted cold and judged by
 * that, and so is a sample of what does; where both differ, that is a bug of ours, and the scenario is forked no more.
 */
export class CheckedForks extends Forks {
  readonly #options: CheckOptions;
  /** Clones that passed and were booted cold as well. */
  checked = 0;

  constructor(options: CheckOptions) {
    super();
    this.#options = options;
  }

  /** For the run's result. */
  get summary(): { clones: number; rechecked: number; percent: number; seed: string } {
    const { percent, seed } = this.#options;
    return { clones: this.count, rechecked: this.checked, percent, seed };
  }

  override readonly boot = async (options: BootOptions): Promise<ScenarioResult> => {
    const cold = this.#options.cold ?? bootScenario;
    const forked = await this.fork(options);
    if (!forked || options.signal?.aborted) return forked ?? cold(options);
    const passes = forked.verdict === 'pass';
    if (passes && !isSampled(resultName(forked), this.#options)) return forked;
    if (passes) this.checked++;
    await setAside(options.folder);
    const result = await cold(options);
    const difference = result.verdict === 'infra' ? null : disagreement(forked, result);
    if (difference !== null)
      this.disable(
        options,
        `as a clone ${difference}: a bug of bootgate or a flaky scenario, please report it`,
      );
    return result;
  };
}

/** Seeded, and each by itself: other scenarios of the run change nothing. */
export function isSampled(name: string, { percent, seed }: Pick<CheckOptions, 'percent' | 'seed'>): boolean {
  const hash = createHash('sha256').update(`${seed}\0${name}`).digest();
  return hash.readUInt32BE(0) < (percent / 100) * 2 ** 32;
}

/** How a clone and a cold boot of the same differ, as the end of a sentence that begins `as a clone`; null where they do not. */
export function disagreement(forked: ScenarioResult, cold: ScenarioResult): string | null {
  if (forked.verdict !== cold.verdict) return `it is a ${forked.verdict}, and cold a ${cold.verdict}`;
  const failing = ({ steps }: ScenarioResult) => steps.find(({ ok }) => !ok)?.name ?? 'none';
  if (failing(forked) !== failing(cold))
    return `its failing step is "${failing(forked)}", and cold "${failing(cold)}"`;
  const first = ({ findings: [one] }: ScenarioResult) =>
    one ? `${one.kind} ${one.module ?? ''}`.trim() : 'none';
  // A pass with a warning may have it from a busy host.
  if (forked.verdict !== 'pass' && first(forked) !== first(cold))
    return `its first finding is ${first(forked)}, and cold ${first(cold)}`;
  const loaded = new Set(cold.modulesLoaded);
  const other =
    forked.modulesLoaded.find((name) => !loaded.has(name)) ??
    cold.modulesLoaded.find((name) => !forked.modulesLoaded.includes(name));
  return other === undefined ? null : `it loads other modules than cold (${other})`;
}

async function setAside(folder: string): Promise<void> {
  const aside = join(folder, ASIDE);
  await rm(aside, { recursive: true, force: true });
  const names = await readdir(folder);
  await mkdir(aside);
  for (const name of names) await rename(join(folder, name), join(aside, name));
}
