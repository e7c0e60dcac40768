import type { Verdict } from '../results/scenario-result.js';
import type { GuestReport } from '../vm/records.js';

/** What the same scenario did with the full module tree: what it lacks there too, the set is not to blame for. */
export interface ReferenceFacts {
  verdict: Verdict;
  /** Names of requests that were answered at least once, and of those that never were. */
  answered: readonly string[];
  unanswered: readonly string[];
  /** Modaliases of devices without a driver at the end. */
  unbound: readonly string[];
  /** Modules in the kernel at the end. */
  modulesLoaded: readonly string[];
}

/** The facts of a reference boot from what its agent recorded. */
export function referenceFacts(verdict: Verdict, report: GuestReport): ReferenceFacts {
  const answered = new Set(report.requests.filter((one) => one.status === 0).map((one) => one.name));
  const asked = new Set(report.requests.map((one) => one.name));
  return {
    verdict,
    answered: [...answered].sort(),
    unanswered: [...asked].filter((name) => !answered.has(name)).sort(),
    unbound: [...new Set(report.unbound.map((one) => one.modalias))].sort(),
    modulesLoaded: report.modulesLoaded.map((one) => one.name).sort(),
  };
}

/** How a need compares: the reference lacks it as well, the reference has it, or it never came up there. */
export type Compared = 'lacking' | 'answered' | 'unknown';

export function compareNeed(request: string, reference: ReferenceFacts | undefined): Compared {
  if (!reference) return 'unknown';
  if (reference.answered.includes(request)) return 'answered';
  return reference.unanswered.includes(request) || reference.unbound.includes(request)
    ? 'lacking'
    : 'unknown';
}
