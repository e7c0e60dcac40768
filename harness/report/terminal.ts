import { shownFile } from '../paths.js';
import { cleanLine } from '../printable.js';
import { FAILURES, resultName, type ScenarioResult, type Verdict } from '../results/scenario-result.js';
import { formatBytes, formatSeconds } from '../units.js';
import type { Phase } from '../vm/machine.js';
import { secondsLeft } from './left.js';
import { resultLine } from './line.js';
import { LiveRows, type RunningGuest } from './live.js';
import type { Reporter, RunPlan } from './reporter.js';
import { MOST_COLUMNS, type Screen, styleOf, wrap } from './screen.js';
import { summary } from './summary.js';

/** Time as the reporter sees it; a test brings its own. */
export interface Clock {
  /** Milliseconds, from any beginning. */
  now(): number;
  /** Calls back again and again without keeping the process alive; returns how to stop. */
  every(milliseconds: number, call: () => void): () => void;
}

const realClock: Clock = {
  now: () => performance.now(),
  every: (milliseconds, call) => {
    const timer = setInterval(call, milliseconds);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** How often live rows are drawn, and how often a log hears that somebody is still at work. */
const REDRAW_MS = 100;
const HEARTBEAT_MS = 30_000;

/**
 * `--reporter terminal`: a line for each result as it comes, and a summary at the end. A terminal also shows the
 * running guests below them; a log gets a sign of life every half minute instead.
 * @param options.quiet only what explains failures, and the last line.
 */
export function terminalReporter(
  screen: Screen,
  clock: Clock = realClock,
  { quiet = false }: { quiet?: boolean } = {},
): Reporter {
  const style = styleOf(screen);
  const width = Math.min(screen.columns, MOST_COLUMNS);
  const rows = screen.isTTY && !quiet ? new LiveRows(screen, style) : undefined;
  const running = new Map<string, { started: number; phase: Phase; attempt: number }>();
  const counts = new Map<Verdict, number>();
  const finished = new Set<string>();
  const references = { total: 0, done: 0 };
  let plan: RunPlan | undefined;
  let names = 0;
  let begin = 0;
  let stop: (() => void) | undefined;

  const done = () => [...counts.values()].reduce((sum, count) => sum + count, 0) - (counts.get('skip') ?? 0);
  const guests = (): RunningGuest[] =>
    [...running].map(([scenario, guest]) => ({
      scenario,
      phase: guest.phase,
      attempt: guest.attempt,
      seconds: (clock.now() - guest.started) / 1000,
    }));
  const countsLine = (): string => {
    const parts = [`${done()} of ${plan?.scenarios.length ?? 0} done`, `${counts.get('pass') ?? 0} ok`];
    for (const verdict of [...FAILURES, 'infra'] as const)
      if (counts.get(verdict)) parts.push(`${counts.get(verdict)} ${verdict}`);
    if (references.total > 0) parts.push(`references ${references.done} of ${references.total}`);
    parts.push(formatSeconds((clock.now() - begin) / 1000));
    const left = plan && secondsLeft(plan, finished, guests());
    if (left) parts.push(`about ${formatSeconds(left)} left`);
    return parts.join(', ');
  };
  const liveRows = () => rows?.rowsFor(countsLine(), guests()) ?? [];
  const print = (text: string) => (rows ? rows.print(text, liveRows()) : screen.write(text));
  const heartbeat = () => {
    const list = guests().map(
      (guest) => `${guest.scenario} (${guest.phase}, ${formatSeconds(guest.seconds)})`,
    );
    const text = `${countsLine()}; running: ${list.join(', ') || 'none'}`;
    screen.write(
      `${wrap(text, width - 9)
        .map((line, at) => (at === 0 ? `  ...    ${line}` : `         ${line}`))
        .join('\n')}\n`,
    );
  };

  const started = (name: string): void => {
    const before = running.get(name);
    running.set(name, {
      started: before?.started ?? clock.now(),
      phase: 'firmware',
      attempt: (before?.attempt ?? 0) + 1,
    });
  };
  const entered = (name: string, phase: Phase): void => {
    const guest = running.get(name);
    if (guest) guest.phase = phase;
  };

  return {
    onRunStart: (begun) => {
      plan = begun;
      begin = clock.now();
      names = Math.max(0, ...begun.scenarios.map((name) => name.length));
      if (quiet) return;
      screen.write(heading(begun, width, style));
      rows?.open();
      stop = rows
        ? clock.every(REDRAW_MS, () => rows.draw(liveRows()))
        : clock.every(HEARTBEAT_MS, heartbeat);
    },
    onGuestStart: (scenario) => started(scenario),
    onGuestPhase: (scenario, phase) => entered(scenario, phase),
    onResult: (result: ScenarioResult) => {
      running.delete(resultName(result));
      finished.add(resultName(result));
      counts.set(result.verdict, (counts.get(result.verdict) ?? 0) + 1);
      // A terminal that is wide shows the whole reason.
      if (!quiet) print(`${resultLine(result, names, Math.max(width, screen.columns), style)}\n`);
    },
    onReferences: (total) => {
      references.total = total;
    },
    onReferenceStart: (scenario) => started(referenceRow(scenario)),
    onReferencePhase: (scenario, phase) => entered(referenceRow(scenario), phase),
    onReferenceEnd: (scenario) => {
      references.done++;
      running.delete(referenceRow(scenario));
    },
    onRunEnd: (result) => {
      stop?.();
      rows?.close();
      screen.write(summary(result, plan ? shownFile(plan.folder) : '', width, style, quiet));
    },
  };
}

/** The full module tree's boot of a scenario, among the running guests. */
const referenceRow = (scenario: string): string => `${scenario} (reference)`;

/** What is about to be booted, in three lines. */
function heading(plan: RunPlan, width: number, style: ReturnType<typeof styleOf>): string {
  const { image, accelerator } = plan;
  const { modules, initramfs } = image;
  const many = plan.scenarios.length === 1 ? '1 scenario' : `${plan.scenarios.length} scenarios`;
  const what = cleanLine(`${image.name}: Linux ${image.kernel.release} from ${image.kernel.source}`);
  const why = cleanLine(`${many} under ${accelerator.used}: ${accelerator.reason}`);
  const set = cleanLine(
    `${modules.count} of ${modules.ofCount} modules (${modules.source}), initramfs ${formatBytes(initramfs.bytes)}`,
  );
  const lines = [...wrap(set, width - 2), ...wrap(why, width - 2)].map((line) => style.dim(`  ${line}`));
  return `${wrap(what, width).map(style.bold).join('\n')}\n${lines.join('\n')}\n\n`;
}
