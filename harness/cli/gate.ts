import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Growth, GrowthOf } from '../image/gate-section.js';
import type { ModuleDelivery } from '../initramfs/initramfs.js';
import {
  deliveryOption,
  imageOption,
  jsonOption,
  kernelOption,
  modulesOption,
  wholeNumber,
} from './options.js';

interface GateFlags {
  image?: string;
  kernel?: string[];
  modules?: string;
  split?: string;
  install?: string[];
  baseline?: string;
  growth?: [GrowthOf, string][];
  check?: 'error' | 'warning' | 'off';
  retries?: number;
  allowFlaky?: boolean;
  allowKnown?: boolean;
  resume?: string;
  knownIssues?: string;
  reference?: 'always' | 'failures' | 'never';
  accel?: 'auto' | 'kvm' | 'tcg';
  jobs?: number;
  reporter?: 'terminal' | 'tap' | 'json';
  json?: boolean;
  results?: string;
  delivery?: ModuleDelivery;
  verbose?: boolean;
}

export function gateCommand(): Command {
  return new Command('gate')
    .description(
      'everything at once for CI: static check, boots, budgets, comparison; exit 0 holds, 1 does not',
    )
    .argument('[pattern...]', 'scenarios to boot; all of the image unless given')
    .addOption(imageOption())
    .addOption(kernelOption())
    .addOption(modulesOption())
    .addOption(new Option('-s, --split <file>', 'a package split, or `packages` for the files of --kernel'))
    .addOption(new Option('--install <set...>', 'install sets to boot: core, core,extra, or each'))
    .addOption(new Option('-b, --baseline <run>', 'compare with this run: its folder, its run.json, its id'))
    .addOption(
      new Option(
        '--growth <what=limit>',
        'too much against the baseline: size="1 % and 512 KiB", memory, cpu, or =off',
      ).argParser(growth),
    )
    .addOption(
      new Option('--check <severity>', 'what of the static check fails the gate').choices([
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
    .addOption(new Option('--allow-known', 'what fails in the baseline too does not fail the gate'))
    .addOption(
      new Option(
        '--resume <run>',
        'keep what a run has finished and boot the rest: its folder, its id, latest',
      ),
    )
    .addOption(
      new Option(
        '--reference <when>',
        'boot the whole module tree too, to compare: for failures unless given',
      ).choices(['always', 'failures', 'never']),
    )
    .addOption(
      new Option('--known-issues <file>', 'the ledger; known-issues.yaml beside the image unless given'),
    )
    .addOption(new Option('--accel <which>', 'accelerator').choices(['auto', 'kvm', 'tcg']))
    .addOption(new Option('-j, --jobs <n>', 'guests at once').argParser(wholeNumber))
    .addOption(
      new Option('--reporter <which>', 'what standard output gets').choices(['terminal', 'tap', 'json']),
    )
    .addOption(jsonOption())
    .addOption(new Option('--results <dir>', 'where the run folder goes (BOOTGATE_RESULTS, else results)'))
    .addOption(deliveryOption())
    .addOption(new Option('-v, --verbose', 'the log on standard error as well'))
    .action(gate);
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

/** Precedence: flag, environment, file, default. */
async function gate(patterns: string[], flags: GateFlags): Promise<void> {
  const { Cache } = await import('../cache.js');
  const { scenariosDir } = await import('../paths.js');
  const { runGate } = await import('../gate/gate.js');
  const { onInterrupt } = await import('./interrupt.js');
  const { loadImage } = await import('../image/image-file.js');
  const { openRunLog } = await import('../run/log.js');
  const { planRun } = await import('../run/plan.js');
  const { prepareImages } = await import('../image/prepare.js');
  const { findResumable } = await import('../run/resume.js');
  const { gateSettings } = await import('../gate/thresholds.js');
  const { loadScenarios } = await import('../scenarios/load.js');
  const { chooseAccelerator } = await import('../vm/accelerator.js');
  const { githubAnnotations } = await import('../report/annotations.js');
  const { gateText } = await import('../report/gatetext.js');
  const { readRun } = await import('../results/read.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { makeReporters } = await import('../report/reporters.js');
  const { screenOf, styleOf } = await import('../report/screen.js');

  const cache = new Cache();
  const say = (sentence: string) => process.stderr.write(`bootgate: ${sentence}\n`);
  const interrupt = onInterrupt(() => say('stopping the guests; once more to end at once'));
  const { signal } = interrupt;
  try {
    const results = resolve(flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results');
    const image = await loadImage(flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian-2014', {
      ...(flags.kernel ? { kernel: flags.kernel } : {}),
      ...(flags.modules ? { modules: flags.modules } : {}),
      ...(flags.split ? { split: flags.split } : {}),
      ...(flags.install ? { install: flags.install } : {}),
    });
    const limits = await growthOf(flags.growth ?? []);
    const settings = gateSettings({ ...flags, growth: limits }, image.gate);
    const baseline = flags.baseline ? (await readRun(flags.baseline, results)).result : null;
    const resume = flags.resume ? await findResumable(flags.resume, results, image.name) : undefined;
    const scenarios = await loadScenarios(scenariosDir);
    const knownIssues = await ledgerOf(
      flags.knownIssues,
      image.file,
      scenarios.map(({ name }) => name),
    );
    const plan = planRun(image, scenarios, patterns);
    const prepared = await prepareImages(image, {
      cache,
      log: say,
      signal,
      ...(flags.delivery ? { delivery: flags.delivery } : {}),
    });
    const accelerator = await chooseAccelerator(flags.accel ?? 'auto', {
      kernel: prepared[0].kernel,
      vmlinux: prepared[0].vmlinux,
      cache,
      signal,
    });
    const reporter = flags.json ? 'json' : (flags.reporter ?? 'terminal');
    const outcome = await runGate({
      prepared,
      plan,
      accelerator,
      cache,
      results,
      settings,
      baseline,
      knownIssues,
      reporters: makeReporters(reporter),
      signal,
      warn: say,
      log: (folder) => openRunLog(folder, flags.verbose ?? false),
      ...(resume ? { resume } : {}),
      ...(flags.jobs ? { jobs: flags.jobs } : {}),
      ...(flags.reference ? { reference: flags.reference } : {}),
    });
    // stdout belongs to the answer; GitHub's runner reads commands from either stream.
    const stream = reporter === 'terminal' ? process.stdout : process.stderr;
    const screen = screenOf(stream);
    screen.write(`\n${gateText(outcome.result, styleOf(screen), screen.columns)}`);
    if (process.env.GITHUB_ACTIONS === 'true') screen.write(githubAnnotations(outcome.remarks));
    process.exitCode = exitCodeOfVerdict(outcome.gate.verdict, signal.aborted);
  } finally {
    interrupt.release();
  }
}

/** The ledger that was named, else the one beside the image's file, else none. */
async function ledgerOf(given: string | undefined, imageFile: string, scenarios: readonly string[]) {
  const { loadKnownIssues } = await import('../gate/known-issues.js');
  const beside = join(dirname(imageFile), 'known-issues.yaml');
  return given || existsSync(beside) ? loadKnownIssues(given ?? beside, scenarios) : [];
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
