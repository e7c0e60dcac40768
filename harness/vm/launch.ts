import { closeSync, openSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bootSupport, firmwareFor } from '../arch/index.js';
import { type Launch, qemuArgv } from './argv.js';
import { FIRST_FD, type HandedOver, handOver } from './handover.js';
import type { Accelerator, Machine } from './machine.js';
import { callersRights, droppedRights, groupsFor, type Rights } from './privileges.js';
import { Qemu, QMP_CHARDEV } from './qemu.js';
import { qemuFacts, ramAccess, windowAccess } from './qemu-facts.js';
import type { QmpEvent } from './qmp.js';

export interface LaunchOptions {
  machine: Machine;
  accelerator: Accelerator;
  /** Where QEMU runs; the logs lie in it, made already. */
  folder: string;
  /** The UARTs' files in the folder; without a control log that UART leads nowhere, without a console log that one is QEMU's stdio. */
  logs: { console: string | null; control: string | null };
  /** See Launch. */
  gdb?: string | undefined;
  /** Whom it concerns that QEMU has more rights than it needs, or lacks something: one sentence each. */
  onNote?: ((sentence: string) => void) | undefined;
}

/** A machine that can be started: QEMU's arguments by its real paths, for people, and how it is really started. */
export interface ReadyMachine {
  program: string;
  launch: Launch;
  start(onEvent: (event: QmpEvent) => void): Qemu;
  /** Of a clone: the descriptor in QEMU from which it reads what its template's QEMU has saved. */
  stateFd?: number;
  /** Of a template: the path, as QEMU knows it, of a socket of ours in the folder `fork.state`. */
  socket?: string;
  /** Once QEMU is gone. */
  giveBack(): void;
}

/**
 * Chooses the rights that QEMU gets, the fewest that it can do with: where the caller is root, those of a user of no account,
 * with open descriptors instead of paths. Where that cannot be, the caller's, and a sentence says so.
 * @throws BootgateError blame `host`: QEMU, or setpriv, cannot be started at all.
 */
export async function readyMachine(options: LaunchOptions): Promise<ReadyMachine> {
  const { machine, accelerator, folder, logs, gdb, onNote = () => {} } = options;
  const { qemu: program } = bootSupport(machine.arch);
  const facts = await qemuFacts(program);
  for (const note of facts.notes) onNote(note);
  const { rights, handed, kept } = facts.drops ? dropped(options) : AS_CALLER;
  if (kept) onNote(`QEMU runs as root: ${kept}`);
  const clone = machine.fork?.kind === 'clone';
  // A clone's console begins with what its template's guest had said.
  const file = (path: string | null) =>
    path === null
      ? ({ backend: 'null' } as const)
      : ({ backend: 'file', path, ...(clone ? { append: 'on' } : {}) } as const);
  const launch: Launch = {
    accelerator,
    firmware: firmwareFor(machine.arch, machine.boot),
    console: logs.console === null ? STDIO : file(logs.console),
    control: file(logs.control),
    qmp: QMP_CHARDEV,
    gdb,
    sandbox: facts.sandbox,
    windowAccess: windowAccess(facts),
    ramAccess: ramAccess(facts),
  };
  const opened = [...(handed?.logs ?? [])];
  const console = logs.console === null ? null : (opened.shift() ?? logs.console);
  const control = opened.shift() ?? logs.control;
  const args = qemuArgv(handed?.machine ?? machine, {
    ...launch,
    console: console === null ? STDIO : file(console),
    control: file(control),
  });
  const fds = [...(handed?.fds ?? [])];
  // Each clone reads from the beginning: a descriptor of its own.
  const state = clone ? openSync(machine.fork?.state ?? '', 'r') : null;
  if (state !== null) fds.push(state);
  return {
    program,
    launch,
    start: (onEvent) =>
      Qemu.start(program, args, folder, onEvent, {
        setpriv: rights.setpriv,
        fds,
        terminal: logs.console === null,
      }),
    giveBack: () => {
      if (state !== null) closeSync(state);
      handed?.giveBack();
    },
    ...(state === null ? {} : { stateFd: FIRST_FD + fds.length - 1 }),
    ...(machine.fork?.kind === 'template'
      ? { socket: join(handed?.machine.fork?.state ?? relative(folder, machine.fork.state), TEMPLATE_SOCKET) }
      : {}),
  };
}

/** The name of the socket in a template's folder for it. */
export const TEMPLATE_SOCKET = 's';

/** Ctrl+C is the guest's. */
const STDIO = { backend: 'stdio', signal: 'off' } as const;

interface Chosen {
  rights: Rights;
  handed: HandedOver | null;
  /** Why the rights are the caller's although that is root. */
  kept: string;
}

const AS_CALLER: Chosen = { rights: callersRights, handed: null, kept: '' };

function dropped({ machine, accelerator, folder, logs }: LaunchOptions): Chosen {
  const groups = groupsFor(accelerator);
  if (typeof groups === 'string') return { ...AS_CALLER, kept: groups };
  const rights = droppedRights(groups);
  const names = [logs.console, logs.control].filter((name) => name !== null);
  try {
    return { rights, handed: handOver(machine, folder, names, rights.uid ?? 0), kept: '' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // What is not there is QEMU's to say.
    return { ...AS_CALLER, kept: code === 'ENOENT' ? '' : `its files cannot be handed over (${message})` };
  }
}
