import { resolve } from 'node:path';
import type { Elsewhere } from '../boot/executor.js';
import { Cache } from '../cache.js';
import type { Image } from '../image/image-file.js';
import type { PreparedImage } from '../image/prepare.js';
import type { Plan } from '../run/plan.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { onInterrupt } from './interrupt.js';
import type { SharedFlags } from './options.js';
import { say } from './output.js';

const DEFAULT_IMAGE = 'debian-2014';

/**
 * What the commands share: one cache, one results folder, one signal, and the ways to an image, a plan, prepared images, an
 * accelerator and reporters. Precedence is flag, environment, file, default. Modules are loaded when they are asked for.
 */
export class Session {
  readonly cache = new Cache();
  readonly flags: SharedFlags;
  /** Aborted by the first Ctrl+C. */
  readonly signal: AbortSignal;
  readonly say = say;
  /** What must be closed at the end. */
  readonly undo: (() => Promise<unknown>)[] = [];

  constructor(flags: SharedFlags, signal: AbortSignal) {
    this.flags = flags;
    this.signal = signal;
  }

  /** The same with other flags; both are stopped by one signal. */
  with(flags: Partial<SharedFlags>): Session {
    return new Session({ ...this.flags, ...flags }, this.signal);
  }

  /** The results folder, absolute. */
  get results(): string {
    return resultsOf(this.flags);
  }

  async image(fallback = DEFAULT_IMAGE): Promise<Image> {
    const { imageOfKernel, loadImage } = await import('../image/image-file.js');
    const { image = process.env.BOOTGATE_IMAGE, kernel, modules, split, install } = this.flags;
    const overrides = {
      ...(modules ? { modules } : {}),
      ...(split ? { split } : {}),
      ...(install ? { install } : {}),
    };
    if (kernel && !image) return imageOfKernel(kernel, overrides);
    return loadImage(image ?? fallback, { ...overrides, ...(kernel ? { kernel } : {}) });
  }

  /** Every scenario of the project and the package. */
  async scenarios(): Promise<Scenario[]> {
    return (await import('../scenarios/load.js')).loadScenarios();
  }

  async plan(image: Image, patterns: readonly string[]): Promise<Plan> {
    const { planRun } = await import('../run/plan.js');
    return planRun(image, await this.scenarios(), patterns, this.flags.tag);
  }

  /** The prepared image: once for each of its install sets. */
  async prepare(
    image: Image,
    delivery = this.flags.delivery,
    userland = this.flags.userland,
  ): Promise<[PreparedImage, ...PreparedImage[]]> {
    const { prepareImages } = await import('../image/prepare.js');
    return prepareImages(image, {
      ...this.#prepareOptions(),
      ...(delivery ? { delivery } : {}),
      userland,
    });
  }

  /** The same for an image that has one module set. */
  async prepareOne(image: Image): Promise<PreparedImage> {
    const { prepareImage } = await import('../image/prepare.js');
    return prepareImage(image, this.#prepareOptions());
  }

  /** The accelerator that `--accel` asks for, else the one that is given, tried with that kernel. */
  async accelerator(
    { kernel, vmlinux }: Pick<PreparedImage, 'kernel' | 'vmlinux'>,
    otherwise: 'auto' | 'kvm' | 'tcg' = 'auto',
  ): Promise<AcceleratorChoice> {
    const { chooseAccelerator } = await import('../vm/accelerator.js');
    const { cache, signal } = this;
    return chooseAccelerator(this.flags.accel ?? otherwise, { kernel, vmlinux, cache, signal });
  }

  /** What every run is given alike. */
  async runOptions(plan: Plan, prepared: [PreparedImage, ...PreparedImage[]]) {
    const { makeReporters } = await import('../report/reporters.js');
    const { openRunLog } = await import('../run/log.js');
    const { jobs, reference, quiet = false, timeoutScale, verbose = false } = this.flags;
    // What is wrong with the reporters is said before a kernel is tried.
    const reporters = makeReporters(reportersOf(this.flags), { quiet });
    return {
      prepared,
      plan,
      ...(await this.bootsWith(prepared[0])),
      cache: this.cache,
      results: this.results,
      reporters,
      signal: this.signal,
      warn: say,
      log: (folder: string) => openRunLog(folder, verbose),
      ...(jobs ? { jobs } : {}),
      ...(reference ? { reference } : {}),
      ...(await this.#shard()),
      ...(timeoutScale ? { timeScale: timeoutScale } : {}),
      ...(this.flags.fast ? { forks: await this.#forks() } : {}),
    };
  }

  /** The accelerator, and where guests run if that is not this host. */
  async bootsWith(
    prepared: PreparedImage,
  ): Promise<{ accelerator: AcceleratorChoice; elsewhere?: Elsewhere }> {
    const { queue, accel = 'auto' } = this.flags;
    if (!queue) return { accelerator: await this.accelerator(prepared) };
    const { openController } = await import('../fleet/queue/open.js');
    const controller = await openController({ ...this.flags, results: this.results, queue });
    this.undo.push(() => controller.close());
    return controller.choose(prepared.kernel.arch, accel);
  }

  async #shard() {
    const { shard, timings } = this.flags;
    if (!shard) return {};
    const { shardOf } = await import('../fleet/shard.js');
    const { readTimings } = await import('../fleet/timings.js');
    return { shard: shardOf(shard, timings ? await readTimings(timings, this.results) : new Map()) };
  }

  async #forks() {
    const { randomBytes } = await import('node:crypto');
    const { CheckedForks } = await import('../boot/checked-forks.js');
    const { recheck = 10, seed = randomBytes(4).toString('hex') } = this.flags;
    return new CheckedForks({ percent: recheck, seed });
  }

  #prepareOptions() {
    const { strict = false, allowMissing = false, delivery, userland } = this.flags;
    const { cache, signal } = this;
    const common = { cache, signal, strict, allowMissing, userland, log: say };
    return { ...common, ...(delivery ? { delivery } : {}) };
  }
}

/** `--reporter`, as often as it was given; `--json` is the one for standard output. */
export function reportersOf({ json, reporter = [] }: Pick<SharedFlags, 'json' | 'reporter'>): string[] {
  return json ? ['json', ...reporter] : reporter;
}

/** `--results`, else BOOTGATE_RESULTS, else results/ in the working folder; absolute. */
export function resultsOf({ results }: Pick<SharedFlags, 'results'>): string {
  return resolve(results ?? process.env.BOOTGATE_RESULTS ?? 'results');
}

/** A run that was read back: its folder, its run.json, its id, or `latest`. */
export async function storedRun(where: string, flags: Pick<SharedFlags, 'results'>) {
  const { readRun } = await import('../results/read.js');
  return readRun(where, resultsOf(flags));
}

/** Does a command's work; the first Ctrl+C aborts the session's signal, the second ends the process. */
export async function withSession(
  flags: SharedFlags,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const interrupt = onInterrupt(() => say('stopping; press Ctrl+C again to quit now'));
  const session = new Session(flags, interrupt.signal);
  try {
    await work(session);
  } finally {
    for (const step of session.undo.reverse()) await step().catch(() => undefined);
    interrupt.release();
  }
}
