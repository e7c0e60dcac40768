import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Share } from '../vm/machine.js';
import { isPlainFile, readLeft } from './left.js';

/** What the guest must find in `from-host`, and leave in `from-guest`. */
const lineOf = (seed: string) => `bootgate ${seed}\n`;

/** The folders that a scenario shares with its guest, below `scratch`, each with its file from the host. */
export async function makeShares(scenario: Scenario, scratch: string, seed: string): Promise<Share[]> {
  const shares = (scenario.shares ?? []).map(({ tag }) => ({ tag, folder: join(scratch, `share-${tag}`) }));
  for (const { folder } of shares) {
    await mkdir(folder);
    const file = join(folder, 'from-host');
    await writeFile(file, lineOf(seed));
    // QEMU may run as another user, and only reads it.
    await chmod(file, 0o644);
  }
  return shares;
}

/** Whether the guest's bytes have arrived in each folder, once the guest is gone; what the host did to a file is `trouble`. */
export async function checkShares(
  shares: readonly Share[],
  seed: string,
): Promise<{ check: StepResult; trouble?: string }[]> {
  const checks: { check: StepResult; trouble?: string }[] = [];
  for (const { tag, folder } of shares) {
    let trouble: string | undefined;
    const message = await whyNotWritten(folder, lineOf(seed)).catch((error: Error) => {
      trouble = `the share ${tag} cannot be read: ${error.message}`;
      return trouble;
    });
    const check: StepResult = {
      name: `what the guest wrote to the share ${tag}`,
      ok: message === null,
      seconds: 0,
      where: 'outside',
      message: message ?? 'from-guest holds what the guest wrote',
    };
    checks.push({ check, ...(trouble === undefined ? {} : { trouble }) });
  }
  return checks;
}

/** Null where the guest wrote `line` into a file of its own. A file that it only renamed proves no write. */
async function whyNotWritten(folder: string, line: string): Promise<string | null> {
  if (!(await isPlainFile(join(folder, 'from-host')))) return 'from-host is missing';
  const left = await readLeft(join(folder, 'from-guest'), 2 * line.length);
  if ('refused' in left) return `from-guest ${left.refused}`;
  return left.bytes.toString('latin1') === line ? null : 'from-guest differs from what the guest wrote';
}
