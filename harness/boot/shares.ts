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

/** What a guest can do to the file that it is to write: leave it out, make it a folder, or a link in a circle. */
const GUESTS_DOING = new Set(['ENOENT', 'EISDIR', 'ELOOP', 'ENOTDIR', 'ENXIO']);

/** Whether the guest's bytes have arrived in each folder, once the guest is gone; what the host did to a file is `trouble`. */
export async function checkShares(
  shares: readonly Share[],
  seed: string,
): Promise<{ check: StepResult; trouble?: string }[]> {
  const checks: { check: StepResult; trouble?: string }[] = [];
  for (const { tag, folder } of shares) {
    let trouble: string | undefined;
    const found = await readFile(join(folder, 'from-guest'), 'latin1').catch(
      (error: NodeJS.ErrnoException) => {
        if (!GUESTS_DOING.has(error.code ?? ''))
          trouble = `the share ${tag} cannot be read: ${error.message}`;
        return null;
      },
    );
    const ok = found === lineOf(seed);
    const message = ok ? 'from-guest is as it was written' : 'from-guest is not there as the guest wrote it';
    checks.push({
      check: { name: `what the guest wrote to the share ${tag}`, ok, seconds: 0, where: 'outside', message },
      ...(trouble === undefined ? {} : { trouble }),
    });
  }
  return checks;
}
