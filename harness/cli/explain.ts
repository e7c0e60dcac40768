import { Command, Option } from 'commander';
import { cleanLine } from '../printable.js';
import type { StoredRun } from '../results/read.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { type SharedFlags, share } from './options.js';
import { print, printJson, standardOutput, write } from './output.js';

interface ExplainFlags extends SharedFlags {
  coverage?: boolean;
}

/** At most this many failures are shown in full; more of them are first grouped by their cause. */
const MOST_STORIES = 2;
const MOST_UNTOUCHED = 8;

export function explainCommand(): Command {
  const command = new Command('explain')
    .description(
      'explain a failure: how far the boot got, what it requested, what is missing, what to add and from where',
    )
    .argument('<run>', 'a run: its folder, its id, or `latest`')
    .argument('[scenario...]', 'results to explain (default: all that failed or could not be tried)')
    .addOption(new Option('--coverage', 'show instead how much of the set any scenario loaded'));
  return share(command, 'results', 'json').action(explain);
}

async function explain(where: string, names: string[], flags: ExplainFlags): Promise<void> {
  const { storedRun } = await import('./session.js');
  const run = await storedRun(where, flags);
  if (flags.coverage) return explainCoverage(run, flags);

  const { resultsOf, unsettledOf } = await import('../results/choose.js');
  const { storyOf } = await import('../search/story.js');
  const chosen = names.length > 0 ? resultsOf(run, names) : unsettledOf(run);
  const stories = [];
  for (const result of chosen) stories.push(await storyOf(run, result));
  if (flags.json) return printJson({ run: run.result.id, verdict: run.result.verdict, stories });

  const { storyText } = await import('../search/storytext.js');
  const { style, width } = standardOutput();
  if (stories.length === 0)
    print(
      `${run.result.id}: nothing failed${run.result.verdict === 'incomplete' ? ', but not everything was tried' : ''}`,
    );
  else if (stories.length <= MOST_STORIES || names.length > 0)
    write(stories.map((story) => storyText(story, where, width, style)).join('\n'));
  else write(await causesText(chosen, where));
}

/** Many failures, by what is at the top of their findings. */
async function causesText(failed: readonly ScenarioResult[], where: string): Promise<string> {
  const { resultName, isKernelsOwn } = await import('../results/scenario-result.js');
  const { table } = await import('../report/table.js');
  const { formatBytes } = await import('../units.js');
  const causes = new Map<string, { row: string[]; results: string[] }>();
  for (const one of failed) {
    const top = one.findings[0];
    const cause = isKernelsOwn(one)
      ? 'the kernel itself'
      : top
        ? `${top.kind.replaceAll('-', ' ')}${top.module ? `: ${top.module}` : ''}`
        : one.reason;
    const known = causes.get(cause) ?? {
      row: [cause, top?.bytes ? `+${formatBytes(top.bytes)}` : '', top?.package ?? '', top?.rule ?? ''],
      results: [],
    };
    known.results.push(resultName(one));
    causes.set(cause, known);
  }
  const rows = [...causes.values()]
    .sort((a, b) => b.results.length - a.results.length)
    .map(({ row, results }) => [
      ...row.map((text) => ({ text: cleanLine(text), left: true })),
      {
        text: `${results.length}: ${results.slice(0, 3).join(', ')}${results.length > 3 ? ', ...' : ''}`,
        left: true,
      },
    ]);
  const text = table(['cause', 'cost', 'package', 'rule', 'failures'], rows, standardOutput().style);
  return `${text}\ndetails of one: bootgate explain ${where} ${failed[0]?.scenario}; to fix them: bootgate fix ${where}\n`;
}

async function explainCoverage(run: StoredRun, flags: ExplainFlags): Promise<void> {
  const { coverageOf } = await import('../search/coverage.js');
  const { formatBytes, formatPercent } = await import('../units.js');
  const rows = await coverageOf(run);
  if (flags.json) return printJson({ run: run.result.id, coverage: rows });
  const count = run.result.results.filter((one) => one.verdict !== 'skip').length;
  for (const { name, modules, bytes, loaded, loadedBytes, untouched } of rows) {
    const portion = formatPercent(modules - loaded, modules);
    print(
      `${portion === '100 %' && loaded > 0 ? 'over 99 %' : portion} of ${name} was never loaded by any scenario (${count} booted): ` +
        `${modules - loaded} of ${modules} modules, ${formatBytes(bytes - loadedBytes)} of ${formatBytes(bytes)}`,
    );
    const largest = untouched.slice(0, MOST_UNTOUCHED).map((one) => `${one.name} ${formatBytes(one.bytes)}`);
    if (largest.length > 0) print(`  the largest: ${largest.join(', ')}`);
  }
}
