import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootSupport, directFirmware } from '../arch/index.js';
import { type Launch, qemuArgv, shellLine } from './argv.js';
import { phaseLimits } from './deadlines.js';
import { Follower } from './follow.js';
import { hostFactor } from './hostfactor.js';
import type { Accelerator, Ending, Machine, Phase, Recording } from './machine.js';
import { Monitor } from './monitor.js';
import { Qemu, QMP_CHARDEV } from './qemu.js';
import { CONSOLE_LOG, CONTROL_LOG, writeRecording } from './recording.js';
import { RecordReader } from './records.js';
import { Watch } from './watch.js';

export interface GuestOptions {
  machine: Machine;
  accelerator: Accelerator;
  /** Absolute, made when it is not there. console.log, control.log, qemu.sh, recording.json go in; after a hang registers.txt. */
  folder: string;
  /** What authenticates the agent's records. */
  nonce: string;
  /** The sum of the steps' limits, in guest seconds. */
  stepSeconds: number;
  signal?: AbortSignal;
  onPhase?: (phase: Phase) => void;
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number;
}

/** With less than this left on the disk, what the guest said may not have reached its file. */
const EXIT_MS = 500;
const DISK_FULL_BYTES = 64 * 1024;

/**
 * Boots one guest, watches it to its end and records it. Whatever happens, QEMU is gone when this settles.
 * @throws the signal's reason when aborted; BootgateError blame `user` for a machine that cannot be built. A guest
 *   or a QEMU that dies, or cannot even start, is no error but an ending.
 */
export async function runGuest(options: GuestOptions): Promise<Recording> {
  const { machine, folder, nonce, signal } = options;
  signal?.throwIfAborted();
  const { qemu: program } = bootSupport(machine.arch);
  const launch: Launch = {
    accelerator: options.accelerator,
    firmware: machine.boot === 'direct' ? directFirmware(machine.arch) : null,
    console: { backend: 'file', path: CONSOLE_LOG },
    control: { backend: 'file', path: CONTROL_LOG },
    qmp: QMP_CHARDEV,
  };
  const args = qemuArgv(machine, launch);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'qemu.sh'), script(program, machine, launch), { mode: 0o755 });

  // Undone in reverse, each registered before the next thing is begun.
  const undo: (() => unknown)[] = [];
  const undoAll = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step();
  };
  try {
    const uarts = {
      console: new Follower(join(folder, CONSOLE_LOG)),
      control: new Follower(join(folder, CONTROL_LOG)),
    };
    undo.push(() => Promise.all([uarts.console.close(), uarts.control.close()]));
    const limits = phaseLimits({
      accelerator: options.accelerator,
      hostFactor: hostFactor(),
      stepSeconds: options.stepSeconds,
      scale: options.timeScale ?? 1,
    });
    const monitor = new Monitor({ limits, records: new RecordReader(nonce), onPhase: options.onPhase });
    const watch = new Watch(monitor, uarts, signal);
    undo.push(() => watch.close());
    const qemu = Qemu.start(program, args, folder, (event) => watch.feed({ kind: 'qmp', ...event }));
    undo.push(() => qemu.stop());
    void qemu.exited.then((exit) => watch.feed({ kind: 'exit', ...exit }));
    // Where QEMU is gone its exit says why, and is heard first or at the same time.
    qemu.begin().catch(async ({ message }: Error) => {
      await Promise.race([qemu.exited, sleep(EXIT_MS)]);
      watch.feed({ kind: 'broken', message });
    });

    let ending: Ending = await watch.ended;
    const { seconds } = watch;
    if (ending.kind === 'deadline') await saveRegisters(qemu, folder);
    await undoAll();
    if (await diskIsFull(folder))
      ending = { kind: 'infra', message: `no space is left on the disk of ${folder}` };
    const recording: Recording = {
      nonce,
      console: uarts.console.kept.toBuffer(),
      control: uarts.control.kept.toBuffer(),
      ending,
      phases: monitor.phases,
      seconds,
      cpuSeconds: qemu.cpuSeconds,
    };
    await writeRecording(folder, recording);
    return recording;
  } finally {
    await undoAll();
  }
}

/** The same machine for a person: the console on the terminal, nothing of the recording touched. */
function script(program: string, machine: Machine, launch: Launch): string {
  const args = qemuArgv(machine, {
    ...launch,
    console: { backend: 'stdio', signal: 'off' },
    control: { backend: 'null' },
    qmp: null,
  });
  return `#!/bin/sh\n# End it with: kill, or poweroff in the guest.\nexec ${shellLine(program, args)}\n`;
}

/** What a guest that hangs was doing; best effort. */
async function saveRegisters(qemu: Qemu, folder: string): Promise<void> {
  await qemu.qmp.registers().then(
    (text) => writeFile(join(folder, 'registers.txt'), text),
    () => {},
  );
}

async function diskIsFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < DISK_FULL_BYTES;
}
