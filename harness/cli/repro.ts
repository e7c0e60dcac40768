import { Command, Option } from 'commander';
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
    .argument('<run>', 'a run: its folder, its id, or `latest`')
    .argument('[scenario]', 'result to repeat (default: the one that failed)')
    .addOption(new Option('-n, --times <n>', 'boots (default: 1)').argParser(wholeNumber))
    .addOption(
      new Option(
        '--files',
        "make the guest's archive and disks again, so that its qemu.sh works; boot nothing",
      ),
    );
  share(command, 'accel', 'jobs', 'results', 'json').addHelpText(
    'after',
    `
Exit codes: 0 every boot ended as recorded, 1 one did not, 2 the bytes would differ now, 3 the host could not tell.

Examples:
  bootgate repro latest storage/virtio-blk --times 5
  bootgate repro latest --files && results/latest/storage/virtio-blk/qemu.sh`,
  );
  return command.action(repro);
}

async function repro(where: string, name: string | undefined, flags: ReproFlags): Promise<void> {
  const { storedBoot } = await import('../repro/stored-boot.js');
  const { storedRun, withSession } = await import('./session.js');
  const boot = await storedBoot(await storedRun(where, flags), name);
  await withSession(flags, async (session) => {
    const { storedImage } = await import('../image/stored.js');
    const { cache, say, signal } = session;
    const image = await storedImage(boot.run, boot.result.installSet, { cache, log: say, signal });
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

async function repeat(
  session: Session,
  boot: StoredBoot,
  image: Awaited<ReturnType<typeof import('../image/stored.js').storedImage>>,
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
