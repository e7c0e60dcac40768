import { spawn } from 'node:child_process';
import { hostError } from './errors.js';

export interface FilterOptions {
  /** Bytes of output after which the program is stopped. */
  limit: number;
  signal?: AbortSignal;
  /** Milliseconds; 60,000 unless given. */
  timeout?: number;
}

/** How a filter ended: its status, or why it was stopped. */
export interface Filtered {
  bytes: Uint8Array;
  status: number | 'limit' | 'killed';
  /** The last line that it complained with. */
  complaint: string;
}

/**
 * Runs a program as a filter, bytes in and bytes out, with bounded output: what a hostile file unpacks to never has
 * to fit into memory. Its status is for the caller to judge.
 * @throws BootgateError blame `host`: E_TOOL_MISSING, E_TOOL_TIMEOUT.
 */
export async function filter(
  file: string,
  args: readonly string[],
  input: Uint8Array,
  options: FilterOptions,
): Promise<Filtered> {
  const { limit, signal, timeout = 60_000 } = options;
  signal?.throwIfAborted();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let complaint = '';
  let stopped: 'limit' | 'timeout' | 'abort' | null = null;
  const child = spawn(file, args, { stdio: 'pipe' });
  const stop = (why: typeof stopped) => {
    stopped ??= why;
    child.kill('SIGKILL');
    // A child of its own may hold the pipes open for as long as it likes.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const onAbort = () => stop('abort');
  const timer = setTimeout(() => stop('timeout'), timeout);
  signal?.addEventListener('abort', onAbort);
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limit) stop('limit');
    else chunks.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4096);
  });
  child.stdin.on('error', () => undefined); // EPIPE: it has read all that it wants
  child.stdin.end(input);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (stopped === 'abort') throw signal?.reason;
    if (stopped === 'timeout')
      throw hostError('E_TOOL_TIMEOUT', `${file} did not end within ${timeout / 1000} s`);
    return {
      bytes: stopped === 'limit' ? new Uint8Array() : Buffer.concat(chunks),
      status: stopped === 'limit' ? 'limit' : (status ?? 'killed'),
      complaint: complaint.trim().split('\n').at(-1) ?? '',
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw hostError('E_TOOL_MISSING', `${file} is not installed`, {
      hint: 'run `bootgate doctor` for the package that has it',
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
