import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import { write, writeOrders } from './output.js';

/** What report/reports.ts can print; named here so that --help needs none of it. */
export const FORMATS = [
  'terminal',
  'html',
  'tap',
  'junit',
  'json',
  'markdown',
  'sarif',
  'github',
  'gitlab',
  'chrome-trace',
] as const;

interface ReportFlags extends SharedFlags {
  format?: (typeof FORMATS)[number];
  rejudge?: boolean;
}

export function reportCommand(): Command {
  const command = new Command('report')
    .description('print a stored run in any format; with --rejudge, judge it again with current rules')
    .argument('[run]', 'its folder, its run.json, its id, or latest')
    .addOption(new Option('-f, --format <which>', 'what to print').choices(FORMATS))
    .addOption(new Option('--rejudge', 'judge again from the recordings; nothing is booted'));
  return share(command, 'json', 'results').action(report);
}

async function report(run: string | undefined, flags: ReportFlags): Promise<void> {
  const { storedRun } = await import('./session.js');
  const stored = await storedRun(run ?? 'latest', flags);
  let { result } = stored;
  if (flags.rejudge) {
    const { Cache } = await import('../cache.js');
    const { rejudgeRun } = await import('../gate/rejudge.js');
    result = await rejudgeRun(stored, new Cache());
  }
  const format = flags.format ?? (flags.json ? 'json' : 'terminal');
  const { reportText } = await import('../report/reports.js');
  const text = await reportText({ ...stored, result }, format);
  if (format === 'github') writeOrders(text);
  else write(text);
}
