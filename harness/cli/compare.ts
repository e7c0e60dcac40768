import { Command } from 'commander';
import { type SharedFlags, share } from './options.js';
import { printJson, standardOutput, write } from './output.js';

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('what changed from one run to another; exit 1 on a new failure, 3 if undecided')
    .argument('<before>', "a run's folder, its run.json, its id, or latest")
    .argument('<after>', 'another run, in the same forms');
  return share(command, 'json', 'results').action(compare);
}

async function compare(before: string, after: string, flags: SharedFlags): Promise<void> {
  const { compareRuns, verdictOfComparison } = await import('../results/compare.js');
  const { comparisonText } = await import('../report/comparetext.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { storedRun } = await import('./session.js');
  const comparison = compareRuns(
    (await storedRun(before, flags)).result,
    (await storedRun(after, flags)).result,
  );
  if (flags.json) printJson(comparison);
  else write(comparisonText(comparison, standardOutput().style));
  process.exitCode = exitCodeOfVerdict(verdictOfComparison(comparison));
}
