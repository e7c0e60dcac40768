import { Command, Option } from 'commander';
import { jsonOption } from './options.js';

export function compareCommand(): Command {
  return new Command('compare')
    .description(
      'what changed from one run to another; exit 1 when something fails that did not, 3 when that is undecided',
    )
    .argument('<before>', "a run's folder, its run.json, its id, or latest")
    .argument('<after>', 'the same')
    .addOption(jsonOption())
    .addOption(new Option('--results <dir>', 'where runs lie (BOOTGATE_RESULTS, else results)'))
    .action(compare);
}

async function compare(
  before: string,
  after: string,
  flags: { json?: boolean; results?: string },
): Promise<void> {
  const { compareRuns, verdictOfComparison } = await import('../results/compare.js');
  const { comparisonText } = await import('../report/comparetext.js');
  const { readRun } = await import('../results/read.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { screenOf, styleOf } = await import('../report/screen.js');
  const results = flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results';
  const comparison = compareRuns(
    (await readRun(before, results)).result,
    (await readRun(after, results)).result,
  );
  const screen = screenOf(process.stdout);
  screen.write(
    flags.json ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonText(comparison, styleOf(screen)),
  );
  process.exitCode = exitCodeOfVerdict(verdictOfComparison(comparison));
}
