import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';

interface MinimizeFlags extends SharedFlags {
  portable?: boolean;
  output?: string;
  resume?: string;
}

export function minimizeCommand(): Command {
  const command = new Command('minimize')
    .description('find, by booting, the smallest module set with which scenarios pass')
    .argument('[scenario...]', "names or patterns (default: the image's)");
  share(command, 'image', 'tag', 'kernel', 'modules', 'accel', 'jobs', 'cold', 'queue', 'store')
    .addOption(
      new Option('--portable', 'of interchangeable modules, keep the one that works on any processor'),
    )
    .addOption(new Option('-o, --output <file>', 'write the set as a module list'))
    .addOption(new Option('--resume <dir>', 'go on with a search that was stopped: its folder'));
  return share(command, 'results', 'json').action(run);
}

async function run(patterns: string[], flags: MinimizeFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { EXIT } = await import('../errors.js');
  const { makeRunFolder } = await import('../results/folder.js');
  const { hostCapacity } = await import('../boot/capacity.js');
  const { withoutUnmet } = await import('../run/unmet.js');
  const { minimize } = await import('../search/minimize.js');
  const { minimizedList, minimizeText } = await import('../search/minimizetext.js');
  const { writeWhole } = await import('../write-whole.js');
  const { searchFolder } = await import('./resume.js');
  const { printJson, standardOutput, write } = await import('./output.js');

  await withSession(flags, async (session) => {
    const earlier = searchFolder(flags.resume);
    const image = await session.image();
    const plan = await session.plan(image, patterns);
    const prepared = await session.prepareOne(image);
    const { cache, signal, say } = session;
    const { boots, skips } = await withoutUnmet(plan, prepared);
    for (const { scenario, reason } of skips) say(`skipped ${scenario.name}: ${reason}`);
    const done = await minimize({
      prepared,
      scenarios: boots,
      ...(await session.bootsWith(prepared)),
      cache,
      folder: (await makeRunFolder(session.results, 'minimize')).path,
      earlier,
      cold: flags.cold,
      jobs: flags.jobs ?? hostCapacity(undefined, 1).cpus,
      portable: flags.portable ?? false,
      signal,
      log: say,
    });
    if (flags.output && done.scenarios.length > 0)
      await writeWhole(flags.output, minimizedList(done, prepared.kernel.release));
    if (flags.json) printJson({ schema: 'bootgate/minimize@1', ...done });
    else write(minimizeText(done, standardOutput().style));
    // A flaky guest, a host in trouble or no scenario at all: not decided. A kernel that fails with its whole tree: no.
    const no = done.without.some((one) => !one.undecided) || done.proof.some((one) => one.verdict !== 'pass');
    process.exitCode = done.verified && boots.length > 0 ? EXIT.ok : no ? EXIT.no : EXIT.undecided;
  });
}
