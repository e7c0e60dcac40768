import { Command, Option } from 'commander';
import type { StoredImage } from '../image/stored.js';
import type { Secrets } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { type SharedFlags, share, wholeNumber } from './options.js';
import type { Session } from './session.js';

interface ShellFlags extends SharedFlags {
  at?: string;
  full?: boolean;
  gdb?: number | true;
}

/** As QEMU's -s has it. */
const GDB_PORT = 1234;

export function shellCommand(): Command {
  const command = new Command('shell')
    .description(
      'boot a guest to look around in: of a recorded boot, or of an image; its console is the terminal, Ctrl-] leaves',
    )
    .argument('[run]', 'a run: its folder, its id, or `latest`; without one the image is booted')
    .argument('[scenario]', 'whose machine and steps (of a run by default: the one that failed)')
    .addOption(new Option('--scenario <name>', 'of an image: whose machine and steps'))
    .addOption(new Option('--at <step>', 'run the steps before this one first: its number, or its name'))
    .addOption(new Option('--full', 'with the full module tree, to compare'))
    .addOption(
      new Option('--gdb [port]', `let gdb connect (default: port ${GDB_PORT} of the loopback)`).argParser(
        wholeNumber,
      ),
    );
  share(command, 'image', 'kernel', 'modules', 'split', 'install', 'allowMissing', 'accel', 'results');
  return command
    .addHelpText(
      'after',
      `
In the guest: steps, show N, step N; the helpers of steps (need_disk data, need_nic nic0, ...); modprobe names what the set lacks.

Examples:
  bootgate shell latest storage/nvme --at 2
  bootgate shell --image debian --modules trimmed.txt --scenario filesystems/vfat
  echo 'modprobe vfat; exit' | bootgate shell --image debian --modules trimmed.txt`,
    )
    .action(shell);
}

interface Guest {
  image: StoredImage;
  scenario: Scenario;
  secrets?: Secrets;
  /** The accelerator of the recorded boot. */
  used?: 'tcg';
}

async function shell(
  where: string | undefined,
  name: string | undefined,
  flags: ShellFlags & { scenario?: string },
): Promise<void> {
  const { EXIT } = await import('../errors.js');
  const { withSession } = await import('./session.js');
  await withSession(flags, async (session) => {
    const guest = where
      ? await recorded(session, where, name, flags)
      : await imagined(session, flags.scenario);
    const { openShell } = await import('../repro/shell.js');
    const { used } = await session.accelerator(guest.image, guest.used ?? 'auto');
    const gdb = flags.gdb === true ? GDB_PORT : flags.gdb;
    if (gdb !== undefined)
      session.say(`gdb ${guest.image.vmlinux.path} -ex 'target remote localhost:${gdb}'`);
    const { rows, columns } = process.stdout;
    const ending = await openShell({
      ...guest,
      accelerator: used,
      cache: session.cache,
      input: process.stdin,
      output: process.stdout,
      signal: session.signal,
      onNote: session.say,
      at: flags.at,
      gdb,
      full: flags.full ?? false,
      ...(rows && columns ? { size: { rows, columns } } : {}),
    });
    if (ending.kind === 'left') process.stdout.write('\r\n');
    if (ending.kind !== 'died') return;
    session.say(`QEMU ended: ${ending.message}`);
    process.exitCode = EXIT.undecided;
  });
}

async function recorded(
  session: Session,
  where: string,
  name: string | undefined,
  flags: SharedFlags,
): Promise<Guest> {
  const { storedImage } = await import('../image/stored.js');
  const { storedBoot } = await import('../repro/stored-boot.js');
  const { storedRun } = await import('./session.js');
  const { run, result, request } = await storedBoot(await storedRun(where, flags), name);
  const { cache, say, signal } = session;
  return {
    image: await storedImage(run, result.installSet, { cache, log: say, signal }),
    scenario: request.scenario,
    secrets: request,
    ...(run.result.accelerator.used === 'tcg' ? { used: 'tcg' } : {}),
  };
}

async function imagined(session: Session, name: string | undefined): Promise<Guest> {
  const { PLAIN } = await import('../repro/shell.js');
  const image = await session.prepareOne(await session.image());
  if (name === undefined) return { image, scenario: PLAIN };
  const { selectScenarios } = await import('../scenarios/select.js');
  const { userError } = await import('../errors.js');
  const [scenario, ...others] = selectScenarios(await session.scenarios(), [name]);
  if (!scenario || others.length > 0)
    throw userError('E_USAGE', `${name} is ${others.length + 1} scenarios: name one`, {
      hint: 'see `bootgate scenarios list`',
    });
  return { image, scenario };
}
