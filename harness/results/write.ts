import { forJson } from '../printable.js';
import type { RunResult } from './run-result.js';

/** The name of a run's own file in its folder. */
export const RUN_FILE = 'run.json';

/** run.json as it is written and as `--reporter json` prints it. */
export function runText(result: RunResult): string {
  return forJson(result);
}
