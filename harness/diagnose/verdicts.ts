import type { StepResult, Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { formatBytes, formatSeconds } from '../units.js';
import type { Phase, Recording } from '../vm/machine.js';
import type { GuestReport } from '../vm/records.js';
import type { ConsoleReport } from './console.js';

/** Everything that a verdict is made from. */
export interface Facts {
  scenario: Scenario;
  recording: Recording;
  report: GuestReport;
  /** What was checked after the guest was gone. */
  outside: readonly StepResult[];
  /** What became of the host's own files while the guest ran. */
  trouble?: string | undefined;
  /** What was wrong with the cached files that it was made from. */
  damaged?: string | undefined;
  /** Fatal kernel reports on the console, in order. */
  fatal: readonly ConsoleReport[];
  /** The console holds a line that is surely the kernel's. */
  kernelSpoke: boolean;
  /** The last phase that was entered. */
  phase: Phase;
}

export interface Rule {
  name: string;
  verdict: Verdict;
  /** The sentence that says why, where this rule applies. */
  reason(facts: Facts): string | undefined;
  /** Where it happened, if not in the last phase entered. */
  phase?: Phase;
}

/**
 * The verdicts, in the order in which they are asked. Nothing passes by default: what no rule explains is a crash,
 * and the rule for a pass asks for every step and the end record by itself.
 */
export const RULES: readonly Rule[] = [
  {
    name: 'damaged cache',
    verdict: 'infra',
    // Even an oops may come from a byte that was flipped on this disk.
    reason: ({ damaged }) => damaged,
  },
  {
    name: 'kernel report',
    verdict: 'crash',
    // Outranks everything, a failed step and a lost QEMU among them: those are what follows from it.
    reason: ({ fatal, report }) => {
      const first = fatal[0];
      if (!first) return undefined;
      const last = fatal[fatal.length - 1];
      const then = last && last !== first ? `, then ${last.title}` : '';
      const step = failedStep(report)?.name ?? report.unfinishedStep;
      return `${first.title}${then}${step ? `; the step "${step}" ${failedStep(report) ? 'had failed' : 'was running'}` : ''}`;
    },
  },
  {
    name: 'kernel report seen by the monitor',
    verdict: 'crash',
    // It may lie in what the console's cap cut away.
    reason: ({ recording: { ending } }) => (ending.kind === 'fatal' ? ending.title : undefined),
  },
  {
    name: 'tainted without a report',
    verdict: 'crash',
    // The console can be silenced, and a line of a program can swallow the beginning of one of the kernel's. Flags stay.
    reason: ({ report }) => {
      const [what] = FATAL_TAINTS.filter(([bit]) => ((report.taint ?? 0) >>> bit) & 1).map(
        ([, what]) => what,
      );
      return what ? `${what} (its taint flags say so), but the console has no report of it` : undefined;
    },
  },
  {
    name: 'QEMU trouble',
    verdict: 'infra',
    reason: ({ recording: { ending } }) => (ending.kind === 'infra' ? ending.message : undefined),
  },
  {
    name: 'QEMU killed',
    verdict: 'infra',
    // A guest cannot end QEMU with a signal or a status; somebody or something on the host did.
    reason: ({ recording: { ending } }) => {
      if (ending.kind !== 'exit') return undefined;
      if (ending.signal) return `QEMU was ended by ${ending.signal}`;
      return ending.status ? `QEMU ended with status ${ending.status}` : undefined;
    },
  },
  {
    name: 'own files lost',
    verdict: 'infra',
    // A disk or a share that somebody on the host took away: whatever the steps made of it, it was not tried.
    reason: ({ trouble }) => trouble,
  },
  {
    name: 'stood still',
    verdict: 'infra',
    // The guest's clock goes on while QEMU is stopped: a limit may have passed of which no part was the guest's.
    reason: ({ recording: { ending, stoodStill = 0 }, report }) =>
      stoodStill > 0 && (ending.kind === 'deadline' || failedStep(report))
        ? `QEMU or bootgate was stopped for ${formatSeconds(stoodStill)} while the guest ran, so its limits of time decide nothing`
        : undefined,
  },
  {
    name: 'step ran out of time',
    verdict: 'hang',
    phase: 'steps',
    reason: ({ report, scenario }) => {
      const step = failedStep(report);
      if (!step?.timedOut) return undefined;
      const limit = scenario.steps.find((one) => one.name === step.name)?.timeout ?? step.seconds;
      return `the step "${step.name}" did not end within its ${formatSeconds(limit)} of guest time`;
    },
  },
  {
    name: 'tool without a part of its own',
    verdict: 'infra',
    phase: 'steps',
    reason: ({ report }) => {
      const step = failedStep(report);
      const part = step && missingPart(step.output);
      return part
        ? `the step "${step.name}" needs ${part}, which this machine does not have: the guest's tools are copies of its own`
        : undefined;
    },
  },
  {
    name: 'step failed',
    verdict: 'fail',
    phase: 'steps',
    reason: ({ report }) => {
      const step = failedStep(report);
      if (!step) return undefined;
      return `the step "${step.name}" failed: ${lastLine(step.output) || `exit status ${step.status}, no output`}`;
    },
  },
  {
    name: 'deadline',
    verdict: 'hang',
    reason: ({ recording: { ending }, report }) => {
      if (ending.kind !== 'deadline') return undefined;
      const step = ending.phase === 'steps' && report.unfinishedStep;
      const limit = formatSeconds(ending.limitSeconds);
      if (step) return `the steps did not finish within ${limit}; the step "${step}" was running`;
      if (report.ended) return `every step was reported, but the guest did not power off within ${limit}`;
      return `${STUCK[ending.phase]} within ${limit}`;
    },
  },
  {
    name: 'flood',
    verdict: 'hang',
    reason: ({ recording: { ending } }) =>
      ending.kind === 'flood'
        ? `the console was flooded (${formatBytes(ending.bytes)}) in the phase ${ending.phase}`
        : undefined,
  },
  {
    name: 'no hello',
    verdict: 'crash',
    reason: ({ report, phase }) =>
      report.hello ? undefined : `the guest ended in the phase ${phase}, before its agent reported anything`,
  },
  {
    name: 'no end record',
    verdict: 'crash',
    reason: ({ report, phase }) => {
      if (report.ended) return undefined;
      const step = report.unfinishedStep;
      return `the guest ended in the phase ${phase}${step ? `, in the step "${step}"` : ''}, without an end record`;
    },
  },
  {
    name: 'lost records',
    verdict: 'crash',
    reason: ({ report }) =>
      report.missing > 0 ? `${report.missing} of the agent's records were lost on the way` : undefined,
  },
  {
    name: 'step never reported',
    verdict: 'crash',
    phase: 'steps',
    reason: ({ scenario, report }) => {
      const reported = new Set(report.steps.map((step) => step.name));
      const silent = scenario.steps.find((step) => !reported.has(step.name));
      return silent ? `the agent never reported the step "${silent.name}"` : undefined;
    },
  },
  {
    name: 'steps out of order',
    verdict: 'crash',
    phase: 'steps',
    reason: ({ scenario, report }) =>
      disorderOf(
        scenario.steps.map((step) => step.name),
        report.steps,
      ),
  },
  {
    name: 'outside check',
    verdict: 'fail',
    phase: 'shutdown',
    reason: ({ outside }) => {
      const check = outside.find((one) => !one.ok);
      return check ? `${check.name}: ${lastLine(check.message ?? '') || 'not as it should be'}` : undefined;
    },
  },
  {
    name: 'silent console',
    // Not a crash: nothing was seen to go wrong, and nothing could have been. Whoever chose the command line must choose again.
    verdict: 'infra',
    reason: ({ kernelSpoke }) =>
      kernelSpoke
        ? undefined
        : 'every step passed, but the kernel printed nothing on the recorded console, so an oops would not have been seen: remove console=, quiet and loglevel= from the kernel command line',
  },
  {
    name: 'pass',
    verdict: 'pass',
    reason: ({ report }) => (report.ended && report.steps.every((step) => step.ok) ? '' : undefined),
  },
];

/** Bits of /proc/sys/kernel/tainted that a working kernel never sets, not even on a slow host (Documentation/admin-guide/tainted-kernels.rst). */
const FATAL_TAINTS: readonly (readonly [bit: number, what: string])[] = [
  [7, 'the kernel had an oops'],
  [5, 'the kernel found a page in a bad state'],
];

const STUCK: Record<Phase, string> = {
  firmware: 'the kernel printed nothing',
  kernel: 'the kernel did not start init',
  init: 'init did not begin to load modules',
  modules: 'module loading did not finish',
  devices: 'devices did not settle',
  steps: 'the steps did not finish',
  shutdown: 'the guest did not power off',
};

/** Clocks are read in hundredths of a second. */
const CLOCK_SECONDS = 0.02;

/** Each declared step has a start and an end record of its own, in the declared order, one after the other. */
function disorderOf(declared: readonly string[], reported: GuestReport['steps']): string | undefined {
  let ended = 0;
  for (const [index, { name, startedAt, seconds }] of reported.entries()) {
    if (name !== declared[index])
      return `the agent reported the step "${name}" where ${declared[index] === undefined ? 'no step' : `"${declared[index]}"`} was due`;
    if (startedAt === null) return `the agent reported the end of the step "${name}" but not its start`;
    // Records of older versions have no clock.
    if (startedAt > 0 && (startedAt < ended - CLOCK_SECONDS || seconds < 0))
      return `the agent reported impossible times for the step "${name}"`;
    ended = startedAt + seconds;
  }
  return undefined;
}

/**
 * The file that a program of the userland did not find, by its own words: a library (ld.so) or one of iptables' extensions
 * (libxtables, xtables_find_match). What the kernel lacks iptables says otherwise ("missing kernel module?").
 */
function missingPart(output: string): string | undefined {
  const library = /error while loading shared libraries: (\S+): cannot open shared object file/.exec(output);
  if (library) return library[1];
  const extension = /Couldn't load (?:match|target) `([^']+)':\s*No such file or directory/.exec(output);
  return extension ? `libxt_${extension[1]}.so` : undefined;
}

/** The step that failed: the first, should there ever be several. */
export function failedStep(report: GuestReport) {
  return report.steps.find((step) => !step.ok);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
