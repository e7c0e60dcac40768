import type { Cache } from '../cache.js';
import type { StoredRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import { type RunKernel, rejudge } from '../run/rejudge.js';
import { readGateInput, withGate } from './gate-input.js';

/**
 * A stored run passed through the whole chain again: verdicts and findings from the recordings, references, known issues, the
 * gate. By the rules that made it, it comes out as it is, byte for byte. A gate of an older version, which did not store what it
 * went by, loses its gate.
 * @throws BootgateError blame `user`: see run/rejudge.ts.
 */
export async function rejudgeRun(stored: StoredRun, cache: Cache, kernel?: RunKernel): Promise<RunResult> {
  const run = await rejudge(stored, cache, kernel);
  const input = stored.result.gate && (await readGateInput(stored.folder));
  return input ? withGate(run, input) : run;
}
