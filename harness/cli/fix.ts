import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Fix } from '../search/fix.js';
import { jsonOption, wholeNumber } from './options.js';

interface FixFlags {
  accel?: 'auto' | 'kvm' | 'tcg';
  write?: boolean;
  boots?: number;
  results?: string;
  json?: boolean;
}

/** Boots for one scenario at most, unless given. */
const BOOTS = 24;

export function fixCommand(): Command {
  return new Command('fix')
    .description(
      "find, by booting, the smallest change to the image's module list, policy or split that mends a run",
    )
    .argument('<run>', 'a run: its folder, its id, or `latest`')
    .argument('[scenario...]', 'which of its failures; all unless given')
    .addOption(new Option('-w, --write', 'change the file, once the change is proven'))
    .addOption(new Option('--accel <which>', 'accelerator').choices(['auto', 'kvm', 'tcg']))
    .addOption(new Option('--boots <n>', `boots for each scenario at most (${BOOTS})`).argParser(wholeNumber))
    .addOption(new Option('--results <dir>', 'where runs lie (BOOTGATE_RESULTS, else results)'))
    .addOption(jsonOption())
    .action(fix);
}

async function fix(where: string, names: string[], flags: FixFlags): Promise<void> {
  const { Cache } = await import('../cache.js');
  const { EXIT } = await import('../errors.js');
  const { scenariosDir } = await import('../paths.js');
  const { readRun } = await import('../results/read.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { onInterrupt } = await import('./interrupt.js');
  const { loadScenarios } = await import('../scenarios/load.js');
  const { failuresOf, requireScenarios, unsettledOf } = await import('../results/choose.js');
  const { imageOfRun } = await import('../image/again.js');
  const { fixRun, verdictOfFix } = await import('../search/fix.js');
  const { fixText } = await import('../search/fixtext.js');
  const { chooseAccelerator } = await import('../vm/accelerator.js');
  const { screenOf, styleOf } = await import('../report/screen.js');

  const say = (sentence: string) => process.stderr.write(`bootgate: ${sentence}\n`);
  const interrupt = onInterrupt(() => say('stopping; once more to end at once'));
  const { signal } = interrupt;
  try {
    const cache = new Cache();
    const run = await readRun(where, flags.results ?? process.env.BOOTGATE_RESULTS ?? 'results');
    const failed = failuresOf(run, names);
    const untried = unsettledOf(run).filter(({ verdict }) => verdict === 'infra');
    for (const { scenario, reason } of untried) say(`${scenario} was not decided by that run: ${reason}`);
    if (failed.length === 0 && run.result.verdict === 'incomplete') {
      process.stdout.write(
        flags.json
          ? '{ "verified": false, "added": [] }\n'
          : 'nothing failed, but not everything was tried: run it again\n',
      );
      process.exitCode = EXIT.undecided;
      return;
    }
    if (failed.length === 0) {
      process.stdout.write(
        flags.json ? '{ "verified": true, "added": [] }\n' : 'nothing failed: there is nothing to fix\n',
      );
      return;
    }
    const scenarios = await loadScenarios(scenariosDir);
    requireScenarios(failed, scenarios);
    const variants = await imageOfRun(run, { cache, log: say, signal });
    const { kernel, vmlinux } = variants[0];
    const requested = flags.accel ?? run.result.accelerator.requested;
    const done: Fix = await fixRun({
      run,
      failed,
      variants,
      scenarios,
      accelerator: await chooseAccelerator(requested, { kernel, vmlinux, cache, signal }),
      cache,
      results: resolve(flags.results ?? dirname(run.folder)),
      limit: flags.boots ?? BOOTS,
      signal,
      log: say,
    });
    if (flags.write && done.patch && done.proof?.verdict === 'pass') {
      await writeFile(done.patch.file, done.patch.after);
      say(`${done.patch.file} is changed`);
    }
    const screen = screenOf(process.stdout);
    process.stdout.write(flags.json ? `${JSON.stringify(done, null, 2)}\n` : fixText(done, styleOf(screen)));
    process.exitCode = exitCodeOfVerdict(verdictOfFix(done), signal.aborted);
  } finally {
    interrupt.release();
  }
}
