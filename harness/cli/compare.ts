import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import { printJson, standardOutput, write } from './output.js';

interface CompareFlags extends SharedFlags {
  format?: 'terminal' | 'json' | 'html';
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('what changed from one run to another; exit 1 on a new failure, 3 if undecided')
    .argument('<before>', "a run's folder, its run.json, its id, or latest")
    .argument('<after>', 'another run, in the same forms')
    .addOption(
      new Option('-f, --format <which>', 'what to print (default: terminal)').choices([
        'terminal',
        'json',
        'html',
      ]),
    );
  return share(command, 'json', 'results').action(compare);
}

async function compare(before: string, after: string, flags: CompareFlags): Promise<void> {
  const { compareRuns, verdictOfComparison } = await import('../results/compare.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { storedRun } = await import('./session.js');
  const comparison = compareRuns(
    (await storedRun(before, flags)).result,
    (await storedRun(after, flags)).result,
  );
  const format = flags.format ?? (flags.json ? 'json' : 'terminal');
  if (format === 'json') printJson(comparison);
  else if (format === 'html') write((await import('../report/html/compare.js')).comparisonPage(comparison));
  else write((await import('../report/comparetext.js')).comparisonText(comparison, standardOutput().style));
  process.exitCode = exitCodeOfVerdict(verdictOfComparison(comparison));
}
