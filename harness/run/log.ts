import { join } from 'node:path';
import type { Logger } from 'pino';
import { jsonLine } from '../printable.js';

/**
 * The run's own log: JSON lines in run.log, warnings also on stderr with `verbose`. Synchronous on purpose: an early
 * flush of an asynchronous destination throws, and a crash must not lose the last lines.
 */
export async function openRunLog(folder: string, verbose: boolean): Promise<Logger> {
  const { default: pino } = await import('pino');
  const file = pino.destination({ dest: join(folder, 'run.log'), sync: true });
  // A log that cannot be written is no verdict.
  file.on('error', () => undefined);
  // Guests' and files' words are in it: whoever reads a log on a terminal or in CI sees them as they are.
  const safely = (stream: { write(line: string): unknown }) => ({
    write: (line: string) => stream.write(jsonLine(line)),
  });
  const streams: { level: 'debug' | 'info'; stream: { write(line: string): unknown } }[] = [
    { level: 'debug', stream: safely(file) },
  ];
  if (verbose) streams.push({ level: 'info', stream: safely(process.stderr) });
  return pino({ level: 'debug', base: null }, pino.multistream(streams));
}
