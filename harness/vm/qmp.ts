import type { Duplex } from 'node:stream';
import { BootgateError, hostError } from '../errors.js';

export interface QmpEvent {
  event: string;
  data: Record<string, unknown>;
}

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** What a timer of Node's can hold. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;
/** A reply of `info registers` for 255 CPUs stays far below this. */
const LONGEST_LINE = 4 * 1024 * 1024;

/**
 * Speaks QEMU's machine protocol (docs/interop/qmp-spec): one JSON object a line; a greeting, then commands with ids
 * and replies, and events at any time. A connection that ends fails everything that waits.
 */
export class Qmp {
  readonly #stream: Duplex;
  readonly #pending = new Map<number, Pending>();
  readonly #onEvent: (event: QmpEvent) => void;
  #greet: (() => void) | null = null;
  #greeted = false;
  #partial = '';
  #next = 1;
  #closed: Error | null = null;
  /** Settles when commands can be sent. It is marked as handled: who never waits for it misses nothing. */
  readonly ready: Promise<void>;

  constructor(stream: Duplex, onEvent: (event: QmpEvent) => void = () => {}) {
    this.#stream = stream;
    this.#onEvent = onEvent;
    const greeted = new Promise<void>((resolve) => {
      this.#greet = resolve;
    });
    const ended = new Promise<never>((_, reject) => {
      const end = (error?: Error) => {
        this.#end(error);
        reject(this.#closed);
      };
      stream.on('error', end).on('end', end).on('close', end);
    });
    ended.catch(() => {});
    stream.on('data', (bytes: Buffer) => this.#read(bytes));
    // Whoever waits for it has a limit for all of it: a busy host may take long over the first answers.
    this.ready = Promise.race([greeted, ended]).then(async () => {
      await this.execute('qmp_capabilities', {}, LONGEST_WAIT_MS);
    });
    this.ready.catch(() => {});
  }

  /**
   * Runs one command.
   * @throws BootgateError blame `host`: E_QMP when QEMU refuses, does not answer in time or is gone.
   */
  execute(command: string, args: Record<string, unknown> = {}, timeoutMs = 5000): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(hostError('E_QMP', `QEMU did not answer ${command} within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** The machine's registers, as its monitor prints them. */
  async registers(timeoutMs = 2000): Promise<string> {
    const args = { 'command-line': 'info registers -a' };
    return String(await this.execute('human-monitor-command', args, timeoutMs));
  }

  close(): void {
    this.#stream.destroy();
  }

  #read(bytes: Buffer): void {
    const lines = (this.#partial + bytes.toString('utf8')).split('\n');
    this.#partial = lines.pop() ?? '';
    if (this.#partial.length > LONGEST_LINE)
      this.#stream.destroy(hostError('E_QMP', 'QEMU sent an endless line'));
    for (const line of lines) this.#message(line);
  }

  #message(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line) as Record<string, unknown>;
    } catch {
      // After the greeting what waits for an answer runs into its time limit.
      if (this.#greeted || line.trim() === '') return;
      const words = line.replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
      this.#stream.destroy(hostError('E_QMP', `QEMU does not speak QMP: it said "${words}"`));
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if ('QMP' in message) {
      this.#greeted = true;
      this.#greet?.();
    } else if (typeof message.event === 'string')
      this.#onEvent({ event: message.event, data: (message.data ?? {}) as Record<string, unknown> });
    else this.#reply(message);
  }

  #reply(message: Record<string, unknown>): void {
    const pending = this.#pending.get(message.id as number);
    if (!pending) return;
    this.#pending.delete(message.id as number);
    clearTimeout(pending.timer);
    const error = message.error as { class?: string; desc?: string } | undefined;
    if (error) pending.reject(hostError('E_QMP', `QEMU refused: ${error.desc ?? error.class}`));
    else pending.resolve(message.return);
  }

  #end(error?: Error): void {
    if (error instanceof BootgateError) this.#closed ??= error;
    this.#closed ??= hostError('E_QMP', 'the connection to QEMU has ended', error ? { cause: error } : {});
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#closed);
    }
    this.#pending.clear();
  }
}
