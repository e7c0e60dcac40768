import { mkdir } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostFactor } from './hostfactor.js';
import { readyMachine } from './launch.js';
import type { Accelerator, Machine } from './machine.js';

export interface TerminalOptions {
  machine: Machine;
  accelerator: Accelerator;
  /** Where QEMU runs; made when it is not there. */
  folder: string;
  /** A person's terminal, or a pipe with commands in it. */
  input: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  output: Writable;
  /** What the guest prints once it reads its console: nothing of the input reaches it before. */
  readyMark: string;
  /** Where gdb can connect. */
  gdb?: string | undefined;
  signal?: AbortSignal | undefined;
  onNote?: ((sentence: string) => void) | undefined;
}

/** How it ended: the guest powered off, the person left, or QEMU died with these words. */
export type TerminalEnding = { kind: 'off' } | { kind: 'left' } | { kind: 'died'; message: string };

/** Ctrl-], as telnet and virsh have it. */
const ESCAPE = 0x1d;
const BEGIN_SECONDS = 20;
const EXIT_MS = 500;

/**
 * Boots a machine with its console on a person's terminal. No deadline: the person has it. Ctrl-] leaves at once, Ctrl-C is the
 * guest's. Whatever happens, QEMU is gone and the terminal is as before when this settles.
 * @throws BootgateError as readyMachine does; the signal's reason when aborted.
 */
export async function runOnTerminal(options: TerminalOptions): Promise<TerminalEnding> {
  const { machine, accelerator, folder, input, output, gdb, signal, onNote } = options;
  signal?.throwIfAborted();
  await mkdir(folder, { recursive: true });
  const logs = { console: null, control: null };
  const ready = await readyMachine({ machine, accelerator, folder, logs, gdb, onNote });
  const undo: (() => unknown)[] = [() => ready.giveBack()];
  try {
    let end: (ending: TerminalEnding) => void = () => {};
    let fail: (reason: unknown) => void = () => {};
    const ended = new Promise<TerminalEnding>((resolve, reject) => {
      end = resolve;
      fail = reject;
    });
    ended.catch(() => {});
    const qemu = ready.start(({ event }) => {
      if (event === 'SHUTDOWN') end({ kind: 'off' });
    });
    undo.push(() => qemu.stop());
    void qemu.exited.then(({ status, stderr }) =>
      end(status === 0 ? { kind: 'off' } : { kind: 'died', message: stderr.trim() || `status ${status}` }),
    );
    const onAbort = () => fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    undo.push(() => signal?.removeEventListener('abort', onAbort));

    const gate = new InputGate(qemu.terminal?.input ?? null, () => end({ kind: 'left' }));
    const mark = new MarkFinder(options.readyMark);
    qemu.terminal?.output.on('data', (bytes: Buffer) => {
      output.write(bytes);
      if (mark.push(bytes)) gate.open();
    });
    qemu.terminal?.input.on('error', () => {});
    const onInput = (bytes: Buffer) => gate.push(bytes);
    input.on('data', onInput);
    if (input.isTTY) input.setRawMode?.(true);
    undo.push(() => {
      input.off('data', onInput);
      if (input.isTTY) input.setRawMode?.(false);
      input.pause();
    });
    // Where QEMU is gone its exit says why, and is heard first.
    qemu
      .begin(1000 * BEGIN_SECONDS * hostFactor())
      .catch(async (error: Error) =>
        fail(await Promise.race([qemu.exited, sleep(EXIT_MS)]).then(() => error)),
      );
    return await ended;
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

/** Holds what is typed until the guest reads it: a UART that nobody has opened loses it. */
class InputGate {
  readonly #to: Writable | null;
  readonly #leave: () => void;
  #held: Buffer[] | null = [];

  constructor(to: Writable | null, leave: () => void) {
    this.#to = to;
    this.#leave = leave;
  }

  push(bytes: Buffer): void {
    const leaving = bytes.indexOf(ESCAPE);
    const meant = leaving < 0 ? bytes : bytes.subarray(0, leaving);
    if (this.#held) this.#held.push(meant);
    else if (meant.length > 0) this.#to?.write(meant);
    if (leaving >= 0) this.#leave();
  }

  open(): void {
    for (const bytes of this.#held ?? []) if (bytes.length > 0) this.#to?.write(bytes);
    this.#held = null;
  }
}

/** Finds a mark in a stream that is cut anywhere. */
class MarkFinder {
  readonly #mark: string;
  #tail = '';

  constructor(mark: string) {
    this.#mark = mark;
  }

  push(bytes: Buffer): boolean {
    const text = this.#tail + bytes.toString('latin1');
    this.#tail = text.slice(-this.#mark.length + 1);
    return text.includes(this.#mark);
  }
}
