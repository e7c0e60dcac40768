import { cleanLine, cleanText } from './printable.js';

/**
 * Errors carry blame. The exit code follows from it, and so does how much is printed: a known error is
 * short and says what to do next; only a bug keeps its stack.
 */

/** Whose fault it is: `user` wrong input (exit 2), `guest` the kernel under test failed (exit 1), `host` this machine (exit 3), `bug` ours (exit 3). */
export type Blame = 'user' | 'guest' | 'host' | 'bug';

/** One thing that is wrong, and where: `file:line:col` as far as they are known. */
export interface Problem {
  message: string;
  file?: string;
  line?: number;
  column?: number;
  hint?: string;
}

export interface ErrorDetails {
  /** Stable, upper case, e.g. `E_KERNEL_NOT_FOUND`. */
  code: string;
  blame: Blame;
  /** What to do next, one sentence. */
  hint?: string;
  /** Every problem at once, when one input has several. */
  problems?: Problem[];
  cause?: unknown;
}

export class BootgateError extends Error {
  readonly code: string;
  readonly blame: Blame;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'BootgateError';
    this.code = details.code;
    this.blame = details.blame;
    this.hint = details.hint;
    this.problems = details.problems ?? [];
  }
}

/** Wrong usage or bad input: exit code 2. */
export function userError(
  code: string,
  message: string,
  more: Omit<ErrorDetails, 'code' | 'blame'> = {},
): BootgateError {
  return new BootgateError(message, { code, blame: 'user', ...more });
}

/** This machine cannot do it (a tool is missing, the disk is full, QEMU would not start): exit code 3. */
export function hostError(
  code: string,
  message: string,
  more: Omit<ErrorDetails, 'code' | 'blame'> = {},
): BootgateError {
  return new BootgateError(message, { code, blame: 'host', ...more });
}

/** The contract's exit codes: 0 holds, 1 failed, 2 bad input, 3 could not decide, 130 interrupted. */
export const EXIT = { ok: 0, no: 1, usage: 2, undecided: 3, interrupted: 130 } as const;

/** The exit code of an error. Anything that is not ours is a bug or the host: it never reads as a failed kernel. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof BootgateError) {
    if (error.blame === 'user') return EXIT.usage;
    if (error.blame === 'guest') return EXIT.no;
  }
  return EXIT.undecided;
}

/** Where a problem lies, as editors and CI annotate it: `file:line:col`. */
export function placeOf(problem: Problem): string {
  return [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
}

/** The text a person gets for an error: message, every problem with its place, then the hint. A bug keeps its stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof BootgateError)) {
    const host = describeSystemError(error);
    if (host) return host;
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `bootgate: unexpected error, please report it\n${cleanText(told)}`;
  }
  // Messages quote files, packages and guests: each stays one line, whatever it holds.
  const lines = [`bootgate: ${cleanLine(error.message)}`];
  for (const problem of error.problems) {
    const place = placeOf(problem);
    lines.push(`  ${cleanLine(`${place ? `${place}: ` : ''}${problem.message}`)}`);
    if (problem.hint) lines.push(`    ${cleanLine(problem.hint)}`);
  }
  if (error.hint) lines.push(`  -> ${cleanLine(error.hint)}`);
  if (error.blame === 'bug' && error.stack) lines.push(cleanText(error.stack));
  return lines.join('\n');
}

/** What is wrong with a path, by the system's name for it. */
const PLACES: Readonly<Record<string, string>> = {
  EEXIST: 'it exists already',
  ENOTDIR: 'not a directory',
  EISDIR: 'it is a directory, not a file',
  ENOENT: 'no such file or directory',
};

/**
 * A disk that is full or read-only, a path that is not what it should be: the host's trouble, in a plain sentence.
 * Everything else is not ours to guess.
 */
function describeSystemError(error: unknown): string | undefined {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  const where = path ? ` (${cleanLine(path)})` : '';
  if (code === 'ENOSPC')
    return `bootgate: no space left on the disk${where}\n  -> free some space, or set BOOTGATE_CACHE or --results to another disk`;
  if (code === 'EIO')
    return `bootgate: input/output error${where}\n  -> check the disk, or the terminal that the output goes to`;
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM')
    return `bootgate: permission denied${where}\n  -> check the permissions of that path`;
  if (code === 'EMFILE' || code === 'ENFILE')
    return `bootgate: too many open files\n  -> raise the limit (ulimit -n)`;
  // Without a path these are more likely ours, and keep their stack.
  const place = path === undefined ? undefined : PLACES[code ?? ''];
  if (place) return `bootgate: ${cleanLine(path ?? '')}: ${place}\n  -> check that path`;
  return undefined;
}
