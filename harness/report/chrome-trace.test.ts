import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { chromeTrace } from './chrome-trace.js';

const RUN = JSON.parse(
  readFileSync(join(packageRoot, 'harness', 'report', 'fixtures', 'run.json'), 'utf8'),
) as RunResult;

interface Event {
  name: string;
  cat?: string;
  ph: string;
  ts: number;
  dur: number;
  tid: number;
  args: Record<string, unknown>;
}
const eventsOf = (run: RunResult) => (JSON.parse(chromeTrace(run)) as { traceEvents: Event[] }).traceEvents;
const booted = RUN.results.filter(({ verdict }) => verdict !== 'skip');

t.test('every guest, its phases and its steps, in microseconds', async (t) => {
  const events = eventsOf(RUN);
  const guest = events.find(({ name }) => name === 'storage/nvme');
  t.match(guest, { cat: 'storage', ph: 'X', args: { verdict: 'fail' } });
  t.equal(guest?.dur, 16_400_000);
  const inside = events.filter(
    ({ cat, ts, tid }) =>
      cat && tid === guest?.tid && ts >= (guest?.ts ?? 0) && ts < (guest?.ts ?? 0) + 16_400_000,
  );
  t.ok(inside.some(({ name, cat }) => cat === 'phase' && name === 'kernel'));
  t.ok(inside.some(({ name, cat }) => cat === 'step' && name === 'find the disk'));
  t.notOk(
    inside.some(({ name }) => name === 'read it back'),
    'a step that did not run has no time',
  );
});

t.test('what overlaps stands in rows of its own, and what is inside stays inside', async (t) => {
  const results = booted.map((one, at) => ({ ...one, began: at * 5 }));
  const events = eventsOf({ ...RUN, results }).filter(({ ph }) => ph === 'X');
  const guests = events.filter(({ cat }) => cat !== 'phase' && cat !== 'step');
  t.equal(guests.length, booted.length);
  for (const one of guests)
    for (const other of guests)
      if (one !== other && one.tid === other.tid)
        t.ok(one.ts + one.dur <= other.ts || other.ts + other.dur <= one.ts, `${one.name}, ${other.name}`);
  t.ok(new Set(guests.map(({ tid }) => tid)).size > 1);
  for (const part of events.filter(({ cat }) => cat === 'phase' || cat === 'step'))
    t.ok(
      guests.some(({ tid, ts, dur }) => tid === part.tid && part.ts >= ts && part.ts + part.dur <= ts + dur),
      part.name,
    );
});
