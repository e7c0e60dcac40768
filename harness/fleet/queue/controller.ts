import { createHmac } from 'node:crypto';
import type { Architecture } from '../../arch/index.js';
import type { RecordGuest } from '../../boot/boot.js';
import type { Elsewhere } from '../../boot/executor.js';
import { hostError } from '../../errors.js';
import { packageVersion } from '../../version.js';
import type { AcceleratorChoice } from '../../vm/machine.js';
import { AskedBoots } from './asked.js';
import type { BlobStore } from './blob-store.js';
import { openBundle } from './bundle.js';
import { jobId } from './check-job.js';
import type { Link } from './link.js';
import {
  bundleKey,
  JOB_SCHEMA,
  memoryStep,
  type Pool,
  type QueuedAnswer,
  type QueuedBoot,
  queueName,
} from './protocol.js';
import { PublishedBlobs } from './published.js';
import { digestOfBytes, readBlob } from './store.js';
import { canBoot, choosePool, liveWorkers, noWorker, type Offer } from './workers.js';

/** Boots under way at most: far more than there are workers, so that none of them waits. */
const IN_FLIGHT = 1000;
/** How often it is looked whether somebody is still there who can boot what waits. */
const WATCH_MS = 5000;

export interface ControllerOptions {
  link: Link;
  store: BlobStore;
  /** Of this results folder: what boots are authenticated with is made from it; see secret.ts. */
  secret: string;
}

/** The other back end of the executor: guests that workers boot. What they recorded is judged here, as if they had run here. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #blobs: PublishedBlobs;
  readonly #queues = new Map<string, Promise<{ pool: Pool; asked: AskedBoots }>>();
  readonly #watch: NodeJS.Timeout;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#blobs = new PublishedBlobs(options.store);
    this.#watch = setInterval(() => void this.#giveUpHopeless().catch(() => undefined), WATCH_MS);
    this.#watch.unref();
  }

  /** Where the guests of a run are booted. @throws BootgateError blame `host`, E_NO_WORKER. */
  async choose(
    arch: Architecture,
    requested: AcceleratorChoice['requested'],
  ): Promise<{ pool: Pool; accelerator: AcceleratorChoice; elsewhere: Elsewhere }> {
    const offers = await this.#workers();
    const { pool, accelerator } = choosePool(offers, arch, requested);
    return { pool, accelerator, elsewhere: this.elsewhere(pool) };
  }

  elsewhere(pool: Pool): Elsewhere {
    const { secret } = this.#options;
    const sealed = (what: string, folder: string) =>
      createHmac('sha256', secret).update(`${what}\0${folder}`).digest('hex').slice(0, 16);
    return {
      inFlight: IN_FLIGHT,
      secrets: (folder) => ({ nonce: sealed('nonce', folder), seed: sealed('seed', folder) }),
      record: this.#recordIn(pool),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    for (const opening of this.#queues.values()) await (await opening.catch(() => undefined))?.asked.close();
    this.#options.link.close();
  }

  #recordIn(pool: Pool): RecordGuest {
    const { link, store } = this.#options;
    return async (request, files, { folder, signal, timeScale, onPhase, onNote }) => {
      const stop = AbortSignal.any([link.lost, ...(signal ? [signal] : [])]);
      stop.throwIfAborted();
      await this.#requireWorker(pool, request.memoryMiB);
      const data: QueuedBoot = {
        schema: JOB_SCHEMA,
        version: packageVersion(),
        accelerator: pool.accelerator,
        request,
        blobs: await this.#blobs.of(request, files),
        ...(timeScale === undefined ? {} : { timeScale }),
      };
      const queue = await this.#queue(pool, request.memoryMiB);
      const answer = await queue.ask(jobId(request), data, { signal: stop, onPhase });
      for (const note of answer.notes) onNote?.(`${answer.worker}: ${note}`);
      return openBundle(await readBundle(answer, link, store), folder);
    };
  }

  async #requireWorker(pool: Pool, memoryMiB: number): Promise<void> {
    const offers = await this.#workers();
    if (!offers.some((offer) => canBoot(offer, pool, memoryMiB))) throw missing(offers, pool, memoryMiB);
  }

  /** Where the last worker that could do it is gone, waiting would be for ever. */
  async #giveUpHopeless(): Promise<void> {
    const waiting = (await Promise.all(this.#queues.values())).filter(({ asked }) => asked.size > 0);
    if (waiting.length === 0) return;
    const offers = await this.#workers();
    for (const { pool, asked } of waiting)
      asked.giveUp(({ request: { memoryMiB } }) =>
        offers.some((offer) => canBoot(offer, pool, memoryMiB))
          ? undefined
          : missing(offers, pool, memoryMiB),
      );
  }

  #known: { at: number; offers: Promise<Offer[]> } | undefined;

  /** Asked at most once a second. */
  #workers(): Promise<Offer[]> {
    if (!this.#known || performance.now() - this.#known.at > 1000) {
      const offers = liveWorkers(this.#options.link.redis);
      offers.catch(() => undefined);
      this.#known = { at: performance.now(), offers };
    }
    return this.#known.offers;
  }

  async #queue(pool: Pool, memoryMiB: number): Promise<AskedBoots> {
    const name = queueName(pool, memoryStep(memoryMiB));
    const open = async () => ({ pool, asked: await AskedBoots.open(this.#options.link, name) });
    const queue = this.#queues.get(name) ?? open();
    this.#queues.set(name, queue);
    return (await queue).asked;
  }
}

function missing(offers: readonly Offer[], { arch, accelerator, qemu }: Pool, memoryMiB: number): Error {
  return noWorker(offers, `${arch} with ${accelerator}${qemu ? `, QEMU ${qemu}` : ''} and ${memoryMiB} MiB`);
}

async function readBundle({ bundle }: QueuedAnswer, link: Link, store: BlobStore): Promise<Buffer> {
  if (bundle.in === 'store') return readBlob(store, bundle);
  const bytes = await link.redis.getBuffer(bundleKey(bundle.digest));
  if (!bytes || digestOfBytes(bytes) !== bundle.digest)
    throw hostError('E_BUNDLE', 'the logs of a boot are no longer in Redis');
  void link.redis.del(bundleKey(bundle.digest)).catch(() => undefined);
  return bytes;
}
