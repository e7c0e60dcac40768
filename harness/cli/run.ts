import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import type { Session } from './session.js';

interface RunFlags extends SharedFlags {
  built?: string;
  referenceImage?: string;
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
  share(command, 'accel', 'jobs', 'reporter', 'json', 'results', 'delivery', 'userland', 'reference');
  command.addOption(
    new Option('--reference-image <file>', 'compare with this image instead of the full module tree'),
  );
  return share(command, 'verbose').action(run);
}

async function run(patterns: string[], flags: RunFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { exitCodeOfVerdict } = await import('../results/verdict.js');
  const { runPlan } = await import('../run/run.js');
  await withSession(flags, async (session) => {
    const { plan, prepared } = flags.built
      ? await prepareBuilt(session, flags.built, patterns)
      : await prepareNew(session, patterns);
    const { result } = await runPlan({
      ...(await session.runOptions(plan, prepared)),
      ...(flags.referenceImage ? { referenceImage: await prepareFile(session, flags.referenceImage) } : {}),
    });
    process.exitCode = exitCodeOfVerdict(result.verdict, session.signal.aborted);
  });
}

async function prepareNew(session: Session, patterns: readonly string[]) {
  const image = await session.image();
  // What is wrong with the patterns is said before a kernel is fetched.
  const plan = await session.plan(image, patterns);
  return { plan, prepared: await session.prepare(image) };
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
