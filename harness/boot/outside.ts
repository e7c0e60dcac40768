import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { forJson } from '../printable.js';
import type { StepResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { verifyPattern } from '../vm/disks.js';
import type { Disk, Share } from '../vm/machine.js';
import { writeWhole } from '../write-whole.js';
import { checkShares } from './shares.js';

/** What was looked at once the guest was gone. */
export interface Outside {
  checks: StepResult[];
  /** One sentence: a file of ours was gone or unreadable, so that nothing can be said of the guest. */
  trouble?: string;
  /** What was wrong with the cached files that the guest was made from, found out after it failed. */
  damaged?: string;
}

const FILE = 'outside.json';

/**
 * Looks at the files of a guest that has ended: are its disks and shares still there, and do they hold what it says it wrote?
 * A file that somebody on the host removed, cut or made unreadable is the host's trouble and no answer about the guest.
 */
export async function checkOutside(
  scenario: Scenario,
  disks: readonly Disk[],
  shares: readonly Share[],
  seed: string,
): Promise<Outside> {
  const checks: StepResult[] = [];
  const troubles: string[] = [];
  const started = performance.now();
  for (const [number, { serial, sizeMiB, verifyPattern: wanted }] of scenario.disks.entries()) {
    const file = disks[number]?.file;
    if (!file) continue;
    if (!wanted) {
      troubles.push(...(await missing(file, `the disk file of ${serial}`)));
      continue;
    }
    const { ok, message, trouble } = await verifyPattern(file, sizeMiB, seed);
    if (trouble) troubles.push(`${message} (${serial})`);
    const seconds = (performance.now() - started) / 1000;
    checks.push({ name: `pattern in the disk file of ${serial}`, ok, seconds, where: 'outside', message });
  }
  // Its files are the guest's to remove; the folder is not.
  const lost = await Promise.all(
    shares.map(({ tag, folder }) => missing(folder, `the shared folder ${tag}`)),
  );
  troubles.push(...lost.flat());
  const shared = await checkShares(shares, seed);
  for (const { check, trouble } of shared) {
    checks.push(check);
    if (trouble && lost.flat().length === 0) troubles.push(trouble);
  }
  const [first] = troubles;
  return first === undefined
    ? { checks }
    : { checks, trouble: `${first}: it was removed or changed on the host` };
}

async function missing(path: string, what: string): Promise<string[]> {
  return stat(path).then(
    () => [],
    (error: Error) => [`${what} cannot be read: ${error.message}`],
  );
}

export async function writeOutside(folder: string, outside: Outside): Promise<void> {
  await writeWhole(join(folder, FILE), forJson(outside));
}

/** Undefined where the boot is of an older version, which kept its checks in run.json alone. */
export async function readOutside(folder: string): Promise<Outside | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as Outside;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
