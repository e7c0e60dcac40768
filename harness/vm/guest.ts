import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { phaseLimits } from './deadlines.js';
import { Follower } from './follow.js';
import { hostFactor } from './hostfactor.js';
import { readyMachine } from './launch.js';
import type { Accelerator, Ending, Machine, Phase, Recording } from './machine.js';
import { restoreFrom } from './migration.js';
import { type ConsoleSource, Monitor } from './monitor.js';
import { examine } from './postmortem.js';
import type { Qemu } from './qemu.js';
import type { Qmp } from './qmp.js';
import { CONSOLE_LOG, CONTROL_LOG, writeRecording } from './recording.js';
import { RecordReader } from './records.js';
import { personScript, QEMU_SCRIPT } from './script.js';
import { Watch } from './watch.js';

export interface GuestOptions {
  machine: Machine;
  accelerator: Accelerator;
  /** Absolute, made when it is not there. console.log, control.log, qemu.sh, recording.json go in; after a hang or crash registers.txt and postmortem.txt. */
  folder: string;
  /** What authenticates the agent's records. */
  nonce: string;
  /** The sum of the steps' limits, in guest seconds. */
  stepSeconds: number;
  /** Reads the kernel's console while it is written: a fresh one for each guest. */
  watcher: ConsoleSource;
  signal?: AbortSignal;
  onPhase?: (phase: Phase) => void;
  /** A shell command that makes the machine's own files again once they are gone; qemu.sh names it. */
  remake?: string;
  /** Told what rights QEMU keeps that it does not need, and what it lacks; one sentence each. */
  onNote?: ((sentence: string) => void) | undefined;
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number;
  /** What the console had said before: of a clone, its template's. */
  before?: Uint8Array | undefined;
}

/** With less than this left on the disk, what the guest said may not have reached its file. */
const EXIT_MS = 500;
const DISK_FULL_BYTES = 64 * 1024;

/**
 * Boots one guest, watches it to its end and records it. Whatever happens, QEMU is gone when this settles.
 * @throws the signal's reason when aborted; BootgateError blame `user` for a machine that cannot be built, blame `host` when
 *   QEMU does not even print its version. A guest that dies, or a QEMU that does, is no error but an ending.
 */
export async function runGuest(options: GuestOptions): Promise<Recording> {
  const { machine, folder, nonce, signal, accelerator, onNote } = options;
  signal?.throwIfAborted();
  await mkdir(folder, { recursive: true });

  // Undone in reverse, each registered before the next thing is begun.
  const undo: (() => unknown)[] = [];
  const undoAll = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step();
  };
  try {
    const uarts = {
      console: new Follower(join(folder, CONSOLE_LOG), options.before),
      control: new Follower(join(folder, CONTROL_LOG)),
    };
    undo.push(() => Promise.all([uarts.console.close(), uarts.control.close()]));
    const logs = { console: CONSOLE_LOG, control: CONTROL_LOG };
    const ready = await readyMachine({ machine, accelerator, folder, logs, onNote });
    undo.push(() => ready.giveBack());
    await writeFile(join(folder, QEMU_SCRIPT), personScript(machine, ready, options.remake), { mode: 0o755 });
    signal?.throwIfAborted();
    const limits = phaseLimits({
      accelerator,
      hostFactor: hostFactor(),
      stepSeconds: options.stepSeconds,
      scale: options.timeScale ?? 1,
    });
    const monitor = new Monitor({
      limits,
      records: new RecordReader(nonce),
      console: options.watcher,
      onPhase: options.onPhase,
    });
    let qemu: Qemu | undefined;
    const watch = new Watch(monitor, uarts, signal, () => {
      // A machine that ends the process itself when it is powered off (riscv virt) leaves nothing to read afterwards.
      qemu?.readCpu();
      return qemu?.readState() ?? '';
    });
    undo.push(() => watch.close());
    const started = ready.start((event) => watch.feed({ kind: 'qmp', ...event }));
    qemu = started;
    undo.push(() => started.stop());
    void started.exited.then((exit) => watch.feed({ kind: 'exit', ...exit }));
    // Where QEMU is gone its exit says why, and is heard first or at the same time.
    const { stateFd } = ready;
    const restore = async (qmp: Qmp) => {
      if (stateFd !== undefined) await restoreFrom(qmp, stateFd, 1000 * limits.begin);
    };
    started.begin(1000 * limits.begin, restore).catch(async ({ message }: Error) => {
      await Promise.race([started.exited, sleep(EXIT_MS)]);
      watch.feed({ kind: 'broken', message });
    });

    let ending: Ending = await watch.ended;
    const { seconds, stoodStill } = watch;
    if (ending.kind === 'deadline' || ending.kind === 'fatal') await examine(started, folder, hostFactor());
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
      ...(stoodStill > 0 ? { stoodStill } : {}),
      cpuSeconds: started.cpuSeconds,
    };
    await writeRecording(folder, recording);
    return recording;
  } finally {
    await undoAll();
  }
}

async function diskIsFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < DISK_FULL_BYTES;
}
