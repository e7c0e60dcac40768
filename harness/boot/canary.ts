import { mkdir } from 'node:fs/promises';
import { type ReferenceFacts, referenceFacts } from '../diagnose/reference-facts.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Forks } from './forks.js';
import { type Reference, reportOf } from './reference.js';

export interface CanaryOptions {
  /** What the reference was booted with. */
  prepared: PreparedImage;
  scenario: Scenario;
  reference: Reference;
  /** Where its logs go. */
  folder: string;
}

/**
 * Before trials of a scenario are forked, one clone with the reference's own set: where that shows anything else than the
 * reference's cold boot did, its trials are booted cold.
 */
export function guardByCanary(forks: Forks | undefined, options: CanaryOptions): void {
  const { prepared, scenario, reference, folder } = options;
  forks?.guard(scenario, async (fork) => {
    await mkdir(folder, { recursive: true });
    const result = await fork(prepared, folder);
    if (typeof result === 'string') return result;
    const difference = differenceOf(
      reference,
      referenceFacts(result.verdict, await reportOf(folder, result)),
    );
    return difference && `a clone of it ${difference}`;
  });
}

/** What a clone did otherwise, as the end of a sentence; null where it did the same. */
export function differenceOf(cold: ReferenceFacts, forked: ReferenceFacts): string | null {
  if (cold.verdict !== forked.verdict) return `is a ${forked.verdict}, and the cold boot a ${cold.verdict}`;
  const requests = ({ answered, unanswered }: ReferenceFacts) => [...answered, ...unanswered];
  const rows = [
    ['loaded', cold.modulesLoaded, forked.modulesLoaded],
    ['left unbound', cold.unbound, forked.unbound],
    ['requested', requests(cold), requests(forked)],
  ] as const;
  for (const [did, before, now] of rows) {
    const more = now.find((one) => !before.includes(one));
    if (more !== undefined) return `${did} ${more}, and the cold boot did not`;
    const less = before.find((one) => !now.includes(one));
    if (less !== undefined) return `did not, as the cold boot, have ${less} ${did}`;
  }
  return null;
}
