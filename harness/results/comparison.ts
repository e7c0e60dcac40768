import type { Verdict } from './scenario-result.js';

/** What changed from one run to another. Plain data; `bootgate compare --json` prints it. */
export interface RunComparison {
  schema: 'bootgate/compare@1';
  before: RunId;
  after: RunId;
  /** Passed before (or was not there) and fails now. */
  newFailures: Changed[];
  fixed: Changed[];
  stillFailing: Changed[];
  /** Results of the later run that the host did not let be decided, and boots of it that have no result. */
  undecided: string[];
  /** How many results were decided in both. */
  compared: number;
  /** Booted in one of them only: a scenario that nobody boots any more is no longer tested. */
  appeared: string[];
  gone: string[];
  /** Bytes of vmlinuz, initramfs, modules and all of them together, for each install set where there are some. */
  sizes: Pair[];
  /** Guest memory in use after boot, in bytes, for each scenario that passed in both. */
  memory: Pair[];
  cpu: CpuComparison;
}

export interface RunId {
  id: string;
  image: string;
  kernel: string;
}

export interface Changed {
  name: string;
  before: Verdict | 'absent';
  after: Verdict;
}

export interface Pair {
  what: string;
  before: number;
  after: number;
}

export interface CpuComparison {
  /** QEMU's CPU seconds for each scenario that passed in both. */
  scenarios: Pair[];
  /** The middle one of their ratios: one slow guest on a busy host does not move it. Null where nothing can be compared. */
  ratio: number | null;
  /** Why not, where it is null. */
  why: string;
}
