import { chmodSync, chownSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { architectureOf, bootSupport } from '../arch/index.js';
import { hostError } from '../errors.js';
import { phaseLimits } from './deadlines.js';
import { Follower } from './follow.js';
import { hostFactor } from './hostfactor.js';
import { type ReadyMachine, readyMachine, TEMPLATE_SOCKET } from './launch.js';
import type { Accelerator, Fork, Machine } from './machine.js';
import { saveTo } from './migration.js';
import { isRoot } from './privileges.js';
import type { Qemu } from './qemu.js';
import { mapsPrivately, qemuFacts } from './qemu-facts.js';
import { CONSOLE_LOG, CONTROL_LOG } from './recording.js';

export interface TemplateOptions {
  /** Without devices, and with a window of which only the size counts. */
  machine: Machine;
  accelerator: Accelerator;
  /** Where it is made: absolute, not there yet. */
  folder: string;
  signal?: AbortSignal | undefined;
}

/** A template's files, in its folder. Nothing writes to them once they are made: clones have them mapped. */
const FILES = { low: 'low.ram', high: 'high.ram', state: 'state' } as const;
/** Only while it is made. */
const BRIEFLY = { window: 'window.tmp', trial: 'trial.tmp', wire: 'wire.tmp' } as const;
const POLL_MS = 10;
/** What QEMU saves of processors and board is some 100 KB. */
const MOST_STATE_BYTES = 64 * 1024 * 1024;

/** Whether this architecture's guests can be templates: the memory in which clones are told what they run, or null. */
export function trialBytesOf(machine: Pick<Machine, 'arch'>): number | null {
  return architectureOf(machine.arch).boot?.fork?.trialBytes ?? null;
}

/** What makes a machine a clone of the template in `folder`. */
export function cloneOf(folder: string, trial: Fork['trial']): Fork {
  const at = (name: string) => join(folder, name);
  return { kind: 'clone', low: at(FILES.low), high: at(FILES.high), state: at(FILES.state), trial };
}

/** What the template's guest has said. */
export function consoleOf(folder: string): Promise<Buffer> {
  return readFile(join(folder, CONSOLE_LOG));
}

/**
 * Boots a machine until its init stops before the first module, and saves it: memory, processors and console, in `folder`.
 * @throws BootgateError blame `host`, E_FORK: it never came there, or QEMU cannot save it. The signal's reason when aborted.
 */
export async function makeTemplate({ machine, accelerator, folder, signal }: TemplateOptions): Promise<void> {
  const trialBytes = trialBytesOf(machine);
  const layout = bootSupport(machine.arch).window?.layout(machine.memoryMiB);
  if (!machine.window || !layout || !trialBytes)
    throw hostError('E_FORK', 'a template needs a module window');
  signal?.throwIfAborted();
  // Nobody else comes to its memory, whatever the files' own rights are.
  mkdirSync(folder, { mode: 0o700 });
  const at = (name: string) => join(folder, name);
  const sparse = (name: string, bytes: number) => {
    writeFileSync(at(name), '', { mode: 0o600, flag: 'wx' });
    truncateSync(at(name), bytes);
    return at(name);
  };
  mkdirSync(at(BRIEFLY.wire));
  const template: Machine = {
    ...machine,
    window: { file: sparse(BRIEFLY.window, machine.window.bytes), bytes: machine.window.bytes },
    fork: {
      kind: 'template',
      low: sparse(FILES.low, layout.low),
      high: sparse(FILES.high, layout.high),
      trial: { file: sparse(BRIEFLY.trial, trialBytes), bytes: trialBytes },
      state: at(BRIEFLY.wire),
    },
  };
  const undo: (() => unknown)[] = [];
  try {
    const uarts = [CONSOLE_LOG, CONTROL_LOG].map((name) => new Follower(at(name)));
    undo.push(() => Promise.all(uarts.map((one) => one.close())));
    const logs = { console: CONSOLE_LOG, control: CONTROL_LOG };
    const ready = await readyMachine({ machine: template, accelerator, folder, logs });
    undo.push(() => ready.giveBack());
    signal?.throwIfAborted();
    const qemu = ready.start(() => {});
    undo.push(() => qemu.stop());
    const limits = phaseLimits({ accelerator, hostFactor: hostFactor(), stepSeconds: 0 });
    const { firmware, kernel, init } = limits.phase;
    await qemu.begin(1000 * limits.begin);
    await frozen(qemu, uarts[1] as Follower, firmware + kernel + init, signal);
    await save(qemu, ready, template, 1000 * limits.begin);
  } finally {
    for (const step of undo.reverse()) await step();
  }
  for (const name of [...Object.values(BRIEFLY), CONTROL_LOG])
    await rm(at(name), { recursive: true, force: true });
  const mode = await modeOfMemory(machine);
  for (const name of [FILES.low, FILES.high]) {
    chownSync(at(name), process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
    chmodSync(at(name), mode);
  }
}

/**
 * Clones are other users where we are root. Before QEMU 8.2 they open the memory's files for writing, although they map them
 * privately; only who is handed a descriptor gets to a file below our folder, and a change would show by its time.
 */
async function modeOfMemory({ arch }: Machine): Promise<number> {
  const facts = await qemuFacts(bootSupport(arch).qemu);
  if (!isRoot() || !facts.drops) return 0o600;
  return mapsPrivately(facts) ? 0o644 : 0o666;
}

/** Once the guest says that it has stopped. */
async function frozen(
  qemu: Qemu,
  control: Follower,
  seconds: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let exit: string | null = null;
  void qemu.exited.then(({ stderr }) => {
    exit = stderr.trim().split('\n').at(-1) || 'it ended';
  });
  for (const until = performance.now() + 1000 * seconds; ; await sleep(POLL_MS)) {
    signal?.throwIfAborted();
    control.read();
    if (/^freeze\r?$/m.test(control.kept.toBuffer().toString('latin1'))) return;
    if (exit !== null) throw hostError('E_FORK', `the template's guest did not come to its stop: ${exit}`);
    if (performance.now() > until)
      throw hostError(
        'E_FORK',
        `the template's guest did not come to its stop within ${Math.round(seconds)} s`,
      );
  }
}

async function save(qemu: Qemu, ready: ReadyMachine, { fork }: Machine, limitMs: number): Promise<void> {
  const wire = fork?.state ?? '';
  // By its descriptor: a socket's path must be shorter than 108 bytes.
  const folder = await open(wire, 'r');
  const pieces: Buffer[] = [];
  let bytes = 0;
  const server = createServer();
  try {
    const received = new Promise<void>((resolve, reject) => {
      server.on('error', reject).on('connection', (socket) => {
        socket.on('error', reject).on('end', resolve);
        socket.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > MOST_STATE_BYTES) reject(hostError('E_FORK', 'QEMU saves more than a template has'));
          else pieces.push(piece);
        });
      });
    });
    received.catch(() => {});
    await new Promise<void>((resolve, reject) => {
      const path = `/proc/self/fd/${folder.fd}/${TEMPLATE_SOCKET}`;
      server.on('error', reject).listen({ path, readableAll: true, writableAll: true }, resolve);
    });
    await qemu.qmp.execute('stop', {}, limitMs);
    await Promise.all([saveTo(qemu.qmp, ready.socket ?? '', limitMs), withTimeout(received, limitMs)]);
  } finally {
    server.close();
    await folder.close();
  }
  const state = join(wire, '..', FILES.state);
  await writeFile(state, Buffer.concat(pieces), { mode: 0o600 });
  if (statSync(state).size === 0) throw hostError('E_FORK', 'QEMU has saved nothing');
}

async function withTimeout(work: Promise<void>, ms: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw hostError('E_FORK', `QEMU did not save the guest within ${Math.round(ms / 1000)} s`);
  });
  late.catch(() => {});
  try {
    await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
