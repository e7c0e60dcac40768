import type { RunHistory } from '../report/reporter.js';
import { readRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import { resultName } from '../results/scenario-result.js';

/** What the newest run in a results folder took; undefined where there is none that can be read, or it booted nothing. */
export async function historyIn(results: string): Promise<RunHistory | undefined> {
  const run = await readRun('latest', results).catch(() => undefined);
  return run && historyOf(run.result);
}

/** Guest seconds of each result that was booted. A run that was resumed has more guests than its wall time tells of. */
export function historyOf({ results, seconds, resumed }: RunResult): RunHistory | undefined {
  const booted = results.filter((one) => one.seconds > 0);
  const guestSeconds = booted.reduce((sum, one) => sum + one.seconds, 0);
  if (guestSeconds === 0 || seconds <= 0 || resumed) return undefined;
  return {
    seconds: new Map(booted.map((one) => [resultName(one), one.seconds])),
    guestSecondsPerSecond: guestSeconds / seconds,
  };
}
