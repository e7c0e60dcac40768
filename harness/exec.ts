import { hostError } from './errors.js';

/** How a program is run. Every program ends: the limit is one minute unless it is said otherwise. */
export interface ExecOptions {
  cwd?: string;
  /** Written to the program's standard input. */
  input?: string | Uint8Array;
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds; 60,000 unless given. */
  timeout?: number;
  /** The most bytes of output that are kept: more fails the program. 1 GiB unless given. */
  maxBuffer?: number;
  /** Exit statuses that are an answer rather than an error; `[0]` unless given. */
  okCodes?: readonly number[];
}

export interface ExecResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/**
 * Runs a program to its end and returns what it printed, as text.
 * @throws BootgateError blame `host`: E_TOOL_MISSING when there is no such program, E_TOOL_FAILED when it
 *   exits with a status outside `okCodes`, E_TOOL_TIMEOUT when the limit passes.
 */
export async function exec(
  file: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const { execa } = await import('execa'); // 150 ms cold: only when a program is really run
  const { okCodes = [0], timeout = 60_000, maxBuffer = 1 << 30, signal, ...rest } = options;
  const result = await execa(file, args, {
    ...rest,
    timeout,
    encoding: 'utf8',
    reject: false,
    stripFinalNewline: false,
    maxBuffer,
    ...(signal ? { cancelSignal: signal } : {}),
  });
  const { stdout, stderr } = result;
  if (result.code === 'ENOENT') {
    throw hostError('E_TOOL_MISSING', `${file} is not installed`, {
      hint: 'run `bootgate doctor` for the package that has it',
    });
  }
  if (result.isCanceled) throw signal?.reason ?? new Error('cancelled');
  if (result.timedOut)
    throw hostError('E_TOOL_TIMEOUT', `${file} did not end within ${timeout / 1000} s`, { cause: result });
  if (result.exitCode === undefined || !okCodes.includes(result.exitCode)) {
    const tail = stderr.trim().split('\n').slice(-3).join(' / ');
    throw hostError(
      'E_TOOL_FAILED',
      `${file} ${args[0] ?? ''} failed (${result.signal ?? `status ${result.exitCode}`})${tail ? `: ${tail}` : ''}`,
    );
  }
  return { stdout, stderr, exitCode: result.exitCode };
}
