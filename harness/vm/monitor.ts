import type { Limits } from './deadlines.js';
import { type Ending, PHASES, type Phase } from './machine.js';
import type { AgentRecord } from './record-line.js';

/** Everything that can happen to a guest. */
export type GuestEvent =
  | { kind: 'console' | 'control'; bytes: Uint8Array }
  | { kind: 'qmp'; event: string; data: Record<string, unknown> }
  | { kind: 'exit'; status: number | null; signal: string | null; stderr: string }
  /** QEMU runs, and yet the machine could not be begun. */
  | { kind: 'broken'; message: string }
  | { kind: 'tick' };

/** Takes a channel's bytes and gives the authentic records that they completed; see records.ts. */
export interface RecordSource {
  push(bytes: Uint8Array, channel: 'console' | 'control'): AgentRecord[];
}

/**
 * Reads the kernel's console while it is written; what its lines mean is not for vm/ to say. diagnose/watch.ts is the one that is used.
 */
export interface ConsoleSource {
  /** The console's bytes in order, cut anywhere. */
  push(bytes: Uint8Array): void;
  /** Nothing more will come: the last line is over. */
  end(): void;
  /** The kernel has said something: the firmware is done. */
  readonly kernelSpoke: boolean;
  /** The kernel has started init. */
  readonly initBegan: boolean;
  /** The title of the first report that ends a guest, as far as it is known; null while there is none. */
  readonly fatal: string | null;
  /** All of what the kernel has to say of it has come. */
  readonly fatalIsWhole: boolean;
}

export interface MonitorOptions {
  limits: Limits;
  records: RecordSource;
  console: ConsoleSource;
  onPhase?: ((phase: Phase) => void) | undefined;
}

const NEWLINE = 10;

/**
 * Watches one guest. Every event goes through `handle`, in order, with its time; the first ending that it returns
 * is the guest's. Nothing else decides, and nothing here knows of processes or sockets: a test can be the guest.
 */
export class Monitor {
  readonly #limits: Limits;
  readonly #records: RecordSource;
  readonly #onPhase: (phase: Phase) => void;
  readonly #console: ConsoleSource;
  readonly #bytes = { console: 0, control: 0 };
  #fatalSince: number | null = null;
  #wholeSince: number | null = null;
  /** In the order of entry. */
  readonly phases: { phase: Phase; at: number }[] = [{ phase: 'firmware', at: 0 }];

  constructor(options: MonitorOptions) {
    this.#limits = options.limits;
    this.#records = options.records;
    this.#console = options.console;
    this.#onPhase = options.onPhase ?? (() => {});
  }

  get phase(): Phase {
    return this.phases.at(-1)?.phase ?? 'firmware';
  }

  /** `at`: seconds since QEMU's start. Null: go on. */
  handle(event: GuestEvent, at: number): Ending | null {
    switch (event.kind) {
      case 'console':
      case 'control':
        this.#take(event.kind, event.bytes, at);
        return this.#overdue(at);
      case 'qmp':
        return this.#machineSays(event.event, event.data, at);
      case 'exit':
        return this.#exited(event, at);
      case 'broken':
        return infra(event.message);
      case 'tick':
        return this.#overdue(at);
    }
  }

  #take(channel: 'console' | 'control', bytes: Uint8Array, at: number): void {
    this.#bytes[channel] += bytes.length;
    if (channel === 'control') {
      this.#hear(bytes, channel, at);
      return;
    }
    // Line by line, lest the order of what the kernel and the agent say hang on where a read ended.
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, from) + 1 || bytes.length;
      this.#read(bytes.subarray(from, end), at);
      from = end;
    }
  }

  #hear(bytes: Uint8Array, channel: 'console' | 'control', at: number): void {
    for (const record of this.#records.push(bytes, channel)) this.#phaseOfRecord(record, at);
  }

  /** A line of the console, or a piece of one. */
  #read(bytes: Uint8Array, at: number): void {
    this.#console.push(bytes);
    this.#look(at);
    this.#hear(bytes, 'console', at);
  }

  #look(at: number): void {
    const { kernelSpoke, initBegan, fatal, fatalIsWhole } = this.#console;
    if (kernelSpoke) this.#enter('kernel', at);
    if (initBegan) this.#enter('init', at);
    if (fatal === null) return;
    this.#fatalSince ??= at;
    // A panic may follow an oops: then there is more to wait for.
    this.#wholeSince = fatalIsWhole ? (this.#wholeSince ?? at) : null;
  }

  #phaseOfRecord(record: AgentRecord, at: number): void {
    const name = record.pairs.find(([key]) => key === 'name')?.[1];
    const phase = record.type === 'phase' ? PHASES.find((known) => known === name) : undefined;
    this.#enter(phase ?? 'init', at);
  }

  /** Phases only go forward. */
  #enter(phase: Phase, at: number): void {
    if (PHASES.indexOf(phase) <= PHASES.indexOf(this.phase)) return;
    this.phases.push({ phase, at });
    this.#onPhase(phase);
  }

  #overdue(at: number): Ending | null {
    for (const bytes of Object.values(this.#bytes))
      if (bytes > this.#limits.floodBytes)
        return this.#report() ?? { kind: 'flood', bytes, phase: this.phase };
    const { grace, linger } = this.#limits;
    if (this.#wholeSince !== null && at - this.#wholeSince > linger) return this.#report();
    if (this.#fatalSince !== null && at - this.#fatalSince > grace) return this.#report();
    const limitSeconds = this.#limits.phase[this.phase];
    if (at - (this.phases.at(-1)?.at ?? 0) <= limitSeconds) return null;
    return this.#report() ?? { kind: 'deadline', phase: this.phase, limitSeconds };
  }

  /** A kernel report outranks every other way to end. */
  #report(): Ending | null {
    const { fatal } = this.#console;
    return fatal === null ? null : { kind: 'fatal', title: fatal };
  }

  #machineSays(event: string, data: Record<string, unknown>, at: number): Ending | null {
    switch (event) {
      case 'SHUTDOWN': {
        const reason = String(data.reason ?? '');
        if (data.guest !== true) return infra(`QEMU was ended from outside (${reason || 'no reason given'})`);
        return this.#last(at) ?? { kind: 'exit', status: 0, signal: null, shutdown: reason };
      }
      case 'BLOCK_IO_ERROR':
        return infra(`QEMU could not ${data.operation ?? 'use'} a disk file: ${data.reason ?? 'I/O error'}`);
      // A machine that stops without a shutdown was stopped by QEMU: KVM's internal error, or no memory.
      case 'STOP':
        return infra(
          'QEMU stopped the machine (an internal error of the accelerator, or an I/O error of the host)',
        );
      default:
        return null;
    }
  }

  #exited(event: Extract<GuestEvent, { kind: 'exit' }>, at: number): Ending {
    const words = lastWords(event.stderr);
    if (event.signal !== null) return infra(`QEMU was killed by ${event.signal}${words}`);
    // What setpriv says when there is no such program, or it may not be run.
    if (event.status === 127 || event.status === 126)
      return infra(`QEMU could not be started${words} (see bootgate doctor)`);
    if (event.status === null) return infra(`QEMU could not be started${words} (see bootgate doctor)`);
    if (event.status !== 0) return infra(`QEMU ended with status ${event.status}${words}`);
    // A guest that never began has not crashed.
    if (this.#bytes.console + this.#bytes.control === 0)
      return infra(`QEMU ended at once, before the guest printed anything${words}`);
    return this.#last(at) ?? { kind: 'exit', status: 0, signal: null };
  }

  /** The console has ended: so has its last line. */
  #last(at: number): Ending | null {
    this.#console.end();
    this.#look(at);
    return this.#report();
  }
}

function infra(message: string): Ending {
  return { kind: 'infra', message };
}

/** The end of what QEMU said, as one line. */
function lastWords(stderr: string): string {
  const lines = stderr
    .replace(/[^\x20-\x7e\n]/g, '?')
    .split('\n')
    .map((line) => line.trim().replace(/^qemu-system-\S+: /, ''))
    .filter(Boolean);
  return lines.length > 0 ? `: ${lines.slice(-3).join(' / ').slice(0, 500)}` : '';
}
