import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import { standardOutput, write, writeOrders } from './output.js';

const FORMATS = ['terminal', 'tap', 'junit', 'json', 'markdown', 'sarif', 'github', 'gitlab'] as const;

interface ReportFlags extends SharedFlags {
  format?: (typeof FORMATS)[number];
  rejudge?: boolean;
}

export function reportCommand(): Command {
  const command = new Command('report')
    .description('print an old run in any format; with --rejudge, judged again with current rules')
    .argument('[run]', 'its folder, its run.json, its id, or latest')
    .addOption(new Option('-f, --format <which>', 'what to print').choices(FORMATS))
    .addOption(new Option('--rejudge', 'judge again from the recordings; nothing is booted'));
  return share(command, 'results').action(report);
}

async function report(run: string | undefined, flags: ReportFlags): Promise<void> {
  const { storedRun } = await import('./session.js');
  const stored = await storedRun(run ?? 'latest', flags);
  let { result } = stored;
  if (flags.rejudge) {
    const { Cache } = await import('../cache.js');
    const { rejudge } = await import('../run/rejudge.js');
    result = await rejudge(stored, new Cache());
  }
  const format = flags.format ?? 'terminal';
  const text = await rendered({ ...stored, result }, format);
  if (format === 'github') writeOrders(text);
  else write(text);
}

async function rendered(
  { folder, result }: Awaited<ReturnType<typeof import('../results/read.js').readRun>>,
  format: (typeof FORMATS)[number],
): Promise<string> {
  const { remarksOf, repositoryRoot } = await import('../report/remarks.js');
  switch (format) {
    case 'json':
      return (await import('../results/write.js')).runText(result);
    case 'tap':
      return (await import('../report/tap.js')).tapDocument(result.results);
    case 'junit':
      return (await import('../report/junit.js')).junitText(folder, result);
    case 'markdown':
      return (await import('../report/markdown.js')).markdownSummary(result);
    case 'sarif':
      return (await import('../report/sarif.js')).sarifText(result, remarksOf(result, repositoryRoot()));
    case 'github':
      return (await import('../report/annotations.js')).githubAnnotations(
        remarksOf(result, repositoryRoot()),
      );
    case 'gitlab':
      return (await import('../report/annotations.js')).gitlabCodeQuality(
        remarksOf(result, repositoryRoot()),
      );
    case 'terminal': {
      const { summary } = await import('../report/summary.js');
      const { gateText } = await import('../report/gatetext.js');
      const { style, width } = standardOutput();
      const gate = result.gate ? `\n${gateText(result.gate, style, width)}` : '';
      return summary(result, folder, width, style) + gate;
    }
  }
}
