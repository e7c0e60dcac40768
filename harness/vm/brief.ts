import { spawn } from 'node:child_process';

/** How a program that should end by itself has ended. */
export interface BriefRun {
  /** Null when it was killed, or never started. */
  status: number | null;
  stdout: string;
  stderr: string;
  /** The time was up: it and all that it had started were killed. */
  late: boolean;
  /** Why it could not be started: `ENOENT`. */
  failed: string | null;
}

const MOST_BYTES = 64 * 1024;
/** How long the pipes may outlive the program: something that it started may hold them open for ever. */
const DRAIN_MS = 200;

/**
 * Runs a program in a process group of its own for `ms` at most, with nothing of our environment but what QEMU gets. A child
 * that it leaves behind neither delays us nor survives.
 */
export function runBriefly(file: string, args: readonly string[], ms: number): Promise<BriefRun> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: qemuEnvironment(),
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (bytes: Buffer) => {
        said[name] = (said[name] + bytes.toString('latin1')).slice(-MOST_BYTES);
      });
    let late = false;
    let failed: string | null = null;
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid, 'SIGKILL');
    }, ms);
    const settle = (status: number | null) => {
      clearTimeout(timer);
      killGroup(child.pid, 'SIGKILL');
      for (const name of ['stdout', 'stderr'] as const) child[name].destroy();
      resolve({ status, ...said, late, failed });
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      failed = error.code ?? error.message;
      settle(null);
    });
    child.on('exit', (status) => {
      const drained = setTimeout(() => settle(status), DRAIN_MS);
      child.on('close', () => {
        clearTimeout(drained);
        settle(status);
      });
    });
  });
}

/** Signals a process and all that it has started. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (!pid) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // All of them are gone.
  }
}

/** What QEMU needs to find itself and its libraries; no token or password of the caller's is among it. */
const NEEDED = ['PATH', 'LD_LIBRARY_PATH', 'QEMU_MODULE_DIR'];

export function qemuEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries([
    ...NEEDED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
    ['LC_ALL', 'C'],
  ]);
}
