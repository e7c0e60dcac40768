import { join } from 'node:path';
import type { RunHistory } from '../report/reporter.js';
import { readRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import { resultName } from '../results/scenario-result.js';
import type { Accelerator } from '../vm/machine.js';

/** What the newest run in a results folder took; undefined where none can be read, or it was booted under another accelerator. */
export async function historyIn(results: string, accelerator: Accelerator): Promise<RunHistory | undefined> {
  const run = await readRun(join(results, 'latest')).catch(() => undefined);
  return run?.result.accelerator.used === accelerator ? historyOf(run.result) : undefined;
}

/** Guest seconds of each result that was booted. The wall time of a run that was resumed is that of its rest alone: it tells nothing. */
export function historyOf({ results, seconds, resumed }: RunResult): RunHistory | undefined {
  const booted = results.filter((one) => one.seconds > 0);
  const guestSeconds = booted.reduce((sum, one) => sum + one.seconds, 0);
  if (guestSeconds === 0 || seconds <= 0 || resumed) return undefined;
  return {
    seconds: new Map(booted.map((one) => [resultName(one), one.seconds])),
    guestSecondsPerSecond: guestSeconds / seconds,
  };
}
