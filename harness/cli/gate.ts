import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { MatrixRun } from '../gate/matrix.js';
import type { Growth, GrowthOf } from '../image/gate-section.js';
import type { StoredRun } from '../results/read.js';
import { type SharedFlags, share, wholeNumber } from './options.js';
import type { Session } from './session.js';

interface GateFlags extends SharedFlags {
  baseline?: string;
  growth?: [GrowthOf, string][];
  check?: 'error' | 'warning' | 'off';
  retries?: number;
  allowFlaky?: boolean;
  allowKnown?: boolean;
  resume?: string;
  knownIssues?: string;
  kernelMatrix?: string[];
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
  command.addOption(
    new Option(
      '--kernel-matrix <source...>',
      'the same on these kernels too, each one source as for --kernel: one table, with what explains the differences',
    ).conflicts('resume'),
  );
  return share(
    command,
    'reference',
    'accel',
    'jobs',
    'shard',
    'timings',
    'queue',
    'store',
    'fast',
    'recheck',
    'seed',
    'reporter',
    'quiet',
    'timeoutScale',
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
  const { printJson, standardOutput, write } = await import('./output.js');

  await withSession(flags, async (session) => {
    const gateOn = async (kernel?: string[]): Promise<MatrixRun> => {
      const one = kernel ? session.with({ kernel }) : session;
      const image = await one.image();
      const settings = gateSettings({ ...flags, growth: await growthOf(flags.growth ?? []) }, image.gate);
      const stored = flags.baseline ? await storedRun(flags.baseline, flags) : null;
      const resume = flags.resume
        ? await findResumable(flags.resume, session.results, image.name)
        : undefined;
      const names = (await session.scenarios()).map(({ name }) => name);
      const knownIssues = await ledgerOf(flags.knownIssues, image.file, names);
      const plan = await one.plan(image, patterns);
      const prepared = await one.prepare(image);
      const { forks, ...options } = await one.runOptions(plan, prepared);
      const measured = stored && (settings.growth.memory || (settings.growth.cpu && !settings.cpuIsNote));
      if (forks && measured)
        session.say(
          'everything is booted in full: --fast cannot measure memory and CPU time, of which this gate limits the growth (--growth memory=off)',
        );
      const outcome = await runGate({
        ...options,
        ...(forks && !measured ? { forks } : {}),
        settings,
        baseline: stored?.result ?? null,
        knownIssues,
        ...(resume ? { resume } : {}),
        // One document on standard output: the matrix.
        ...(flags.kernelMatrix && flags.json ? { reporters: [] } : {}),
      });
      await tell(outcome, flags);
      process.exitCode = exitCodeOfVerdict(outcome.gate.verdict, session.signal.aborted);
      const { release } = prepared[0].kernel;
      const run = { release, variants: prepared, result: outcome.result, folder: outcome.folder.path };
      if (stored) await tellBaseline(stored, run, session, flags);
      return run;
    };
    if (!flags.kernelMatrix) return void (await gateOn());
    const { kernelMatrix, matrixText } = await import('../gate/matrix.js');
    const runs = [await gateOn()];
    for (const kernel of flags.kernelMatrix) if (!session.signal.aborted) runs.push(await gateOn([kernel]));
    const matrix = kernelMatrix(runs);
    if (flags.json) printJson({ schema: 'bootgate/kernel-matrix@1', ...matrix });
    else write(`\n${matrixText(matrix, standardOutput().style)}`);
    process.exitCode = exitCodeOfVerdict(matrix.verdict, session.signal.aborted);
  });
}

/** What the kernel changed, and what the split, where the baseline was another kernel's; nothing where that cannot be had any more. */
async function tellBaseline(
  stored: StoredRun,
  run: MatrixRun,
  session: Session,
  flags: GateFlags,
): Promise<void> {
  if (stored.result.image.kernel.digest === run.result.image.kernel.digest) return;
  const { imageOfRun } = await import('../image/again.js');
  const { kernelMatrix, matrixText } = await import('../gate/matrix.js');
  const { styleOf } = await import('../report/screen.js');
  try {
    const variants = await imageOfRun(stored, { cache: session.cache, signal: session.signal });
    const { release } = stored.result.image.kernel;
    const matrix = kernelMatrix([{ release, variants, result: stored.result, folder: stored.folder }, run]);
    const screen = await screenForWords(flags);
    screen.write(`\n${matrixText(matrix, styleOf(screen))}`);
  } catch (error) {
    session.say(
      `the baseline's kernel is not at hand, so differences are not explained: ${(error as Error).message}`,
    );
  }
}

/** Where sentences go: standard output belongs to the answer where that is another reporter's. */
async function screenForWords(flags: GateFlags) {
  const { screenOf } = await import('../report/screen.js');
  const { reportersOf } = await import('./session.js');
  const owner = reportersOf(flags).find((one) => !one.includes('=')) ?? 'terminal';
  return screenOf(owner === 'terminal' ? process.stdout : process.stderr);
}

/** The gate's own words. GitHub's runner reads commands from either stream. */
async function tell(
  { result, remarks }: Awaited<ReturnType<typeof import('../gate/gate.js').runGate>>,
  flags: GateFlags,
): Promise<void> {
  const { githubAnnotations } = await import('../report/annotations.js');
  const { gateText } = await import('../report/gatetext.js');
  const { styleOf } = await import('../report/screen.js');
  const screen = await screenForWords(flags);
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
