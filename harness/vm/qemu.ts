import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { hostError } from '../errors.js';
import { killGroup, qemuEnvironment } from './brief.js';
import { callersRights } from './privileges.js';
import { Qmp, type QmpEvent } from './qmp.js';

export interface Exit {
  /** Null with a signal, and where it was never started: `stderr` then says why. */
  status: number | null;
  signal: string | null;
  stderr: string;
}

/** How QEMU is started. */
export interface StartOptions {
  /** setpriv's arguments; the caller's rights unless given. */
  setpriv?: readonly string[];
  /** Descriptors that QEMU gets as 4, 5, ... */
  fds?: readonly number[];
  /** Its stdin and stdout are pipes; see `terminal`. */
  terminal?: boolean;
}

/** The first descriptor after the usual three: a socket pair, so that there is no path and no limit on its length. */
const QMP_FD = 3;
export const QMP_CHARDEV = { backend: 'socket', fd: QMP_FD } as const;

/** How long its pipe may outlive it: a program that a wrapper left behind may hold it for ever. */
const DRAIN_MS = 200;
const STDERR_BYTES = 64 * 1024;
/** USER_HZ, the unit of /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** One running QEMU. It never outlives this process, however that ends. */
export class Qemu {
  readonly pid: number;
  readonly qmp: Qmp;
  /** Where a UART is QEMU's own stdio: what the guest reads, and what it prints. */
  readonly terminal: { input: Writable; output: Readable } | null;
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  readonly #kill: (signal: NodeJS.Signals) => void;
  #cpuSeconds = 0;
  #gone = false;

  private constructor(
    pid: number,
    qmp: Qmp,
    terminal: Qemu['terminal'],
    exited: Promise<Exit>,
    kill: (signal: NodeJS.Signals) => void,
  ) {
    this.pid = pid;
    this.qmp = qmp;
    this.terminal = terminal;
    this.#kill = kill;
    this.exited = exited.then((exit) => {
      this.#gone = true;
      return exit;
    });
  }

  /** Starts `program` in `cwd`. A program that is not there is an exit too, with status 127 and its words. */
  static start(
    program: string,
    args: readonly string[],
    cwd: string,
    onEvent: (event: QmpEvent) => void,
    { setpriv = callersRights.setpriv, fds = [], terminal = false }: StartOptions = {},
  ): Qemu {
    const child = spawn('setpriv', [...setpriv, program, ...args], {
      cwd,
      stdio: [terminal ? 'pipe' : 'ignore', terminal ? 'pipe' : 'ignore', 'pipe', 'pipe', ...fds],
      // A process group of its own: Ctrl+C on the terminal is for us, and we end QEMU in order.
      detached: true,
      env: qemuEnvironment(),
    });
    let stderr = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      stderr = (stderr + bytes.toString('latin1')).slice(-STDERR_BYTES);
    });
    const exited = new Promise<Exit>((resolve) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        let why = error.message;
        // ENOENT names the program although it is the folder that may be gone.
        if (error.code === 'ENOENT')
          why = existsSync(cwd) ? 'setpriv is not installed (util-linux)' : `the folder ${cwd} is gone`;
        resolve({ status: null, signal: null, stderr: why });
      });
      child.on('exit', (status, signal) => {
        killGroup(child.pid, 'SIGKILL');
        const settle = () => resolve({ status, signal, stderr });
        child.on('close', settle);
        setTimeout(() => {
          child.stderr?.destroy();
          settle();
        }, DRAIN_MS).unref();
      });
    });
    const socket = child.stdio[QMP_FD] as Duplex | null | undefined;
    const qmp = new Qmp(socket ?? new Duplex().destroy(), onEvent);
    const { stdin, stdout } = child;
    const streams = stdin && stdout ? { input: stdin, output: stdout } : null;
    return new Qemu(child.pid ?? 0, qmp, streams, exited, (signal) => killGroup(child.pid, signal));
  }

  /**
   * Lets the machine run, once we hear its events; `limitMs` for all of it.
   * @param before What must be done first.
   * @throws BootgateError blame `host` E_QMP when it cannot be begun.
   */
  async begin(limitMs: number, before: (qmp: Qmp) => Promise<void> = async () => {}): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = hostError('E_QMP', `QEMU did not answer on QMP within ${Math.round(limitMs / 1000)} s`);
      timer = setTimeout(() => reject(error), limitMs);
    });
    const begun = this.qmp.ready
      .then(() => before(this.qmp))
      .then(() => this.qmp.execute('cont', {}, limitMs));
    begun.catch(() => {});
    try {
      await Promise.race([begun, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** User and system seconds of all its threads, as last seen; `stop` reads it a last time. */
  get cpuSeconds(): number {
    return this.#cpuSeconds;
  }

  readCpu(): number {
    const fields = this.#stat();
    const ticks = Number(fields[11]) + Number(fields[12]);
    // When it has just ended, what was seen last stands.
    if (ticks > 0) this.#cpuSeconds = ticks / TICKS_PER_SECOND;
    return this.#cpuSeconds;
  }

  /** `R`, `S`, ..., `T` when it is stopped; empty when it is gone. */
  readState(): string {
    return this.#stat()[0] ?? '';
  }

  /** proc(5): stat from its third field on, counted behind the name, which may hold anything. Empty when the process is gone. */
  #stat(): string[] {
    if (this.#gone || this.pid === 0) return [];
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    } catch {
      return [];
    }
  }

  /** Ends it in order: QMP quit, then SIGTERM, then SIGKILL two seconds after the beginning at the latest. */
  async stop(): Promise<Exit> {
    this.readCpu();
    if (!this.#gone) {
      this.qmp.execute('quit', {}, 1000).catch(() => {});
      const term = setTimeout(() => this.#kill('SIGTERM'), 1000);
      const kill = setTimeout(() => this.#kill('SIGKILL'), 2000);
      await this.exited;
      clearTimeout(term);
      clearTimeout(kill);
    }
    this.qmp.close();
    return this.exited;
  }
}
