import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { type Remark, remarksOf, repositoryRoot } from '../report/remarks.js';
import type { RunFolder } from '../results/folder.js';
import type { GateReport } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import type { RunOptions } from '../run/options.js';
import { runPlan } from '../run/run.js';
import { gatherCheckInput } from '../splits/checkinput.js';
import { checkSplit } from '../splits/staticcheck.js';
import { budgetsOf } from './budgets.js';
import { type GateInput, withGate, writeGateInput } from './gate-input.js';
import type { KnownIssue } from './known-issues.js';
import type { GateSettings } from './thresholds.js';

export interface GateOptions extends Omit<RunOptions, 'prepared' | 'finish' | 'retries'> {
  prepared: readonly [PreparedImage, ...PreparedImage[]];
  settings: GateSettings;
  baseline: RunResult | null;
  /** Failures that are known, with an owner and a last day. */
  knownIssues: readonly KnownIssue[];
}

export interface GateOutcome {
  result: RunResult;
  gate: GateReport;
  folder: RunFolder;
  /** For the CI system's annotations. */
  remarks: Remark[];
}

/**
 * Static check, boots, budgets, comparison, verdict, and all reports in the run's folder.
 * @throws BootgateError blame `user`: a budget on something that does not exist, before anything is booted.
 */
export async function runGate(options: GateOptions): Promise<GateOutcome> {
  const { prepared, settings, baseline, cache } = options;
  const nothing = { count: 0, bytes: 0, ofCount: 0, ofBytes: 0, source: '' };
  budgetsOf(
    prepared,
    { vmlinuz: { bytes: 0 }, initramfs: { bytes: 0, digest: '', buildMs: 0 }, modules: nothing },
    [],
  );
  const check = settings.check === 'off' ? null : await checkStatically(prepared[0], cache);
  const { result, folder } = await runPlan({
    ...options,
    retries: settings.retries,
    finish: async (run, { path }) => {
      const overBudget = budgetsOf(prepared, run.image, run.results);
      const { knownIssues } = options;
      const input: GateInput = { now: new Date(), settings, knownIssues, check, overBudget, baseline };
      await writeGateInput(path, input);
      return withGate(run, input);
    },
  });
  return {
    result,
    gate: result.gate as GateReport,
    folder,
    remarks: remarksOf(result, repositoryRoot()),
  };
}

/** What can be said about the image's split without booting; null where it has none. */
async function checkStatically(
  { split, index, kernel }: PreparedImage,
  cache: Cache,
): Promise<GateReport['check']> {
  if (!split) return null;
  const findings = checkSplit(await gatherCheckInput(split, { kernel, index, cache }));
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { severity } of findings) counts[severity]++;
  return { counts, findings };
}
