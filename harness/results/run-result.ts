import type { AcceleratorChoice } from '../vm/machine.js';
import type { GateReport } from './gate-report.js';
import type { ScenarioResult, Verdict } from './scenario-result.js';

/** The contract of results/RUN/run.json (schema bootgate/run@1). Fields may be added, never renamed. */

/** What would make the image of a run again: what `explain` and `fix` start from. */
export interface ImageRecipe {
  /** The image's file, absolute. */
  file: string;
  /** As given on the command line or in the file, paths absolute. */
  kernel: string[];
  modules:
    | { kind: 'all' }
    | { kind: 'policy' | 'list'; file: string }
    | { kind: 'split'; file: string; format: string | undefined; install: string[] };
  delivery: 'archive' | 'window';
  /** Where the guest's tools came from; older runs: this machine. */
  userland?: 'host' | 'packages';
}

/** A part of a run that other machines have the rest of: `--shard 3/8`. */
export interface Shard {
  /** From 1 to `count`. */
  index: number;
  count: number;
}

/** A run that a merged one was made of. */
export interface MergedRun {
  id: string;
  shard?: Shard;
  started: string;
  seconds: number;
}

export interface RunResult {
  schema: 'bootgate/run@1';
  id: string;
  verdict: 'pass' | 'fail' | 'incomplete';
  /** ISO 8601. */
  started: string;
  seconds: number;
  /** Of this process, without QEMU; and of all QEMUs together. */
  cpuSeconds: { harness: number; qemu: number };
  accelerator: AcceleratorChoice;
  image: {
    name: string;
    kernel: { release: string; source: string; resolved: string[]; digest: string };
    vmlinuz: { bytes: number };
    modules: { source: string; count: number; bytes: number; ofCount: number; ofBytes: number };
    initramfs: { bytes: number; digest: string; buildMs: number };
    recipe?: ImageRecipe;
  };
  /** Where the image's modules are those of a split: each install set that was booted. */
  installSets?: InstallSetResult[];
  /** What the closure added to the set. */
  additions: { module: string; neededBy: string[]; bytes: number }[];
  counts: Record<Verdict, number>;
  /** With `--fast`: guests that went on from a template, and how many of those that passed were booted in full as well. */
  fast?: { clones: number; rechecked: number; percent: number; seed: string };
  /** Boots without a result, by name: the run was interrupted. */
  missing?: string[];
  /** How many results an interrupted run had left, which were not booted again. */
  resumed?: { kept: number };
  /** It is one part of a whole, which `bootgate merge` judges. */
  shard?: Shard;
  /** What `bootgate merge` made it of. */
  merged?: MergedRun[];
  /** What `bootgate gate` made of it. */
  gate?: GateReport;
  results: ScenarioResult[];
}

/** One install set of a split, and its outcome in this run. */
export interface InstallSetResult {
  name: string;
  /** Dependencies first. */
  packages: string[];
  modules: { count: number; bytes: number };
  initramfs: { bytes: number };
  counts: Record<Verdict, number>;
}
