import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { StoredRun } from '../results/read.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Fix } from '../search/fix.js';
import { type SharedFlags, share, wholeNumber } from './options.js';
import type { Session } from './session.js';

interface FixFlags extends SharedFlags {
  write?: boolean;
  boots?: number;
}

/** Boots for one scenario at most, unless given. */
const BOOTS = 24;

export function fixCommand(): Command {
  const command = new Command('fix')
    .description(
      "find, by booting, the smallest change to the image's module list, policy or split that fixes a run",
    )
    .argument('<run>', 'a run: its folder, its id, or `latest`')
    .argument('[scenario...]', 'failures to fix (default: all)')
    .addOption(new Option('-w, --write', 'change the file once the change is proven'));
  command.addOption(
    new Option('-k, --kernel <source...>', 'where the kernel is, for a run from another machine'),
  );
  share(command, 'accel', 'cold').addOption(
    new Option('--boots <n>', `at most n boots for each scenario (default: ${BOOTS})`).argParser(wholeNumber),
  );
  return share(command, 'results', 'json').action(fix);
}

async function fix(where: string, names: string[], flags: FixFlags): Promise<void> {
  const { EXIT } = await import('../errors.js');
  const { printJson, standardOutput, write } = await import('./output.js');
  const { fixText } = await import('../search/fixtext.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { verdictOfFix } = await import('../search/fix.js');
  const { withSession } = await import('./session.js');

  await withSession(flags, async (session) => {
    const done = await fixOf(session, where, names, flags);
    if ('nothing' in done) {
      const verified = done.nothing === 'failed';
      if (flags.json) printJson({ verified, added: [] });
      else
        write(
          verified
            ? 'nothing failed: there is nothing to fix\n'
            : 'nothing failed, but not everything was tried: run it again\n',
        );
      process.exitCode = verified ? EXIT.ok : EXIT.undecided;
      return;
    }
    if (flags.write && done.patch && done.proof?.verdict === 'pass') {
      for (const { file, after } of done.patch.files) {
        await writeFile(file, after);
        session.say(`${file} is changed`);
      }
    }
    if (flags.write && !done.patch && done.added.length > 0)
      session.say('nothing is written: the file is not here, or its format has to be changed by hand');
    if (flags.json) printJson(done);
    else write(fixText(done, standardOutput().style));
    process.exitCode = exitCodeOfVerdict(verdictOfFix(done), session.signal.aborted);
  });
}

/** Boots until the failures of a run are mended; or why there is nothing to do. */
async function fixOf(
  session: Session,
  where: string,
  names: string[],
  flags: FixFlags,
): Promise<Fix | { nothing: 'failed' | 'decided' }> {
  const { failuresOf, requireScenarios, unsettledOf } = await import('../results/choose.js');
  const { imageOfRun } = await import('../image/again.js');
  const { fixRun } = await import('../search/fix.js');
  const { storedRun } = await import('./session.js');

  const { cache, signal, say } = session;
  const run = await storedRun(where, flags);
  const failed = failuresOf(run, names);
  const untried = unsettledOf(run).filter(({ verdict }) => verdict === 'infra');
  for (const { scenario, reason } of untried) say(`${scenario} was not decided by that run: ${reason}`);
  if (failed.length === 0) return { nothing: run.result.verdict === 'incomplete' ? 'decided' : 'failed' };
  const scenarios = [...(await session.scenarios()), ...(await scenariosOfDomains(run, failed))];
  requireScenarios(failed, scenarios);
  const variants = await imageOfRun(run, { cache, log: say, signal, kernel: flags.kernel });
  return fixRun({
    run,
    failed,
    variants,
    scenarios,
    accelerator: await session.accelerator(variants[0], run.result.accelerator.requested),
    cold: flags.cold,
    cache,
    results: resolve(flags.results ?? dirname(run.folder)),
    limit: flags.boots ?? BOOTS,
    signal,
    log: say,
  });
}

/** A domain is in no file of the library: the run has the scenario that was made of it. */
async function scenariosOfDomains(run: StoredRun, failed: readonly ScenarioResult[]): Promise<Scenario[]> {
  const { storedBoot } = await import('../repro/stored-boot.js');
  const { resultName } = await import('../results/scenario-result.js');
  const boots = failed.filter(({ area }) => area === 'domain').map((one) => storedBoot(run, resultName(one)));
  const scenarios = (await Promise.all(boots)).map(({ request }) => request.scenario);
  return [...new Map(scenarios.map((scenario) => [scenario.name, scenario])).values()];
}
