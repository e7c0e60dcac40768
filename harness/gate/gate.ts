import type { Cache } from '../cache.js';
import { EXIT } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { writeGitlab } from '../report/annotations.js';
import { writeMarkdown } from '../report/markdown.js';
import { type Remark, remarksOf, repositoryRoot } from '../report/remarks.js';
import { writeSarif } from '../report/sarif.js';
import type { RunFolder } from '../results/folder.js';
import type { GateReport } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import { countVerdicts } from '../results/scenario-result.js';
import type { RunOptions } from '../run/options.js';
import { runPlan, verdictOf } from '../run/run.js';
import { gatherCheckInput } from '../splits/checkinput.js';
import { checkSplit } from '../splits/staticcheck.js';
import { budgetsOf } from './budgets.js';
import { judgeGate } from './judge-gate.js';
import { type KnownIssue, type LedgerProblem, matchKnownIssues } from './known-issues.js';
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
 * Static check, boots, budgets, comparison, verdict; run.json, junit.xml, results.tap, summary.md, results.sarif and
 * gl-code-quality.json in the run's folder.
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
  let gate: GateReport | undefined;
  const { result, folder } = await runPlan({
    ...options,
    retries: settings.retries,
    finish: async (run, _folder, missing) => {
      const { result: known, problems } = withKnownIssues(run, options.knownIssues, missing.length > 0);
      const overBudget = budgetsOf(prepared, known.image, known.results);
      gate = judgeGate({
        result: known,
        check,
        overBudget,
        baseline,
        ledgerProblems: problems,
        missing,
        settings,
      });
      return { ...known, gate };
    },
  });
  const remarks = remarksOf(result, repositoryRoot());
  await writeMarkdown(folder.path, result);
  await writeSarif(folder.path, result, remarks);
  await writeGitlab(folder.path, remarks);
  return { result, gate: gate as GateReport, folder, remarks };
}

/** A run in which failures that the ledger explains are noted passes, counts and verdict included. */
export function withKnownIssues(
  run: RunResult,
  ledger: readonly KnownIssue[],
  unfinished: boolean,
  now = new Date(),
): { result: RunResult; problems: LedgerProblem[] } {
  const { release } = run.image.kernel;
  const { results, problems } = matchKnownIssues(run.results, ledger, { release, now });
  const sets = run.installSets?.map((set) => ({
    ...set,
    counts: countVerdicts(results.filter(({ installSet }) => installSet === set.name)),
  }));
  const verdict = verdictOf(results, unfinished);
  return {
    result: {
      ...run,
      results,
      counts: countVerdicts(results),
      verdict,
      ...(sets ? { installSets: sets } : {}),
    },
    problems,
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

/** By the contract: 0 holds, 1 does not, 3 undecided, 130 interrupted. */
export function exitCodeOfGate({ verdict }: GateReport, interrupted: boolean): number {
  if (interrupted) return EXIT.interrupted;
  if (verdict === 'pass') return EXIT.ok;
  return verdict === 'fail' ? EXIT.no : EXIT.undecided;
}
