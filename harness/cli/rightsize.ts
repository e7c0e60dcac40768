import { Command, Option } from 'commander';
import type { SetSize } from '../search/rightsize.js';
import { type SharedFlags, share } from './options.js';

interface RightSizeFlags extends SharedFlags {
  profile?: string[];
  threshold?: string;
  keep?: string;
  initramfs?: string;
  compressed?: boolean;
  drop?: string[];
  to?: string;
  write?: boolean;
}

/** What machines are used for, unless the command line says. */
const PROFILE = ['minimal'];

export function rightsizeCommand(): Command {
  const command = new Command('rightsize')
    .description(
      'say whether a module set, policy or split is at the right size: its floor found by booting, what could go, and what each scenario costs',
    )
    .argument('[scenario...]', 'names or patterns, instead of a profile');
  share(command, 'image', 'kernel', 'modules', 'split', 'install')
    .addOption(
      new Option(
        '--profile <name...>',
        'what the machines do: profiles of images/profiles.yaml, or tags of scenarios (default: minimal)',
      ),
    )
    .addOption(
      new Option('--threshold <size>', 'a saving that is worth moving modules for (default: 50 MiB)'),
    )
    .addOption(new Option('--keep <file>', 'modules that somebody needs outside a VM (default: keep.yaml)'))
    .addOption(new Option('--initramfs <file>', 'an initramfs whose bytes count in the totals'))
    .addOption(
      new Option(
        '--drop <part...>',
        'show the change that takes these parts out of the (first) set: drivers/infiniband',
      ),
    )
    .addOption(new Option('--to <package>', 'with --drop, of a split: the package that they go to'))
    .addOption(new Option('-w, --write', 'with --drop: change the file'))
    .addOption(
      new Option('--compressed', 'weigh the modules compressed too (two CPU minutes for a new kernel)'),
    );
  share(command, 'accel', 'jobs', 'results', 'json').action(run);
  return command.addHelpText(
    'after',
    `
The floor is what minimize --portable finds for each scenario, booted together once; it is kept in the cache, so that a search
that was stopped goes on and a second answer for the same kernel is quick. A scenario whose floor is in the set counts as a pass; the others are booted.

Examples:
  bootgate rightsize --profile cloud --image debian-2014
  bootgate rightsize --profile router --split fedora-2014 --install each --image debian --threshold 20MiB
  bootgate rightsize --profile cloud --image debian-2014 --drop drivers/usb fs/nfsd > drop.diff`,
  );
}

async function run(patterns: string[], flags: RightSizeFlags): Promise<void> {
  const { statSync } = await import('node:fs');
  const { withSession } = await import('./session.js');
  const { EXIT, userError } = await import('../errors.js');
  const { hostCapacity } = await import('../boot/capacity.js');
  const { makeRunFolder } = await import('../results/folder.js');
  const { withoutUnmet } = await import('../run/unmet.js');
  const { selectScenarios } = await import('../scenarios/select.js');
  const { readProfiles, scenariosOf } = await import('../search/profiles.js');
  const { rightSize } = await import('../search/rightsize.js');
  const { droppedText, rightSizeText } = await import('../search/rightsizetext.js');
  const { parseBytes } = await import('../units.js');
  const { printJson, standardOutput, write } = await import('./output.js');

  const threshold = flags.threshold === undefined ? undefined : parseBytes(flags.threshold);
  if (flags.threshold !== undefined && threshold === undefined)
    throw userError('E_USAGE', `--threshold ${flags.threshold}: expected a size such as 20MiB`);
  if (patterns.length > 0 && flags.profile)
    throw userError('E_USAGE', '--profile and names of scenarios cannot be combined', {
      hint: 'give one of them',
    });
  const initramfs = flags.initramfs ? statSync(flags.initramfs, { throwIfNoEntry: false }) : undefined;
  if (flags.initramfs && !initramfs?.isFile())
    throw userError('E_USAGE', `--initramfs ${flags.initramfs}: there is no such file`);

  await withSession(flags, async (session) => {
    const { cache, signal, say } = session;
    const all = await session.scenarios();
    const wanted =
      patterns.length > 0
        ? selectScenarios(all, patterns)
        : scenariosOf(flags.profile ?? PROFILE, await readProfiles(), all);
    const image = await session.image();
    const variants = await session.prepare(image);
    const [first] = variants;
    const reasons = new Map(image.skip.map((one) => [one.scenario, one.reason]));
    const planned = await withoutUnmet(
      {
        boots: wanted.filter(({ name }) => !reasons.has(name)),
        skips: wanted.flatMap((scenario) => {
          const reason = reasons.get(scenario.name);
          return reason === undefined ? [] : [{ scenario, reason }];
        }),
      },
      first,
    );
    for (const { scenario, reason } of planned.skips) say(`skipped ${scenario.name}: ${reason}`);
    if (planned.boots.length === 0)
      throw userError('E_NOTHING_TO_RUN', 'this kernel can be booted for none of these scenarios');
    const { path: folder } = await makeRunFolder(session.results, 'rightsize');
    const answer = await rightSize({
      variants,
      scenarios: planned.boots,
      accelerator: await session.accelerator(first),
      cache,
      folder,
      jobs: flags.jobs ?? hostCapacity(undefined, 1).cpus,
      threshold,
      keep: flags.keep,
      initramfs: initramfs?.size,
      compressed: flags.compressed,
      signal,
      log: say,
    });
    const dropped = flags.drop && answer.sets[0] ? await drop(answer.sets[0], flags.drop) : undefined;
    if (flags.json) printJson({ schema: 'bootgate/rightsize@1', ...answer, ...(dropped ? { dropped } : {}) });
    else write(rightSizeText(answer, standardOutput().style) + (dropped ? droppedText(dropped) : ''));

    async function drop(size: SetSize, parts: string[]) {
      const { dropParts } = await import('../search/drop.js');
      const done = await dropParts({ prepared: first, size, parts, to: flags.to, cache, folder });
      const { writeFile } = await import('node:fs/promises');
      for (const { file, after } of flags.write ? done.files : []) {
        await writeFile(file, after);
        say(`${file} is changed`);
      }
      return done;
    }
    const fails = answer.sets.some(({ missing }) => missing.length > 0);
    process.exitCode = fails ? EXIT.no : answer.undecided.length > 0 ? EXIT.undecided : EXIT.ok;
  });
}
