import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Share } from '../vm/machine.js';

/** What the guest must find in `from-host`, and leave in `from-guest`. */
const lineOf = (seed: string) => `bootgate ${seed}\n`;

/** The folders that a scenario shares with its guest, below `scratch`, each with its file from the host. */
export async function makeShares(scenario: Scenario, scratch: string, seed: string): Promise<Share[]> {
  const shares = (scenario.shares ?? []).map(({ tag }) => ({ tag, folder: join(scratch, `share-${tag}`) }));
  for (const { folder } of shares) {
    await mkdir(folder);
    await writeFile(join(folder, 'from-host'), lineOf(seed));
  }
  return shares;
}

/** Whether the guest's bytes have arrived in each folder, once the guest is gone. */
export async function checkShares(shares: readonly Share[], seed: string): Promise<StepResult[]> {
  const checks: StepResult[] = [];
  for (const { tag, folder } of shares) {
    const found = await readFile(join(folder, 'from-guest'), 'latin1').catch(() => null);
    const ok = found === lineOf(seed);
    const message = ok ? 'from-guest is as it was written' : 'from-guest is not there as the guest wrote it';
    checks.push({
      name: `what the guest wrote to the share ${tag}`,
      ok,
      seconds: 0,
      where: 'outside',
      message,
    });
  }
  return checks;
}
