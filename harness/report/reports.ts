import { join } from 'node:path';
import type { StoredRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import { RUN_FILE, runText } from '../results/write.js';
import { writeWhole } from '../write-whole.js';
import { githubAnnotations, gitlabCodeQuality } from './annotations.js';
import { chromeTrace } from './chrome-trace.js';
import { gateText } from './gatetext.js';
import { htmlPage } from './html/page.js';
import { junitText } from './junit.js';
import { markdownSummary, writeMarkdown } from './markdown.js';
import { remarksOf, repositoryRoot } from './remarks.js';
import { sarifText } from './sarif.js';
import { MOST_COLUMNS, screenOf, styleOf } from './screen.js';
import { summary } from './summary.js';
import { tapDocument } from './tap.js';

/** A form that a run can be put into: `report --format NAME` prints it, and most lie in the run's folder. */
export interface Report {
  format: string;
  /** Its file in the run's folder, and what results/README.md says of it; none for what is only printed. */
  file?: { name: string; what: string; of: 'run' | 'gate' };
  text(run: StoredRun): string | Promise<string>;
  /** Where writing is more than `text` in that file. */
  write?(run: StoredRun): Promise<unknown>;
}

const remarks = ({ result }: StoredRun) => remarksOf(result, repositoryRoot());

/** All of them, in the order in which they are written: run.json first, since every other can be made from it. */
export const REPORTS = [
  {
    format: 'json',
    file: {
      name: RUN_FILE,
      what: 'the complete result (schema bootgate/run@1); every other report is made from it',
      of: 'run',
    },
    text: ({ result }) => runText(result),
  },
  {
    format: 'junit',
    file: { name: 'junit.xml', what: 'the same for CI', of: 'run' },
    text: ({ folder, result }) => junitText(folder, result),
  },
  {
    format: 'tap',
    file: { name: 'results.tap', what: 'the same as TAP', of: 'run' },
    text: ({ result }) => tapDocument(result.results),
  },
  {
    format: 'html',
    file: {
      name: 'report.html',
      what: 'the same as one page for a browser; readable without JavaScript, loads nothing',
      of: 'run',
    },
    text: (run) => htmlPage(run),
  },
  {
    format: 'markdown',
    file: {
      name: 'summary.md',
      what: 'the page that CI shows (also added to $GITHUB_STEP_SUMMARY)',
      of: 'gate',
    },
    text: ({ result }) => markdownSummary(result),
    write: ({ folder, result }) => writeMarkdown(folder, result),
  },
  {
    format: 'sarif',
    file: {
      name: 'results.sarif',
      what: 'SARIF 2.1.0, each remark at its line of the split or policy',
      of: 'gate',
    },
    text: (run) => sarifText(run.result, remarks(run)),
  },
  {
    format: 'gitlab',
    file: { name: 'gl-code-quality.json', what: 'the same for GitLab', of: 'gate' },
    text: (run) => gitlabCodeQuality(remarks(run)),
  },
  { format: 'chrome-trace', text: ({ result }) => chromeTrace(result) },
  { format: 'github', text: (run) => githubAnnotations(remarks(run)) },
  { format: 'terminal', text: ({ folder, result }) => terminalText(folder, result) },
] as const satisfies readonly Report[];

export type ReportFormat = (typeof REPORTS)[number]['format'];

const ALL: readonly Report[] = REPORTS;

/** The files that say how a run ended: what a run that is resumed has to take back first. */
export const REPORT_FILES: readonly string[] = ALL.flatMap(({ file }) => (file ? [file.name] : []));

/** Writes the reports of a run, and those of a gate where it is one, into its folder. */
export async function writeReports(run: StoredRun): Promise<void> {
  for (const { file, text, write } of ALL) {
    if (!file || (file.of === 'gate' && !run.result.gate)) continue;
    if (write) await write(run);
    else await writeWhole(join(run.folder, file.name), await text(run));
  }
}

export async function reportText(run: StoredRun, format: ReportFormat): Promise<string> {
  const report = ALL.find((one) => one.format === format) as Report;
  return report.text(run);
}

function terminalText(folder: string, result: RunResult): string {
  const screen = screenOf(process.stdout);
  const style = styleOf(screen);
  const width = Math.min(screen.columns, MOST_COLUMNS);
  const gate = gateText(result, style, width);
  return summary(result, folder, width, style) + (gate && `\n${gate}`);
}
