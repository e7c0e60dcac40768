import { forJson } from '../printable.js';
import type { RunResult } from '../results/run-result.js';
import { resultName, type ScenarioResult } from '../results/scenario-result.js';

/** One event of the Trace Event Format, "complete" (X) or metadata (M); times are microseconds. */
interface TraceEvent {
  name: string;
  cat?: string;
  ph: 'X' | 'M';
  ts: number;
  dur?: number;
  pid: number;
  tid: number;
  args: Record<string, unknown>;
}

/**
 * A run for chrome://tracing, ui.perfetto.dev or speedscope: a row for each guest that ran at the same time, in it the guests, below
 * each its phases, below the phase `steps` its steps. Of a step only its length is known: they follow one another from the start of
 * their phase.
 */
export function chromeTrace(run: RunResult): string {
  const booted = run.results.filter(({ verdict, seconds }) => verdict !== 'skip' && seconds > 0);
  const rows: number[] = [];
  const events: TraceEvent[] = [metadata('process_name', 0, `bootgate ${run.id}`)];
  for (const { one, began } of inOrder(booted)) {
    let row = rows.findIndex((end) => end <= began);
    if (row < 0) row = rows.push(0) - 1;
    rows[row] = began + one.seconds;
    events.push(...eventsOf(one, began, row + 1));
  }
  for (const row of rows.keys()) events.push(metadata('thread_name', row + 1, `guest ${row + 1}`));
  const { image, accelerator, verdict } = run;
  return forJson({
    traceEvents: events,
    displayTimeUnit: 'ms',
    otherData: { verdict, image: image.name, kernel: image.kernel.release, accelerator: accelerator.used },
  });
}

/** By their begin; one after another in a run that has not recorded it. */
function inOrder(booted: readonly ScenarioResult[]): { one: ScenarioResult; began: number }[] {
  let end = 0;
  return booted
    .map((one) => {
      const began = one.began ?? end;
      end = began + one.seconds;
      return { one, began };
    })
    .sort((a, b) => a.began - b.began);
}

function eventsOf(one: ScenarioResult, began: number, tid: number): TraceEvent[] {
  const event = (name: string, cat: string, from: number, until: number, args: object): TraceEvent => ({
    name,
    cat,
    ph: 'X',
    ts: Math.round((began + from) * 1e6),
    dur: Math.round(Math.max(0, until - from) * 1e6),
    pid: 1,
    tid,
    args: { ...args },
  });
  const { verdict, reason, cpuSeconds, modulesLoaded, seconds } = one;
  const events = [
    event(resultName(one), one.area, 0, seconds, {
      verdict,
      reason,
      cpuSeconds,
      modulesLoaded: modulesLoaded.length,
    }),
  ];
  for (const [at, { phase, at: from }] of (one.phases ?? []).entries()) {
    const until = Math.min(seconds, one.phases?.[at + 1]?.at ?? seconds);
    events.push(event(phase, 'phase', from, until, {}));
    if (phase !== 'steps') continue;
    let next = from;
    for (const step of one.steps) {
      if (step.ran === false || step.where === 'outside') continue;
      // Guest seconds: under emulation they may run past the host's.
      const end = Math.min(until, step.ran ? until : next + step.seconds);
      events.push(event(step.name, 'step', next, end, { ok: step.ok }));
      next = end;
    }
  }
  return events;
}

const metadata = (name: string, tid: number, value: string): TraceEvent => ({
  name,
  ph: 'M',
  ts: 0,
  pid: 1,
  tid,
  args: { name: value },
});
