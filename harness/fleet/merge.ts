import { type GateInput, withGate, writeGateInput } from '../gate/gate-input.js';
import { writeReports } from '../report/reports.js';
import { makeRunFolder, pointLatest, type RunFolder } from '../results/folder.js';
import type { RunResult } from '../results/run-result.js';
import { countVerdicts, resultName, type ScenarioResult } from '../results/scenario-result.js';
import { withResults } from '../results/verdict.js';
import { writePlan } from '../run/resume.js';
import { lockRun } from '../run/writer-lock.js';
import { requireAgreement } from './agree.js';
import { gapsOf, notesOf } from './gaps.js';
import { copyRest, copyResult } from './merge-files.js';
import { mergedGateInput } from './merge-gate.js';
import { asTries, type Joined, joinResults } from './overlap.js';
import { type Part, readParts } from './parts.js';

export interface MergedOutcome {
  folder: RunFolder;
  result: RunResult;
  /** What a person should know: gaps, overlaps, differences that were no reason to refuse. */
  notes: string[];
}

/**
 * One run made of several: their results and logs in a folder of its own, judged as a whole. A gate's budgets, ledger and baseline are
 * looked at here for the first time. What no part has a result of is missing, and leaves the verdict open.
 * @throws BootgateError blame `user`: E_RUN, E_MERGE.
 */
export async function mergeRuns(
  given: readonly string[],
  results: string,
  now = new Date(),
): Promise<MergedOutcome> {
  const { parts, unfinished } = await readParts(given, results);
  requireAgreement(parts);
  const joined = joinResults(parts);
  const [first] = parts as [Part, ...Part[]];
  const folder = await makeRunFolder(results, first.plan.image, now);
  const lock = lockRun(folder.path);
  try {
    const gaps = gapsOf(parts, joined);
    const whole = { ...first.whole, boots: gaps.planned };
    const started = new Date(Math.min(...parts.map(({ result }) => Date.parse(result.started))));
    await writePlan(folder, started, first.plan.image, { whole });
    const merged = await mergedResults(parts, joined, folder.path);
    const order = new Map(whole.boots.map(({ name }, at) => [name, at]));
    merged.sort((a, b) => (order.get(resultName(a)) ?? 0) - (order.get(resultName(b)) ?? 0));
    const bare = wholeRun(parts, merged, gaps.missing, { folder, started });
    const input = mergedGateInput(parts, now);
    const result = await judged(bare, input, folder);
    await writeReports({ folder: folder.path, result });
    const notes = [...notesOf(parts, joined, gaps, unfinished)];
    const warning = await pointLatest(results, folder.id);
    return { folder, result, notes: warning ? [...notes, warning] : notes };
  } finally {
    lock.release();
  }
}

async function judged(run: RunResult, input: GateInput | undefined, { path }: RunFolder): Promise<RunResult> {
  if (!input) return run;
  await writeGateInput(path, input);
  return withGate(run, input);
}

/** Logs and results in the merged run's folder. */
async function mergedResults(
  parts: readonly Part[],
  joined: readonly Joined[],
  target: string,
): Promise<ScenarioResult[]> {
  const merged: ScenarioResult[] = [];
  for (const { counts, others } of joined) {
    const first = await copyResult(counts, target, '');
    const copied: ScenarioResult[] = [];
    for (const [at, other] of others.entries())
      copied.push(await copyResult(other, target, `.also-${at + 2}`));
    merged.push(copied.length > 0 ? asTries(first, copied) : first);
  }
  const all = joined.flatMap(({ counts, others }) => [counts, ...others]);
  for (const part of parts)
    await copyRest(
      part,
      target,
      all.filter((one) => one.part === part),
    );
  return merged;
}

function wholeRun(
  parts: readonly Part[],
  results: ScenarioResult[],
  missing: string[],
  { folder, started }: { folder: RunFolder; started: Date },
): RunResult {
  const runs = parts.map(({ result }) => result);
  const [{ gate: _gate, shard: _shard, resumed: _resumed, missing: _missing, ...first }] = runs as [
    RunResult,
    ...RunResult[],
  ];
  const sum = (of: (run: RunResult) => number) => runs.reduce((total, run) => total + of(run), 0);
  return withResults(
    {
      ...first,
      id: folder.id,
      started: started.toISOString(),
      // They ran side by side: the longest is what somebody waited for.
      seconds: Math.max(...runs.map(({ seconds }) => seconds)),
      cpuSeconds: { harness: sum((run) => run.cpuSeconds.harness), qemu: sum((run) => run.cpuSeconds.qemu) },
      accelerator: acceleratorOf(runs),
      counts: countVerdicts(results),
      ...(missing.length > 0 ? { missing } : {}),
      merged: runs.map(({ id, shard, started, seconds }) => ({
        id,
        ...(shard ? { shard } : {}),
        started,
        seconds,
      })),
    },
    results,
  );
}

/** Where machines differ, the slower accelerator is named: figures of time are compared with care. */
function acceleratorOf(runs: readonly RunResult[]): RunResult['accelerator'] {
  const [{ accelerator: first }] = runs as [RunResult, ...RunResult[]];
  const tcg = runs.filter(({ accelerator }) => accelerator.used === 'tcg');
  if (tcg.length === 0 || tcg.length === runs.length) return first;
  return {
    requested: first.requested,
    used: 'tcg',
    reason: `${runs.length - tcg.length} of ${runs.length} merged runs used kvm, the others tcg`,
  };
}
