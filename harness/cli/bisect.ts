import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';

interface BisectFlags extends SharedFlags {
  good: string;
  bad: string;
  resume?: string;
}

export function bisectCommand(): Command {
  const set = 'a list, policy, split (FILE:core), run (RUN or RUN:core), kernel, or `all`';
  const command = new Command('bisect')
    .description('find, by booting, which modules make a scenario pass with one set and fail with another')
    .argument('<scenario>', 'one scenario')
    .addOption(new Option('--good <set>', `passes: ${set}`).makeOptionMandatory())
    .addOption(new Option('--bad <set>', 'fails: the same').makeOptionMandatory());
  share(command, 'image', 'kernel', 'accel', 'cold').addOption(
    new Option('--resume <dir>', 'go on with a search that was stopped: its folder'),
  );
  return share(command, 'results', 'json').action(run);
}

async function run(name: string, flags: BisectFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { EXIT, userError } = await import('../errors.js');
  const { makeRunFolder } = await import('../results/folder.js');
  const { didYouMean } = await import('../suggest.js');
  const { bisect } = await import('../search/bisect.js');
  const { bisectText } = await import('../search/bisecttext.js');
  const { printJson, standardOutput, write } = await import('./output.js');
  const { searchFolder } = await import('./resume.js');
  const { sideOf } = await import('./sides.js');

  await withSession(flags, async (session) => {
    const earlier = searchFolder(flags.resume);
    const scenarios = await session.scenarios();
    const scenario = scenarios.find((one) => one.name === name);
    if (!scenario) {
      const known = scenarios.map((one) => one.name);
      throw userError('E_NO_SUCH_SCENARIO', `no scenario ${name}${didYouMean(name, known)}`, {
        hint: 'see `bootgate scenarios list`',
      });
    }
    const good = await sideOf(flags.good, flags, session);
    const bad = await sideOf(flags.bad, flags, session);
    const { cache, signal, say } = session;
    const done = await bisect({
      good,
      bad,
      scenario,
      accelerator: await session.accelerator(bad),
      cold: flags.cold,
      cache,
      folder: (await makeRunFolder(session.results, 'bisect')).path,
      earlier,
      signal,
      log: say,
    });
    if (flags.json) printJson({ schema: 'bootgate/bisect@1', ...done });
    else write(bisectText(done, standardOutput().style));
    process.exitCode = {
      found: EXIT.ok,
      'good-fails': EXIT.no,
      'bad-passes': EXIT.no,
      unproven: EXIT.undecided,
      interrupted: EXIT.interrupted,
    }[done.outcome];
  });
}
