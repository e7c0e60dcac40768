import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { describeError, EXIT, exitCodeOf } from '../errors.js';
import { forTerminal } from '../printable.js';
import { catchSignals, wasInterrupted } from './interrupt.js';

const CONTRACT: ReadonlySet<unknown> = new Set(Object.values(EXIT));

/**
 * Sees to it that nothing but the program's own answer decides the exit code: no closed pipe, full device, lost terminal,
 * signal or stray error. Returns how to end: with 0 or 1 only through it, so that Node can never say either by itself.
 */
export function guardProcess(): (code: number) => Promise<never> {
  catchSignals();
  let concluded = false;
  let lost: unknown = openStream('stdout', 1);
  openStream('stderr', 2);

  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `bootgate modules list | head`: a reader that goes away has what it wanted.
    if (error.code === 'EPIPE' || lost) return;
    lost = error;
    complain(error);
  });
  process.stderr.on('error', () => undefined); // A sentence that nobody can read is no reason to stop.

  const broken = (error: unknown): never => {
    if (!wasInterrupted()) complain(error);
    process.exit(exitCodeOf(error) === EXIT.usage ? EXIT.usage : EXIT.undecided);
  };
  process.on('uncaughtException', broken);
  process.on('unhandledRejection', broken);

  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on('exit', (code) => {
    if (wasInterrupted()) process.exitCode = EXIT.interrupted;
    else if (!CONTRACT.has(code)) process.exitCode = EXIT.undecided;
    else if ((code === EXIT.ok || code === EXIT.no) && !concluded) process.exitCode = EXIT.undecided;
    // Half an answer that ends with 0 would be taken for the whole.
    else if (code === EXIT.ok && lost) process.exitCode = EXIT.undecided;
    for (const fd of terminals) letGo(fd);
  });

  return async (code) => {
    // A write that failed is told of a moment later.
    await Promise.all([process.stdout, process.stderr].map(written));
    concluded = true;
    process.exit(code);
  };
}

/** Node makes a stream when it is first asked for, and throws where its terminal has hung up by then: /dev/null takes its place. */
function openStream(name: 'stdout' | 'stderr', fd: number): unknown {
  try {
    process[name].writable;
    return undefined;
  } catch (error) {
    letGo(fd);
    return error;
  }
}

/**
 * Puts /dev/null in the place of a terminal. At its end Node sets the terminals of its beginning back as they were, and
 * aborts (SIGABRT, or SIGSEGV on the way) where one has hung up: src/node.cc, ResetStdio, takes no EIO from tcsetattr. It
 * leaves alone what is another file by then.
 */
function letGo(fd: number): void {
  try {
    if (fd === 0 && process.stdin.isRaw) process.stdin.setRawMode(false);
    closeSync(fd);
    openSync('/dev/null', 'r+'); // the lowest number that is free
  } catch {
    // Closed already: there is nothing to set back.
  }
}

/** Settles when everything that was written to a stream so far has arrived or failed. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

function complain(error: unknown): void {
  process.stderr.write(`${forTerminal(describeError(error))}\n`);
}
