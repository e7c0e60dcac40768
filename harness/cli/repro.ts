import { Command, Option } from 'commander';
import type { StoredImage } from '../image/stored.js';
import type { Repeat, Repetition } from '../repro/repeat.js';
import type { StoredBoot } from '../repro/stored-boot.js';
import { type SharedFlags, share, wholeNumber } from './options.js';
import type { Session } from './session.js';

interface ReproFlags extends SharedFlags {
  times?: number;
  files?: boolean;
  export?: string;
}

export function reproCommand(): Command {
  const command = new Command('repro')
    .description('boot a recorded guest again, byte for byte, and report whether it ends the same way')
    .argument('<run>', 'a run: its folder, its id, or `latest`; or a capsule, FILE.tar.zst')
    .argument('[scenario]', 'result to repeat (default: the one that failed)')
    .addOption(new Option('-n, --times <n>', 'boots (default: 1)').argParser(wholeNumber))
    .addOption(
      new Option(
        '--files',
        "make the guest's archive and disks again, so that its qemu.sh works; boot nothing",
      ),
    );
  command.addOption(
    new Option(
      '--export <file>',
      'write a capsule of it, FILE.tar.zst, that needs only QEMU and a shell; boot nothing',
    ).conflicts(['times', 'files']),
  );
  share(command, 'accel', 'jobs', 'results', 'json').addHelpText(
    'after',
    `
Exit codes: 0 every boot ended as recorded, 1 one did not, 2 the bytes would differ now, 3 the host could not tell.

Examples:
  bootgate repro latest storage/virtio-blk --times 5
  bootgate repro latest storage/virtio-blk --export failure.tar.zst
  bootgate repro failure.tar.zst
  bootgate repro latest --files && results/latest/storage/virtio-blk/qemu.sh`,
  );
  return command.action(repro);
}

async function repro(where: string, name: string | undefined, flags: ReproFlags): Promise<void> {
  const { isCapsule } = await import('../repro/open-capsule.js');
  if (isCapsule(where)) return reproCapsule(where, flags);
  const { storedBoot } = await import('../repro/stored-boot.js');
  const { storedRun, withSession } = await import('./session.js');
  const boot = await storedBoot(await storedRun(where, flags), name);
  await withSession(flags, async (session) => {
    const { storedImage } = await import('../image/stored.js');
    const { cache, say, signal } = session;
    const image = await storedImage(boot.run, boot.result.installSet, { cache, log: say, signal });
    if (flags.export) return exportBoot(session, boot, image, flags.export, flags);
    const recorded = boot.run.result.accelerator;
    const accelerator = await session.accelerator(image, recorded.used === 'tcg' ? 'tcg' : 'auto');
    if (flags.files) {
      const { remakeFiles } = await import('../repro/files.js');
      const { print, printJson } = await import('./output.js');
      const script = await remakeFiles(boot, image, { cache, accelerator: accelerator.used });
      return flags.json ? printJson({ script }) : print(script);
    }
    await repeat(session, boot, image, accelerator, flags);
  });
}

async function reproCapsule(file: string, flags: ReproFlags): Promise<void> {
  const { runCapsule } = await import('../repro/open-capsule.js');
  const { withSession } = await import('./session.js');
  await withSession(flags, async ({ signal }) => {
    const accelerator = flags.accel === 'auto' ? undefined : flags.accel;
    process.exitCode = await runCapsule(file, { accelerator, signal });
  });
}

async function exportBoot(
  { cache, signal }: Session,
  boot: StoredBoot,
  image: StoredImage,
  file: string,
  flags: ReproFlags,
): Promise<void> {
  const { isCapsule } = await import('../repro/open-capsule.js');
  const { userError } = await import('../errors.js');
  const { exportCapsule } = await import('../repro/export.js');
  const { digestOfFile } = await import('../cache.js');
  const { print, printJson } = await import('./output.js');
  if (!isCapsule(file))
    throw userError('E_USAGE', `${file} is not the name of a capsule`, { hint: 'end it in .tar.zst' });
  const { recorded, expectation } = await exportCapsule(boot, image, file, { cache, signal });
  const digest = await digestOfFile(file);
  if (flags.json) return printJson({ file, digest, recorded, expectation });
  const { stat } = await import('node:fs/promises');
  const { formatBytes } = await import('../units.js');
  print(`${file}  ${formatBytes((await stat(file)).size)}  ${digest}`);
}

async function repeat(
  session: Session,
  boot: StoredBoot,
  image: StoredImage,
  accelerator: Awaited<ReturnType<Session['accelerator']>>,
  flags: ReproFlags,
): Promise<void> {
  const { Executor } = await import('../boot/executor.js');
  const { repeatBoot } = await import('../repro/repeat.js');
  const { EXIT } = await import('../errors.js');
  const { print, printJson } = await import('./output.js');
  const { cache, signal, say } = session;
  const recorded = boot.run.result.accelerator;
  if (accelerator.used !== recorded.used)
    say(`recorded under ${recorded.used}, repeated under ${accelerator.used}: ${accelerator.reason}`);
  const executor = new Executor({
    accelerator,
    cache,
    signal,
    onNote: say,
    ...(flags.jobs ? { jobs: flags.jobs } : {}),
  });
  if (!flags.json) print(recordedLine(boot));
  const done = await repeatBoot({
    boot,
    image,
    executor,
    times: flags.times ?? 1,
    onBoot: (one, number) => {
      if (!flags.json) print(bootLine(one, number));
    },
  });
  if (flags.json) printJson(done);
  else print(lastLine(done));
  process.exitCode = signal.aborted
    ? EXIT.interrupted
    : done.decided > done.same
      ? EXIT.no
      : done.decided === 0 || done.decided < done.boots.length
        ? EXIT.undecided
        : EXIT.ok;
}

function recordedLine({ result, request }: StoredBoot): string {
  const digest = request.initramfs.digest.slice(0, 'sha256:'.length + 12);
  return `recorded  ${told(result)}\n          Linux ${request.kernel.release}, initramfs ${digest}, seed ${request.seed}`;
}

const told = ({ verdict, reason, seconds }: Pick<Repeat, 'verdict' | 'reason' | 'seconds'>): string =>
  `${verdict.padEnd(5)}  ${seconds.toFixed(1)} s${reason ? `  ${reason}` : ''}`;

function bootLine(one: Repeat, number: number): string {
  const mark = one.same === null ? 'the host' : one.same ? 'the same' : 'DIFFERS ';
  return `${String(number).padStart(8)}  ${mark}  ${told(one)}`;
}

function lastLine({ same, decided, boots, recorded, scenario }: Repetition): string {
  if (decided === 0) return `${scenario}: no boot could be decided`;
  const open = boots.length > decided ? `; ${boots.length - decided} could not be decided` : '';
  return `${scenario}: ${same} of ${decided} boots of the same bytes ended as recorded (${recorded.verdict})${open}`;
}
