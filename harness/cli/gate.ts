import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Growth, GrowthOf } from '../image/gate-section.js';
import { type SharedFlags, share, wholeNumber } from './options.js';

interface GateFlags extends SharedFlags {
  baseline?: string;
  growth?: [GrowthOf, string][];
  check?: 'error' | 'warning' | 'off';
  retries?: number;
  allowFlaky?: boolean;
  allowKnown?: boolean;
  resume?: string;
  knownIssues?: string;
}

export function gateCommand(): Command {
  const command = new Command('gate')
    .description(
      'run everything for CI: static check, boots, budgets, comparison; exit 0 if the gate holds, 1 if not',
    )
    .argument('[pattern...]', 'scenarios to boot (default: those tagged quick)');
  share(command, 'image', 'tag', 'kernel', 'modules', 'split', 'install', 'allowMissing')
    .addOption(new Option('-b, --baseline <run>', 'compare with this run: its folder, its run.json, its id'))
    .addOption(
      new Option(
        '--growth <what=limit>',
        'most growth over the baseline: size="1 % and 512 KiB", memory, cpu, or =off',
      ).argParser(growth),
    )
    .addOption(
      new Option('--check <severity>', 'least severity of the static check that fails the gate').choices([
        'error',
        'warning',
        'off',
      ]),
    )
    .addOption(
      new Option(
        '--retries <n>',
        'boot a failure again, to tell flaky from broken; it stays failed',
      ).argParser(count),
    )
    .addOption(new Option('--allow-flaky', 'a flaky scenario does not fail the gate'))
    .addOption(new Option('--allow-known', 'failures that are in the baseline too do not fail the gate'))
    .addOption(
      new Option(
        '--resume <run>',
        'keep what a run has finished and boot the rest: its folder, its id, latest',
      ),
    )
    .addOption(
      new Option(
        '--known-issues <file>',
        "the ledger (default: the project's known-issues.yaml, or the one beside the image)",
      ),
    );
  return share(
    command,
    'reference',
    'accel',
    'jobs',
    'reporter',
    'json',
    'results',
    'delivery',
    'userland',
    'verbose',
  ).action(gate);
}

/** From 0 up: 0 lays itself over what the image says. */
function count(text: string): number {
  return text === '0' ? 0 : wholeNumber(text);
}

/** Several times: `--growth size=off --growth 'cpu=30 %'`. The limit itself is read when the rest is loaded. */
function growth(text: string, before: [GrowthOf, string][] = []): [GrowthOf, string][] {
  const [, what, limit] = /^(size|memory|cpu)=(.+)$/.exec(text) ?? [];
  if (!what || !limit) throw new InvalidArgumentError('expected size=LIMIT, memory=LIMIT or cpu=LIMIT');
  return [...before, [what as GrowthOf, limit]];
}

async function gate(patterns: string[], flags: GateFlags): Promise<void> {
  const { storedRun, withSession } = await import('./session.js');
  const { runGate } = await import('../gate/gate.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { gateSettings } = await import('../gate/thresholds.js');
  const { findResumable } = await import('../run/resume.js');

  await withSession(flags, async (session) => {
    const image = await session.image();
    const settings = gateSettings({ ...flags, growth: await growthOf(flags.growth ?? []) }, image.gate);
    const baseline = flags.baseline ? (await storedRun(flags.baseline, flags)).result : null;
    const resume = flags.resume ? await findResumable(flags.resume, session.results, image.name) : undefined;
    const names = (await session.scenarios()).map(({ name }) => name);
    const knownIssues = await ledgerOf(flags.knownIssues, image.file, names);
    const plan = await session.plan(image, patterns);
    const prepared = await session.prepare(image);
    const outcome = await runGate({
      ...(await session.runOptions(plan, prepared)),
      settings,
      baseline,
      knownIssues,
      ...(resume ? { resume } : {}),
    });
    await tell(outcome, flags);
    process.exitCode = exitCodeOfVerdict(outcome.gate.verdict, session.signal.aborted);
  });
}

/** The gate's own words. stdout belongs to the answer; GitHub's runner reads commands from either stream. */
async function tell(
  { result, remarks }: Awaited<ReturnType<typeof import('../gate/gate.js').runGate>>,
  { json, reporter = 'terminal' }: GateFlags,
): Promise<void> {
  const { githubAnnotations } = await import('../report/annotations.js');
  const { gateText } = await import('../report/gatetext.js');
  const { screenOf, styleOf } = await import('../report/screen.js');
  const screen = screenOf(reporter === 'terminal' && !json ? process.stdout : process.stderr);
  screen.write(`\n${gateText(result, styleOf(screen), screen.columns)}`);
  if (process.env.GITHUB_ACTIONS === 'true') screen.raw(githubAnnotations(remarks));
}

/** The ledger that was named, else the project's, else the one beside the image's file, else none. */
async function ledgerOf(given: string | undefined, imageFile: string, scenarios: readonly string[]) {
  const { loadKnownIssues } = await import('../gate/known-issues.js');
  const { library } = await import('../library.js');
  const candidates = [...library().files('known-issues'), join(dirname(imageFile), 'known-issues.yaml')];
  const file =
    given ?? (library().project ? candidates : candidates.slice(-1)).find((one) => existsSync(one));
  return file ? loadKnownIssues(file, scenarios) : [];
}

async function growthOf(
  given: readonly [GrowthOf, string][],
): Promise<Partial<Record<GrowthOf, Growth | null>>> {
  const { parseGrowth } = await import('../image/gate-section.js');
  const { userError } = await import('../errors.js');
  const limits: Partial<Record<GrowthOf, Growth | null>> = {};
  for (const [what, text] of given) {
    const limit = parseGrowth(text);
    if (limit === undefined)
      throw userError('E_USAGE', `--growth ${what}=${text}: not a valid limit`, {
        hint: 'give for example 5 %, 1 MiB, 5 % and 1 MiB (over both is too much), or off',
      });
    limits[what] = limit;
  }
  return limits;
}
