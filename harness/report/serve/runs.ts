import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { RunResult } from '../../results/run-result.js';
import { RUN_FILE } from '../../results/write.js';

/** One folder of a results folder, as the list of runs shows it. */
export interface ListedRun {
  id: string;
  /** Undefined: it has not ended, or was interrupted. */
  verdict?: RunResult['verdict'];
  counts?: RunResult['counts'];
  started?: string;
}

/** Names of runs are those that bootgate gives; anything else in the folder is not shown. */
const ID = /^\d{8}-\d{6}-[\w.-]+$/;

/** The runs of a results folder, the newest first. */
export async function listRuns(results: string): Promise<ListedRun[]> {
  const names = (await readdir(results).catch((): string[] => [])).filter((name) => ID.test(name));
  return Promise.all(
    names
      .sort()
      .reverse()
      .map(async (id): Promise<ListedRun> => {
        try {
          const run = JSON.parse(await readFile(join(results, id, RUN_FILE), 'utf8')) as RunResult;
          return { id, verdict: run.gate?.verdict ?? run.verdict, counts: run.counts, started: run.started };
        } catch {
          return { id };
        }
      }),
  );
}

/**
 * The file that an address below a results folder names: undefined unless it is a regular file of a run in that very folder. Links
 * are followed first, so that none leads out of it.
 */
export async function fileOf(results: string, path: string): Promise<string | undefined> {
  const [id = '', ...rest] = path.split('/');
  if (
    !ID.test(id) ||
    rest.some((part) => part === '' || part === '.' || part === '..' || /[\0\\]/.test(part))
  )
    return undefined;
  try {
    const home = await realpath(join(results, id));
    const file = await realpath(join(results, id, ...rest));
    const isOurs = home.startsWith(`${await realpath(results)}${sep}`) && file.startsWith(`${home}${sep}`);
    return isOurs && (await stat(file)).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/** A run's folder under the same rule. */
export async function folderOf(results: string, id: string): Promise<string | undefined> {
  if (!ID.test(id)) return undefined;
  try {
    const [home, folder] = [await realpath(results), await realpath(join(results, id))];
    return folder.startsWith(`${home}${sep}`) && (await stat(folder)).isDirectory() ? folder : undefined;
  } catch {
    return undefined;
  }
}
