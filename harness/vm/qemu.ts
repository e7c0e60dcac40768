import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { execa } from 'execa'; // 150 ms cold: this file is only imported where a guest is booted
import { hostError } from '../errors.js';
import { Qmp, type QmpEvent } from './qmp.js';

export interface Exit {
  status: number | null;
  signal: string | null;
  stderr: string;
}

/** The first descriptor after the usual three: a socket pair, so that there is no path and no limit on its length. */
const QMP_FD = 3;
export const QMP_CHARDEV = { backend: 'socket', fd: QMP_FD } as const;

/** QEMU greets after 50 ms; a host that swaps may take long. */
const GREETING_MS = 60_000;
const STDERR_BYTES = 64 * 1024;
/** USER_HZ, the unit of /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** One running QEMU. It never outlives this process, however that ends. */
export class Qemu {
  readonly pid: number;
  readonly qmp: Qmp;
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  readonly #kill: (signal: NodeJS.Signals) => void;
  #cpuSeconds = 0;
  #gone = false;

  private constructor(pid: number, qmp: Qmp, exited: Promise<Exit>, kill: (signal: NodeJS.Signals) => void) {
    this.pid = pid;
    this.qmp = qmp;
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
  ): Qemu {
    // The parent-death signal survives exec: QEMU is killed by the kernel when this process is, even by SIGKILL.
    const child = execa('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      buffer: false,
      reject: false,
      // A process group of its own: Ctrl+C on the terminal is for us, and we end QEMU in order.
      detached: true,
      // The monitor and stop() decide when QEMU ends; execa's own clean-up would only add listeners to the process.
      cleanup: false,
    });
    let stderr = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      stderr = (stderr + bytes.toString('latin1')).slice(-STDERR_BYTES);
    });
    const exited = child.then((result): Exit => {
      const missing = result.code === 'ENOENT' ? `setpriv is not installed (util-linux)` : '';
      return { status: result.exitCode ?? null, signal: result.signal ?? null, stderr: missing || stderr };
    });
    const socket = child.stdio[QMP_FD] as Duplex | null | undefined;
    const qmp = new Qmp(socket ?? new Duplex().destroy(), onEvent);
    return new Qemu(child.pid ?? 0, qmp, exited, (signal) => void child.kill(signal));
  }

  /** Lets the machine run, once we hear its events. @throws BootgateError blame `host` E_QMP when it cannot be begun. */
  async begin(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = hostError('E_QMP', `QEMU did not greet within ${GREETING_MS / 1000} s`);
      timer = setTimeout(() => reject(error), GREETING_MS);
    });
    try {
      await Promise.race([this.qmp.ready, late]);
    } finally {
      clearTimeout(timer);
    }
    await this.qmp.execute('cont', {}, GREETING_MS);
  }

  /** User and system seconds of all its threads, as last seen. Read it once more before it ends: see `stop`. */
  get cpuSeconds(): number {
    return this.#cpuSeconds;
  }

  /** proc(5): fields 14 and 15 of stat, counted behind the name, which may hold anything. */
  readCpu(): number {
    if (this.#gone || this.pid === 0) return this.#cpuSeconds;
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = Number(fields[11]) + Number(fields[12]);
      if (ticks > 0) this.#cpuSeconds = ticks / TICKS_PER_SECOND;
    } catch {
      // It has just ended: what was seen last stands.
    }
    return this.#cpuSeconds;
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
