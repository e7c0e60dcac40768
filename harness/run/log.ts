import { join } from 'node:path';
import type { Logger } from 'pino';

/**
 * The run's own log: JSON lines in run.log, warnings also on stderr with `verbose`. Synchronous on purpose: an early
 * flush of an asynchronous destination throws, and a crash must not lose the last lines.
 */
export async function openRunLog(folder: string, verbose: boolean): Promise<Logger> {
  const { default: pino } = await import('pino');
  const file = pino.destination({ dest: join(folder, 'run.log'), sync: true });
  const streams: { level: 'debug' | 'info'; stream: NodeJS.WritableStream | typeof file }[] = [
    { level: 'debug', stream: file },
  ];
  if (verbose) streams.push({ level: 'info', stream: process.stderr });
  return pino({ level: 'debug', base: null }, pino.multistream(streams));
}
