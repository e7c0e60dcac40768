import { LineSplitter } from './console.js';
import type { Limits } from './deadlines.js';
import { FatalWatch, isKernelLine, messageOf } from './fatal.js';
import { type Ending, PHASES, type Phase } from './machine.js';
import { type AgentRecord, MARK } from './records.js';

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

export interface MonitorOptions {
  limits: Limits;
  records: RecordSource;
  onPhase?: ((phase: Phase) => void) | undefined;
}

/**
 * Watches one guest. Every event goes through `handle`, in order, with its time; the first ending that it returns
 * is the guest's. Nothing else decides, and nothing here knows of processes or sockets: a test can be the guest.
 */
export class Monitor {
  readonly #limits: Limits;
  readonly #records: RecordSource;
  readonly #onPhase: (phase: Phase) => void;
  readonly #lines = new LineSplitter();
  readonly #fatal = new FatalWatch();
  readonly #bytes = { console: 0, control: 0 };
  #fatalSince: number | null = null;
  #wholeSince: number | null = null;
  /** In the order of entry. */
  readonly phases: { phase: Phase; at: number }[] = [{ phase: 'firmware', at: 0 }];

  constructor(options: MonitorOptions) {
    this.#limits = options.limits;
    this.#records = options.records;
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
    if (channel === 'control') this.#hear(bytes, channel, at);
    else for (const line of this.#lines.push(bytes)) this.#line(line, at);
  }

  #hear(bytes: Uint8Array, channel: 'console' | 'control', at: number): void {
    for (const record of this.#records.push(bytes, channel)) this.#phaseOfRecord(record, at);
  }

  #line(line: string, at: number): void {
    if (isKernelLine(line)) this.#enter('kernel', at);
    if (messageOf(line).startsWith('Run /init as init process')) this.#enter('init', at);
    // Line by line, lest the order of what the kernel and the agent say hang on where a read ended.
    if (line.includes(MARK)) this.#hear(Buffer.from(`${line}\n`, 'latin1'), 'console', at);
    this.#fatal.push(line);
    if (this.#fatal.title !== null) this.#fatalSince ??= at;
    if (this.#fatal.whole) this.#wholeSince ??= at;
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
    return this.#fatal.title === null ? null : { kind: 'fatal', title: this.#fatal.title };
  }

  #machineSays(event: string, data: Record<string, unknown>, at: number): Ending | null {
    switch (event) {
      case 'SHUTDOWN': {
        const reason = String(data.reason ?? '');
        if (data.guest !== true)
          return infra(`QEMU was told from outside to end (${reason || 'no reason given'})`);
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
      return infra(`QEMU ended at once, before the guest said anything${words}`);
    return this.#last(at) ?? { kind: 'exit', status: 0, signal: null };
  }

  /** The console has ended: so has its last line. */
  #last(at: number): Ending | null {
    this.#line(this.#lines.rest(), at);
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
