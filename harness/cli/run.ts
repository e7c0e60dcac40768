import { Command, Option } from 'commander';
import { type SharedFlags, share, wholeNumber } from './options.js';
import type { Session } from './session.js';

interface RunFlags extends SharedFlags {
  built?: string;
  domain?: string;
  referenceImage?: string;
  maxFailures?: number;
  repeatEach?: number;
  lastFailed?: boolean;
  matching?: boolean;
  dryRun?: boolean;
}

export function runCommand(): Command {
  const command = new Command('run')
    .description('boot an image, one guest per scenario, and report what works')
    .argument(
      '[pattern...]',
      'scenarios to run: storage/virtio-blk, storage, "network/*"; those tagged quick by default',
    );
  share(command, 'image', 'tag', 'kernel', 'modules', 'split', 'install', 'strict', 'allowMissing');
  command.addOption(
    new Option('--built <dir>', 'boot what `bootgate build -o DIR` wrote').conflicts([
      'image',
      'kernel',
      'modules',
      'split',
      'install',
      'delivery',
    ]),
  );
  command.addOption(
    new Option(
      '--domain <file>',
      'boot the guest of a libvirt domain (virsh dumpxml) instead: its machine, disks and network cards, each of them used',
    ).conflicts(['tag', 'built']),
  );
  for (const option of choosing()) command.addOption(option);
  share(command, 'accel', 'jobs', 'shard', 'timings', 'queue', 'store', 'timeoutScale');
  share(command, 'fast', 'recheck', 'seed', 'reporter', 'quiet', 'json');
  share(command, 'results', 'delivery', 'userland', 'reference');
  command.addOption(
    new Option('--reference-image <file>', 'compare with this image instead of the full module tree'),
  );
  return share(command, 'verbose')
    .addHelpText(
      'after',
      `
Examples:
  bootgate run --image debian-2014
  bootgate run storage 'network/*' --image debian --modules my-modules.txt
  bootgate run --domain web1.xml --kernel 'build/*.deb'`,
    )
    .action(run);
}

/** What is booted, and how often. */
function choosing(): Option[] {
  return [
    new Option('--last-failed', 'only what failed or was not decided in the newest run'),
    new Option('--matching', 'skip the areas that the module set names no module of'),
    new Option(
      '--repeat-each <n>',
      'boot every scenario n times; it passes if all of them do (default: 1)',
    ).argParser(wholeNumber),
    new Option(
      '--max-failures <n>',
      'stop after n failures; the rest is not judged (default: boot everything)',
    ).argParser(wholeNumber),
    new Option('--dry-run', 'print what would be booted, and boot nothing'),
  ];
}

async function run(patterns: string[], flags: RunFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { bootable, runPlan } = await import('../run/run.js');
  await withSession(flags, async (session) => {
    const wanted = flags.lastFailed ? await lastFailed(session, patterns) : patterns;
    const { plan, prepared } = flags.domain
      ? await prepareDomain(session, flags.domain, wanted)
      : flags.built
        ? await prepareBuilt(session, flags.built, wanted)
        : await prepareNew(session, wanted);
    if (flags.dryRun) {
      const { tellDryRun } = await import('./dryrun.js');
      tellDryRun(await bootable(plan, prepared, flags), prepared, flags);
      return;
    }
    const { result } = await runPlan({
      ...(await session.runOptions(plan, prepared)),
      ...(flags.maxFailures ? { maxFailures: flags.maxFailures } : {}),
      ...(flags.repeatEach ? { repeats: flags.repeatEach } : {}),
      ...(flags.matching ? { matching: true } : {}),
      ...(flags.referenceImage ? { referenceImage: await prepareFile(session, flags.referenceImage) } : {}),
    });
    process.exitCode = exitCodeOfVerdict(result.verdict, session.signal.aborted);
  });
}

/** The names of what the newest run has no pass of, within the patterns. */
async function lastFailed(session: Session, patterns: readonly string[]): Promise<string[]> {
  const { notPassed } = await import('../results/choose.js');
  const { userError } = await import('../errors.js');
  const { selectScenarios } = await import('../scenarios/select.js');
  const { storedRun } = await import('./session.js');
  const { result } = await storedRun('latest', session.flags);
  const scenarios = await session.scenarios();
  const within = new Set(
    (patterns.length > 0 ? selectScenarios(scenarios, patterns) : scenarios).map(({ name }) => name),
  );
  const names = notPassed(result).filter((name) => within.has(name));
  if (names.length === 0)
    throw userError('E_NOTHING_TO_RUN', `nothing failed in ${result.id}`, {
      hint: 'leave out --last-failed to boot everything',
    });
  return names;
}

async function prepareNew(session: Session, patterns: readonly string[]) {
  const image = await session.image();
  // What is wrong with the patterns is said before a kernel is fetched.
  const plan = await session.plan(image, patterns);
  return { plan, prepared: await session.prepare(image) };
}

async function prepareDomain(session: Session, file: string, patterns: readonly string[]) {
  const { userError } = await import('../errors.js');
  const { scenarioOfDomain } = await import('../scenarios/domain.js');
  if (patterns.length > 0)
    throw userError('E_USAGE', '--domain is the only guest of its run', {
      hint: 'leave out the scenarios',
    });
  const image = await session.image();
  const { scenario, notes } = await scenarioOfDomain(file);
  for (const note of notes) session.say(note);
  return { plan: { boots: [scenario], skips: [] }, prepared: await session.prepare(image) };
}

async function prepareBuilt(session: Session, folder: string, patterns: readonly string[]) {
  const { checkBuilt, readBuilt } = await import('../image/built.js');
  const { buildInitramfs } = await import('../initramfs/build.js');
  const built = await readBuilt(folder);
  const plan = await session.plan(built.image, patterns);
  const { delivery, userland: tools } = built.answer.initramfs;
  const prepared = await session.prepare(built.image, delivery, tools);
  const { set, kernel, userland } = prepared[0];
  const { cache } = session;
  checkBuilt(
    built,
    await buildInitramfs({
      ...{ set, tools: [], scenarioEntries: [], delivery, cache },
      ...{ arch: kernel.arch, userland },
    }),
  );
  return { plan, prepared };
}

async function prepareFile(session: Session, file: string) {
  const { loadImage } = await import('../image/image-file.js');
  return session.prepareOne(await loadImage(file));
}
