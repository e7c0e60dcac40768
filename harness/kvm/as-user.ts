/** bootgate as a user starts it: for programs that look at it from outside. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exec } from '../exec.js';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';

/** What Node runs. */
export const MAIN = join(packageRoot, 'dist', 'cli', 'main.js');

/** The newest run in a results folder; null before one has ended. */
export function newestRun(results: string): RunResult | null {
  const file = join(results, 'latest', 'run.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RunResult) : null;
}

/** Runs bootgate into a results folder of its own, to its end. `text`: all that it printed. */
export async function bootgate(
  args: readonly string[],
  results: string,
): Promise<{ status: number; run: RunResult | null; text: string }> {
  const { exitCode, stdout, stderr } = await exec(process.execPath, [MAIN, ...args, '--results', results], {
    okCodes: [0, 1, 2, 3, 130],
    timeout: 3_600_000,
  });
  return { status: exitCode, run: newestRun(results), text: `${stdout}\n${stderr}`.trim() };
}
