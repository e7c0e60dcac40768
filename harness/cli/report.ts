import { Command, Option } from 'commander';

/** What `report/reports.ts` can print; named here so that the help needs none of it. */
const FORMATS = ['terminal', 'tap', 'junit', 'json', 'markdown', 'sarif', 'github', 'gitlab'] as const;

interface ReportFlags {
  format?: (typeof FORMATS)[number];
  rejudge?: boolean;
  results?: string;
}

export function reportCommand(): Command {
  return new Command('report')
    .description('print a stored run in any format; with --rejudge, judged by the current rules')
    .argument('[run]', 'its folder, its run.json, its id, or latest')
    .addOption(new Option('-f, --format <which>', 'what to print').choices(FORMATS))
    .addOption(new Option('--rejudge', 'judge it again from its recordings; nothing is booted'))
    .addOption(new Option('--results <dir>', 'where runs lie (BOOTGATE_RESULTS, else results)'))
    .action(report);
}

async function report(run: string | undefined, flags: ReportFlags): Promise<void> {
  const { readRun } = await import('../results/read.js');
  const stored = await readRun(run ?? 'latest', flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results');
  let { result } = stored;
  if (flags.rejudge) {
    const { Cache } = await import('../cache.js');
    const { rejudgeRun } = await import('../gate/rejudge.js');
    result = await rejudgeRun(stored, new Cache());
  }
  const { reportText } = await import('../report/reports.js');
  process.stdout.write(await reportText({ ...stored, result }, flags.format ?? 'terminal'));
}
