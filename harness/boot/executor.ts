import { mkdir } from 'node:fs/promises';
import type PQueue from 'p-queue';
import type { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { Secrets } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice, Phase } from '../vm/machine.js';
import { AdmissionGate } from './admission.js';
import { type BootOptions, bootScenario, type RecordGuest } from './boot.js';
import { hostCapacity } from './capacity.js';
import type { Forks } from './forks.js';
import { notBooted } from './job.js';
import { memoryFor } from './memory.js';
import type { BootRequest } from './request.js';
import { bootWithRetries } from './retries.js';

/** Boots one guest to its result: from the beginning, or as a clone of a template (forks.ts). */
export type Backend = (options: BootOptions) => Promise<ScenarioResult>;

export interface ExecutorOptions {
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Guests at once; as many as cores and memory allow unless given. */
  jobs?: number | undefined;
  /** Cores of the largest guest, which `jobs` is counted in; 1 unless given. */
  guestCpus?: number | undefined;
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number | undefined;
  /** Ends all guests in order, and starts none any more. */
  signal?: AbortSignal | undefined;
  /** `bootScenario` unless given. */
  backend?: Backend | undefined;
  /** Where guests run, if not on this host. */
  elsewhere?: Elsewhere | undefined;
  /** Boots what need not be booted cold. */
  forks?: Forks | undefined;
  /** What a person should know of how guests are booted; each sentence once. */
  onNote?: ((sentence: string) => void) | undefined;
}

/** The other back end: guests that other hosts run and record; see fleet/queue. */
export interface Elsewhere {
  record: RecordGuest;
  /** What authenticates the boot with this folder: the same again where a run is resumed, so that it is the same boot. */
  secrets(folder: string): Secrets;
  /** Boots that are under way at most; how many run at once is for the other hosts to say. */
  inFlight: number;
}

/** One boot that is asked for. */
export interface BootJob {
  prepared: BootOptions['prepared'];
  scenario: Scenario;
  /** Where the logs of each attempt go: absolute, and as the result names it. */
  folder(attempt: number): { path: string; relative: string };
  /** From the beginning, whatever the executor has: a reference, a proof. */
  cold?: boolean | undefined;
  /** An earlier boot to repeat byte for byte; see BootOptions. */
  again?: BootRequest | undefined;
  /** How often a failure is booted again, to learn whether it is flaky; 0 unless given. */
  retries?: number | undefined;
  /** How often it is booted whatever comes of it; once unless given. */
  repeats?: number | undefined;
  /** Higher comes first; the heavier of two guests unless given. */
  priority?: number | undefined;
  onStart?(): void;
  onPhase?(phase: Phase): void;
  /** The host was at fault, and it is booted again. */
  onInfra?(result: ScenarioResult): void;
  /** It could not even be started. */
  onError?(error: unknown): void;
}

/** Other hosts know what they have room for. */
const UNLIMITED = { memoryMiB: Number.POSITIVE_INFINITY, cpus: Number.POSITIVE_INFINITY };
/** What a guest costs beyond its own memory: QEMU itself and its translation cache, as measured under TCG. */
const QEMU_OVERHEAD_MIB = 192;

/**
 * Everything that boots goes through here, in one order: runs, references, trials of a search. p-queue keeps the order and the
 * number of guests, the gate their memory and cores, retries give the host a second chance, and an abort ends all of it. What
 * one guest may take of time is in vm/deadlines.ts.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #backend: Backend;
  readonly #gate: AdmissionGate;
  readonly #limit: number;
  readonly #stopped = new AbortController();
  /** Aborted from outside, or by `stop`. */
  readonly signal: AbortSignal;
  readonly #noted = new Set<string>();
  #queue: Promise<PQueue> | undefined;
  /** Guests that were begun. */
  boots = 0;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#backend = options.backend ?? bootScenario;
    this.signal = AbortSignal.any([this.#stopped.signal, ...(options.signal ? [options.signal] : [])]);
    const { elsewhere } = options;
    const capacity = elsewhere ? UNLIMITED : hostCapacity(options.jobs, options.guestCpus ?? 1);
    this.#gate = new AdmissionGate(capacity);
    this.#limit = options.jobs ?? Math.max(1, elsewhere?.inFlight ?? capacity.cpus);
  }

  get forks(): Forks | undefined {
    return this.#options.forks;
  }

  get accelerator(): AcceleratorChoice {
    return this.#options.accelerator;
  }

  get cache(): Cache {
    return this.#options.cache;
  }

  /** Ends all guests in order, as an abort from outside does. */
  stop(reason: unknown): void {
    this.#stopped.abort(reason);
  }

  /**
   * Boots once there is room, to a result: infra where the host would not let it, undefined where it was aborted.
   * @throws BootgateError blame `user` for a guest that cannot be built.
   */
  async boot(job: BootJob): Promise<ScenarioResult | undefined> {
    const queue = await this.#makeQueue();
    const { scenario, prepared } = job;
    const weight = { memoryMiB: memoryFor(scenario, prepared) + QEMU_OVERHEAD_MIB, cpus: scenario.cpus };
    return queue.add(
      async () => {
        if (this.signal.aborted) return undefined;
        return this.#gate.run(weight, () =>
          bootWithRetries(
            (attempt) => this.#bootOnce(job, attempt),
            job.retries ?? 0,
            job.onInfra?.bind(job),
            job.repeats,
          ),
        );
      },
      { priority: job.priority ?? heaviness(scenario) },
    );
  }

  async #bootOnce(job: BootJob, attempt: number): Promise<ScenarioResult | undefined> {
    const { signal } = this;
    if (signal.aborted) return undefined;
    const { path, relative } = job.folder(attempt);
    const { prepared, scenario } = job;
    this.boots++;
    job.onStart?.();
    const isCold = job.cold || job.again || this.#options.elsewhere;
    const boot = isCold ? this.#backend : (this.forks?.boot ?? this.#backend);
    try {
      await mkdir(path, { recursive: true });
      const result = await boot({
        prepared,
        scenario,
        accelerator: this.accelerator,
        cache: this.cache,
        folder: path,
        relativeFolder: relative,
        attempt,
        again: job.again,
        signal,
        timeScale: this.#options.timeScale,
        onPhase: (phase) => job.onPhase?.(phase),
        onNote: (sentence) => this.note(sentence),
        record: this.#options.elsewhere?.record,
        secrets: this.#options.elsewhere?.secrets(path),
      });
      return signal.aborted ? undefined : result;
    } catch (error) {
      if (signal.aborted) return undefined;
      // What the host did is this scenario's infra.
      if (error instanceof BootgateError && error.blame === 'user') throw error;
      job.onError?.(error);
      return {
        ...notBooted({ prepared, scenario }, 'infra', (error as Error).message),
        attempts: attempt,
      };
    }
  }

  /** Tells the executor's owner, each sentence once. */
  note(sentence: string): void {
    if (this.#noted.has(sentence)) return;
    this.#noted.add(sentence);
    this.#options.onNote?.(sentence);
  }

  #makeQueue(): Promise<PQueue> {
    this.#queue ??= import('p-queue').then(({ default: Queue }) => new Queue({ concurrency: this.#limit }));
    return this.#queue;
  }
}

/** A packaged boot decompresses its kernel and takes about three times as long as a direct one. */
function heaviness(scenario: Scenario): number {
  return (scenario.boot === 'packaged' ? 3 : 1) * scenario.memoryMiB;
}
