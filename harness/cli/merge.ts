import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import { FORMATS } from './report.js';

interface MergeFlags extends SharedFlags {
  format?: (typeof FORMATS)[number];
}

export function mergeCommand(): Command {
  const command = new Command('merge')
    .description('make one run of several (shards, or runs of other scenarios), and judge it as a whole')
    .argument('<run...>', 'folders of runs, folders with runs in them, their run.json, or ids');
  command.addOption(new Option('-f, --format <which>', 'what to print').choices(FORMATS));
  return share(command, 'json', 'results').action(merge);
}

async function merge(runs: string[], flags: MergeFlags): Promise<void> {
  const { resultsOf } = await import('./session.js');
  const { say, write, writeOrders } = await import('./output.js');
  const { mergeRuns } = await import('../fleet/merge.js');
  const { reportText } = await import('../report/reports.js');
  const { shownFile } = await import('../paths.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { folder, result, notes } = await mergeRuns(runs, resultsOf(flags));
  for (const note of notes) say(note);
  const format = flags.format ?? (flags.json ? 'json' : 'terminal');
  const stored = { folder: shownFile(folder.path), result };
  write(await reportText(stored, format));
  if (result.gate && process.env.GITHUB_ACTIONS === 'true') writeOrders(await reportText(stored, 'github'));
  process.exitCode = exitCodeOfVerdict((result.gate ?? result).verdict);
}
