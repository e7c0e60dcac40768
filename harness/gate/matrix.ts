import { cleanLine, someOf } from '../printable.js';
import type { Style } from '../report/screen.js';
import { type Cell, table } from '../report/table.js';
import type { RunResult } from '../results/run-result.js';
import { resultName, type ScenarioResult, type Verdict } from '../results/scenario-result.js';
import type { WholeVerdict } from '../results/verdict.js';
import { builtInChanges, explainChanges, type KernelChange, type KernelSide } from './kernel-change.js';

/** One kernel's gate within a matrix. */
export interface MatrixRun extends KernelSide {
  result: RunResult;
  folder: string;
}

/** The same split and scenarios over several kernels. */
export interface KernelMatrix {
  verdict: WholeVerdict;
  kernels: { release: string; run: string; verdict: WholeVerdict }[];
  rows: { result: string; verdicts: (Verdict | null)[] }[];
  /** From each kernel to the next. */
  changes: { from: string; to: string; changes: KernelChange[] }[];
}

export function kernelMatrix(runs: readonly MatrixRun[]): KernelMatrix {
  const verdictOf = ({ result }: MatrixRun): WholeVerdict => result.gate?.verdict ?? result.verdict;
  const verdicts = runs.map(verdictOf);
  const names = [...new Set(runs.flatMap(({ result }) => result.results.map(nameIn(result))))];
  return {
    verdict: verdicts.includes('fail') ? 'fail' : verdicts.includes('incomplete') ? 'incomplete' : 'pass',
    kernels: runs.map((run) => ({ release: run.release, run: run.folder, verdict: verdictOf(run) })),
    rows: names.map((name) => ({
      result: name,
      verdicts: runs.map(({ result }) => find(result, name)?.verdict ?? null),
    })),
    changes: runs.slice(1).map((after, at) => {
      const before = runs[at] as MatrixRun;
      const pairs = names.flatMap((name): [ScenarioResult, ScenarioResult][] => {
        const [was, is] = [find(before.result, name), find(after.result, name)];
        return was && is ? [[was, is]] : [];
      });
      const changes = [...explainChanges(pairs, before, after), ...builtInChanges(pairs, before, after)];
      return { from: before.release, to: after.release, changes };
    }),
  };
}

/** Install sets of built packages may have the release in their names. */
const nameIn =
  ({ image }: RunResult) =>
  (one: ScenarioResult): string =>
    resultName(one).replaceAll(`-${image.kernel.release}`, '');

const find = (result: RunResult, name: string): ScenarioResult | undefined =>
  result.results.find((one) => nameIn(result)(one) === name);

/** Explanations of one pair on the terminal; --json has them all. */
const MOST = 12;

/** A row for each scenario with its install set, a column for each kernel; then what explains the differences. */
export function matrixText({ kernels, rows, changes }: KernelMatrix, style: Style): string {
  const cell = (verdict: Verdict | null): Cell => {
    if (verdict === null) return { text: '-', style: style.dim };
    if (verdict === 'pass') return { text: 'ok', style: style.green };
    return { text: verdict, style: verdict === 'skip' ? style.dim : style.red };
  };
  const head = ['what works on', ...kernels.map(({ release }) => cleanLine(release))];
  const body = rows.map(({ result, verdicts }): Cell[] => [cleanLine(result), ...verdicts.map(cell)]);
  const gates = [
    'the gate',
    ...kernels.map(({ verdict }): Cell => cell(verdict === 'incomplete' ? null : verdict)),
  ];
  const lines = changes.flatMap(({ from, to, changes: all }) => {
    if (all.length === 0) return [`${from} -> ${to}: no module explains a difference`];
    const explained = new Map<string, KernelChange[]>();
    for (const one of all) {
      const key = `${one.by}: ${one.message}`;
      explained.set(key, [...(explained.get(key) ?? []), one]);
    }
    const shown = [...explained].slice(0, MOST).map(([message, some]) => {
      const results = [...new Set(some.flatMap(({ result }) => (result ? [result] : [])))];
      return `  ${cleanLine(message)}${results.length > 0 ? `: ${someOf(results, 3)}` : ''}`;
    });
    if (explained.size > MOST) shown.push(`  and ${explained.size - MOST} more: see --json`);
    return [`${from} -> ${to}`, ...shown];
  });
  return `${table(head, [...body, gates], style)}\n${lines.join('\n')}\n`;
}
