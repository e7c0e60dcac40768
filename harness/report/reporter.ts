import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { AcceleratorChoice, Phase } from '../vm/machine.js';

/** What an earlier run took: guest seconds of each result, and how many of them passed in a second of wall time. */
export interface RunHistory {
  seconds: ReadonlyMap<string, number>;
  guestSecondsPerSecond: number;
}

/** What a run is about to do: all that is known before the first guest starts. */
export interface RunPlan {
  id: string;
  /** The run's folder, as it should be shown. */
  folder: string;
  image: RunResult['image'];
  accelerator: AcceleratorChoice;
  /** Names of the scenarios that will be booted. */
  scenarios: string[];
  /** What an earlier run took, to estimate the time left. */
  history?: RunHistory;
}

/**
 * A reporter is a guest of the run: it listens. Every hook is optional; only `onRunEnd` may take its time. One that
 * holds a terminal puts it right at `onRunEnd` and when the process ends, whichever comes first.
 */
export interface Reporter {
  onRunStart?(plan: RunPlan): void;
  /** A guest is about to start; called again for each attempt. */
  onGuestStart?(scenario: string): void;
  onGuestPhase?(scenario: string, phase: Phase): void;
  onResult?(result: ScenarioResult): void;
  /** So many scenarios will be compared with their reference. */
  onReferences?(total: number): void;
  /** The reference of a scenario is booted: no earlier run has it. */
  onReferenceStart?(scenario: string): void;
  onReferencePhase?(scenario: string, phase: Phase): void;
  /** Booted now, or known from an earlier run. */
  onReferenceEnd?(scenario: string): void;
  onRunEnd?(result: RunResult): void | Promise<void>;
}

/**
 * Many reporters as one that never throws. One that throws is complained about once and not called again: a
 * reporter never ends a run, and what it could not show is still in run.json.
 */
export function safely(
  reporters: readonly Reporter[],
  complain: (error: unknown) => void,
): Required<Reporter> {
  const working = new Set(reporters);
  const leaveOut = (reporter: Reporter, error: unknown): void => {
    working.delete(reporter);
    complain(error);
  };
  const each = (call: (reporter: Reporter) => void): void => {
    for (const reporter of [...working]) {
      try {
        call(reporter);
      } catch (error) {
        leaveOut(reporter, error);
      }
    }
  };
  return {
    onRunStart: (plan) => each((reporter) => reporter.onRunStart?.(plan)),
    onGuestStart: (scenario) => each((reporter) => reporter.onGuestStart?.(scenario)),
    onGuestPhase: (scenario, phase) => each((reporter) => reporter.onGuestPhase?.(scenario, phase)),
    onResult: (result) => each((reporter) => reporter.onResult?.(result)),
    onReferences: (total) => each((reporter) => reporter.onReferences?.(total)),
    onReferenceStart: (scenario) => each((reporter) => reporter.onReferenceStart?.(scenario)),
    onReferencePhase: (scenario, phase) => each((reporter) => reporter.onReferencePhase?.(scenario, phase)),
    onReferenceEnd: (scenario) => each((reporter) => reporter.onReferenceEnd?.(scenario)),
    onRunEnd: async (result) => {
      for (const reporter of [...working]) {
        try {
          await reporter.onRunEnd?.(result);
        } catch (error) {
          leaveOut(reporter, error);
        }
      }
    },
  };
}
