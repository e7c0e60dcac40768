import type { Phase } from '../vm/machine.js';

/** One entry of `results` in run.json (schema bootgate/run@1). Fields may be added, never renamed. */

export const VERDICTS = ['pass', 'fail', 'crash', 'hang', 'infra', 'skip'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One named reason: what was seen, and what to do. */
export interface Finding {
  /** `missing-module`, `unbound-device`, `unanswered-request`, `kernel-report`, `init-died`, `step-failed`, ... */
  kind: string;
  /** As it stood on the console or in the record. */
  evidence: string;
  module?: string;
  package?: string;
  /** `images/splits/x.yaml:12` */
  rule?: string;
  /** What the remedy costs: the module's closure, as far as it is not in the set. */
  bytes?: number;
  /** The module and all that it needs, as far as not in the set: what `bytes` counts, in load order. */
  brings?: string[];
  /** From what was asked for to what decided: `the disk data's scsi:t-0x00 → sd_mod → dropped by policies/2014.yaml:31`. */
  chain?: string;
  /** The kernel option that would have to be set: `CONFIG_XFS_FS`. */
  option?: string;
  /** Other modules that would serve the same need. */
  alternatives?: string[];
  hint: string;
}

export interface StepResult {
  name: string;
  ok: boolean;
  seconds: number;
  /** Where the step ran: in the guest, or outside it once the guest was gone. */
  where?: 'guest' | 'outside';
  /** Given only for a step without an end: false when it never began, true when it began and never ended. */
  ran?: boolean;
  message?: string;
}

export interface ScenarioResult {
  scenario: string;
  /** The install set that was booted, by the packages that were asked for: `kernel-core`. */
  installSet?: string;
  area: string;
  verdict: Verdict;
  /** Where the guest was when it ended. */
  phase: Phase;
  /** One sentence: why this verdict. Empty for a pass. */
  reason: string;
  /** Wall time from QEMU's start to its end, and QEMU's CPU time. */
  seconds: number;
  cpuSeconds: number;
  /** Seconds from the run's start to the start of its first boot; not of a result that a resumed run has kept. */
  began?: number;
  attempts: number;
  /** It went on from a template instead of being booted: see `asForked` for what is then left out. */
  forked?: true;
  /** It failed and passed when it was booted again. The verdict stays that of the boot that failed. */
  flaky?: boolean;
  /** Every boot of it, where it was booted more than once (`--retries`, `--repeat-each`); the first is the one that is told here. */
  tries?: { verdict: Verdict; reason: string; console: string }[];
  steps: StepResult[];
  modulesLoaded: string[];
  memory: { modulesBytes: number; usedAfterBootBytes: number };
  findings: Finding[];
  /** The last lines of the console, cleaned of control characters; empty for a pass. */
  consoleTail: string[];
  /** Relative to the run's folder. */
  files: { console: string; control: string; argv: string; recording: string };
  phases: { phase: Phase; at: number }[];
  /** The same scenario's result with the full module tree, if it was booted so. */
  reference?: ReferenceResult;
  /** An entry of the ledger of known issues that makes this a pass; `was` is what it would have been. */
  knownIssue?: {
    reason: string;
    link: string;
    owner: string;
    /** YYYY-MM-DD */
    expires: string;
    /** `images/known-issues.yaml:12` */
    place: string;
    was: Verdict;
    wasReason: string;
  };
}

/** The reference boot as far as a reader of results needs it. */
export interface ReferenceResult {
  verdict: Verdict;
  /** Empty for a pass. */
  reason: string;
  /** It was not booted for this run, but remembered. */
  cached: boolean;
  /** Modules that it loaded and the set does not have, sorted. */
  lacking: string[];
  /** The image that was booted instead of the full module tree (`--reference-image`). */
  image?: string;
}

/** Marks a result of a clone, without the figures that are its template's: memory used, and the phases before the agent woke. */
export function asForked(result: ScenarioResult): ScenarioResult {
  const { memory, phases } = result;
  return {
    ...result,
    forked: true,
    memory: { ...memory, usedAfterBootBytes: 0 },
    phases: phases.filter(({ phase }) => !['firmware', 'kernel', 'init'].includes(phase)),
  };
}

/** A result's name among the others of its run: the scenario, and the install set if there is one. */
export function resultName(one: Pick<ScenarioResult, 'scenario' | 'installSet'>): string {
  return one.installSet === undefined ? one.scenario : `${one.scenario} [${one.installSet}]`;
}

/** The verdicts that say no: the guest was tried, and it did not do what its scenario asks for. */
export const FAILURES = ['fail', 'crash', 'hang'] as const satisfies readonly Verdict[];

/** Whether a result, a reference or one try of it failed. A fault of the host (infra) is neither a pass nor a failure. */
export function isFailure({ verdict }: { verdict: Verdict }): boolean {
  return (FAILURES as readonly Verdict[]).includes(verdict);
}

/** Whether a guest was booted to an answer, yes or no. */
export function isDecided({ verdict }: { verdict: Verdict }): boolean {
  return verdict === 'pass' || isFailure({ verdict });
}

/** Whether there is something to explain: it failed, or the host did not let it be tried. */
export function isUnsettled({ verdict }: { verdict: Verdict }): boolean {
  return verdict === 'infra' || isFailure({ verdict });
}

/**
 * It fails, and the reference boot fails as well: the cause is the kernel, not the module set. That says whose fault it is and
 * excuses nothing: a kernel that cannot do what it is tested for is a failure whatever set it is booted with.
 */
export function isKernelsOwn({ verdict, reference }: Pick<ScenarioResult, 'verdict' | 'reference'>): boolean {
  return reference !== undefined && isFailure({ verdict }) && isFailure(reference);
}

/** What a result was compared with, for a sentence: `the full module tree`. */
export function referenceName({ reference }: Pick<ScenarioResult, 'reference'>): string {
  return reference?.image === undefined ? 'the full module tree' : `the image ${reference.image}`;
}

/** How many results there are of each verdict. */
export function countVerdicts(results: readonly ScenarioResult[]): Record<Verdict, number> {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const result of results) counts[result.verdict]++;
  return counts;
}
