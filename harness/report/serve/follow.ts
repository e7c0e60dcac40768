import { open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** What a page hears of a run that is under way: one line of its run.log, as far as it is of interest. */
export interface RunEvent {
  what: 'started' | 'guest' | 'phase' | 'judged' | 'ended';
  scenario?: string;
  phase?: string;
  verdict?: string;
  seconds?: number;
}

const EVENTS: Readonly<Record<string, RunEvent['what']>> = {
  'run started': 'started',
  'guest started': 'guest',
  phase: 'phase',
  judged: 'judged',
  'run ended': 'ended',
};
const POLL_MS = 200;
const CHUNK = 65_536;

/** The event that a line of run.log tells of; undefined for any other line. */
export function eventOf(line: string): RunEvent | undefined {
  try {
    const { msg, scenario, phase, verdict, seconds } = JSON.parse(line) as Record<string, unknown>;
    const what = EVENTS[String(msg)];
    if (!what) return undefined;
    return {
      what,
      ...(typeof scenario === 'string' ? { scenario } : {}),
      ...(typeof phase === 'string' ? { phase } : {}),
      ...(typeof verdict === 'string' ? { verdict } : {}),
      ...(typeof seconds === 'number' ? { seconds } : {}),
    };
  } catch {
    return undefined;
  }
}

/** All that has happened in a run, and all that happens, until it ends or nobody listens any more. */
export async function* followRun(log: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
  const file = await open(log, 'r');
  try {
    let [partial, position] = ['', 0];
    const chunk = Buffer.alloc(CHUNK);
    while (!signal.aborted) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, position);
      if (bytesRead === 0) {
        await wait(POLL_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      position += bytesRead;
      const lines = (partial + chunk.toString('utf8', 0, bytesRead)).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        const event = eventOf(line);
        if (event) yield event;
        if (event?.what === 'ended') return;
      }
    }
  } finally {
    await file.close();
  }
}
