import { join } from 'node:path';
import { forJson } from '../printable.js';
import { writeWhole } from '../write-whole.js';
import type { RunResult } from './run-result.js';

/** The name of a run's own file in its folder. */
export const RUN_FILE = 'run.json';

/** run.json as it is written and as `--reporter json` prints it. */
export function runText(result: RunResult): string {
  return forJson(result);
}

/** Writes results/RUN/run.json; returns its path. */
export async function writeRunJson(folder: string, result: RunResult): Promise<string> {
  const path = join(folder, RUN_FILE);
  await writeWhole(path, runText(result));
  return path;
}
