import type { Logger } from 'pino';
import type { CheckedForks } from '../boot/checked-forks.js';
import type { Elsewhere, Executor } from '../boot/executor.js';
import type { Boot } from '../boot/job.js';
import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Reporter } from '../report/reporter.js';
import type { RunFolder } from '../results/folder.js';
import type { RunResult, Shard } from '../results/run-result.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import type { ReferencePolicy } from './difference.js';
import type { Plan } from './plan.js';
import type { ResumableRun } from './resume.js';

export interface RunOptions {
  /** The image, once for each of its install sets; one alone where it has none. */
  prepared: PreparedImage | readonly [PreparedImage, ...PreparedImage[]];
  plan: Plan;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** The results folder. */
  results: string;
  /** What boots the guests, where other boots share it; one of its own unless given. */
  executor?: Executor;
  /** Where guests run, if not on this host. */
  elsewhere?: Elsewhere;
  /** Guests at once; as many as cores and memory allow unless given. */
  jobs?: number;
  /** Go on from templates where they can; everything is booted cold unless given. */
  forks?: CheckedForks;
  /** When the same scenarios are booted with the full module tree; for failures unless given. */
  reference?: ReferencePolicy;
  /** Booted instead of the full module tree. */
  referenceImage?: PreparedImage;
  /** How often a guest that failed is booted again, to learn whether it is flaky; it stays failed. */
  retries?: number;
  /** An interrupted run: what it had finished is kept, the rest is booted into its folder. */
  resume?: ResumableRun;
  /** Only a part is booted; which one is chosen among all that every machine plans, also what cannot be booted on this one. */
  shard?: Shard & { choose(boots: readonly Boot[]): ReadonlySet<string> };
  /** False: `results/latest` stays at the run that it names, as for the proof of a fix. */
  latest?: boolean;
  /** How often each is booted whatever comes of it; once unless given. */
  repeats?: number;
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number;
  /** Leaves out the scenarios of areas that the set never touches. */
  matching?: boolean;
  /** Ends the boots once so many have failed; what was not judged by then is the run's `missing`. */
  maxFailures?: number;
  /** Has the last word on the result before it is written. */
  finish?: (result: RunResult, folder: RunFolder) => Promise<RunResult>;
  reporters: Reporter[];
  signal?: AbortSignal;
  /** For people: what went wrong beside the run. */
  warn?: (sentence: string) => void;
  log?: (folder: string) => Promise<Logger>;
}
