import { isFailure, type ScenarioResult } from '../results/scenario-result.js';

/** how often a guest is started again when the host, not the kernel, was at fault. */
const INFRA_ATTEMPTS = 2;

/** Boots once; the attempts of one scenario are numbered from 1. Undefined when interrupted. */
export type BootOnce = (attempt: number) => Promise<ScenarioResult | undefined>;

/**
 * One scenario to its result; undefined when interrupted. A guest that the host let down is started again, a bounded
 * number of times. A guest that failed is booted again (`retries` times at most, until it passes) only to learn whether it
 * is flaky: the result stays that of its first boot. With `repeats` it is booted so often whatever comes of it, and the result is
 * that of the first boot that failed.
 */
export async function bootWithRetries(
  boot: BootOnce,
  retries: number,
  onInfra: (result: ScenarioResult) => void = () => {},
  repeats = 1,
): Promise<ScenarioResult | undefined> {
  let attempt = 0;
  const bootUntilDecided = async (): Promise<ScenarioResult | undefined> => {
    for (let count = 1; ; count++) {
      const result = await boot(++attempt);
      if (result?.verdict !== 'infra' || count >= INFRA_ATTEMPTS) return result;
      onInfra(result);
    }
  };
  const first = await bootUntilDecided();
  if (!first || first.verdict === 'infra') return first;
  const tries = [first];
  const isRetried = () => tries.length <= retries && tries.every(isFailure);
  while (tries.length < repeats || isRetried()) {
    const again = await bootUntilDecided();
    if (!again) return undefined;
    // The host is out of order: what is known of the guest stays known.
    if (again.verdict === 'infra') break;
    tries.push(again);
  }
  if (tries.length === 1) return first;
  const told = tries.find(isFailure) ?? first;
  return triedAgain({ ...told, attempts: attempt }, [told, ...tries.filter((one) => one !== told)]);
}

/**
 * The first boot's result with what all of its tries came to: flaky where one of them passed. What was tried once, or passed at
 * first and not always, has no tries to tell of.
 */
export function triedAgain(
  first: ScenarioResult,
  tries: readonly Pick<ScenarioResult, 'verdict' | 'reason' | 'files'>[],
): ScenarioResult {
  if (tries.length < 2 || (!isFailure(first) && tries.some(isFailure))) return first;
  return {
    ...first,
    ...(tries.some(isFailure) && !tries.every(isFailure) ? { flaky: true } : {}),
    tries: tries.map(({ verdict, reason, files }) => ({ verdict, reason, console: files.console })),
  };
}
