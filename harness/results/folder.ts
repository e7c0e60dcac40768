import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hostError } from '../errors.js';
import { makeFolder } from '../folders.js';

/** A run's folder under results/, and the names inside it. */
export interface RunFolder {
  id: string;
  path: string;
}

/**
 * Makes `results/YYYYMMDD-HHMMSS-IMAGE`; a second run in the same second gets `-2`. Local time, as the person who
 * looks for it reads the clock.
 */
export async function makeRunFolder(results: string, image: string, now = new Date()): Promise<RunFolder> {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const stamp = `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}-${image}`;
  try {
    await makeFolder(results);
    for (let count = 1; ; count++) {
      const id = count === 1 ? stamp : `${stamp}-${count}`;
      const path = join(results, id);
      try {
        await mkdir(path);
        return { id, path };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch (cause) {
    throw hostError('E_RESULTS', `cannot make a run folder in ${results}: ${(cause as Error).message}`, {
      hint: 'give another folder with --results',
      cause,
    });
  }
}

/**
 * Points `results/latest` at a run, in one step: a reader sees the old one or the new one. Where that cannot be (a real
 * folder has the name, the disk knows no links) the run is whole all the same, so the answer is a warning, not an error.
 */
export async function pointLatest(results: string, id: string): Promise<string | null> {
  const latest = join(results, 'latest');
  const temporary = join(results, `.latest-${process.pid}`);
  try {
    await rm(temporary, { force: true });
    await symlink(id, temporary);
    await rename(temporary, latest);
    return null;
  } catch (error) {
    await rm(temporary, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EISDIR' ? 'it is a folder, not a link' : message;
    return `${latest} does not name this run: ${why}`;
  }
}

/**
 * A scenario's own folder inside a run, relative to it: `storage/nvme`, `kernel-core/storage/nvme` for an install set. A
 * second attempt gets one of its own.
 */
export function scenarioFolder(scenario: string, installSet: string | undefined, attempt: number): string {
  const folder = installSet === undefined ? scenario : join(installSet, scenario);
  return attempt === 1 ? folder : `${folder}.attempt-${attempt}`;
}
