import { Command, Option } from 'commander';

const FORMATS = ['terminal', 'tap', 'junit', 'json', 'markdown', 'sarif', 'github', 'gitlab'] as const;

interface ReportFlags {
  format?: (typeof FORMATS)[number];
  rejudge?: boolean;
  results?: string;
}

export function reportCommand(): Command {
  return new Command('report')
    .description('an old run once more, in any format; with --rejudge by the rules of today')
    .argument('[run]', 'its folder, its run.json, its id, or latest')
    .addOption(new Option('-f, --format <which>', 'what to print').choices(FORMATS))
    .addOption(new Option('--rejudge', 'make the verdicts anew from the recordings; nothing is booted'))
    .addOption(new Option('--results <dir>', 'where runs lie (BOOTGATE_RESULTS, else results)'))
    .action(report);
}

async function report(run: string | undefined, flags: ReportFlags): Promise<void> {
  const { readRun } = await import('../results/read.js');
  const stored = await readRun(run ?? 'latest', flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results');
  let { result } = stored;
  if (flags.rejudge) {
    const { Cache } = await import('../cache.js');
    const { rejudge } = await import('../run/rejudge.js');
    result = await rejudge(stored, new Cache());
  }
  process.stdout.write(await rendered({ ...stored, result }, flags.format ?? 'terminal'));
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
      const { MOST_COLUMNS, screenOf, styleOf } = await import('../report/screen.js');
      const { summary } = await import('../report/summary.js');
      const { gateText } = await import('../report/gatetext.js');
      const screen = screenOf(process.stdout);
      const style = styleOf(screen);
      const width = Math.min(screen.columns, MOST_COLUMNS);
      const gate = result.gate ? `\n${gateText(result.gate, style, width)}` : '';
      return summary(result, folder, width, style) + gate;
    }
  }
}
