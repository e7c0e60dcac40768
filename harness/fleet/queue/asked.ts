import type { Queue, QueueEvents } from 'bullmq';
import { hostError } from '../../errors.js';
import { PHASES, type Phase } from '../../vm/machine.js';
import type { Link } from './link.js';
import { ANSWER_SCHEMA, CANCEL_CHANNEL, PREFIX, type QueuedAnswer, type QueuedBoot } from './protocol.js';

interface Pending {
  data: QueuedBoot;
  resolve(answer: QueuedAnswer): void;
  reject(error: Error): void;
  onPhase?: ((phase: Phase) => void) | undefined;
}

/** An answer that nobody has collected, and a failure that nobody has asked about, are forgotten after a day. */
const KEPT = { age: 24 * 3600 };

/**
 * One queue from the controller's side: boots that were asked for, each under the digest of its request. What is asked twice is done
 * once, an answer that is there already is taken, and after a restart of Redis what it has forgotten is asked for again.
 */
export class AskedBoots {
  readonly #link: Link;
  readonly #queue: Queue;
  readonly #events: QueueEvents;
  readonly #pending = new Map<string, Pending>();

  private constructor(link: Link, queue: Queue, events: QueueEvents) {
    this.#link = link;
    this.#queue = queue;
    this.#events = events;
    queue.on('error', () => undefined);
    events.on('error', () => undefined);
    events.on('completed', ({ jobId, returnvalue }) => this.#answered(jobId, returnvalue));
    events.on('failed', ({ jobId, failedReason }) => this.#failed(jobId, failedReason));
    events.on('progress', ({ jobId, data }) => {
      const { phase } = data as { phase?: Phase };
      if (phase && PHASES.includes(phase)) this.#pending.get(jobId)?.onPhase?.(phase);
    });
    events.on('duplicated', ({ jobId }) => void this.#look(jobId));
    link.redis.on('ready', this.#again);
  }

  static async open(link: Link, name: string): Promise<AskedBoots> {
    const { Queue, QueueEvents } = await import('bullmq');
    const queue = new Queue(name, { connection: link.redis, prefix: PREFIX });
    // From where the stream is now: what is asked for from here on is seen.
    const [last] = await link.redis.xrevrange(`${PREFIX}:${name}:events`, '+', '-', 'COUNT', 1);
    const events = new QueueEvents(name, {
      connection: link.another(),
      prefix: PREFIX,
      lastEventId: last?.[0] ?? '0-0',
    });
    return new AskedBoots(link, queue, events);
  }

  get size(): number {
    return this.#pending.size;
  }

  /**
   * Waits for the answer. @throws the signal's reason; BootgateError blame `host`: E_WORKER with a worker's own words, E_QUEUE.
   */
  async ask(
    id: string,
    data: QueuedBoot,
    { signal, onPhase }: { signal: AbortSignal; onPhase?: ((phase: Phase) => void) | undefined },
  ): Promise<QueuedAnswer> {
    signal.throwIfAborted();
    let giveUp = () => {};
    try {
      return await new Promise<QueuedAnswer>((resolve, reject) => {
        giveUp = () => reject(signal.reason as Error);
        signal.addEventListener('abort', giveUp, { once: true });
        this.#pending.set(id, { data, resolve, reject, onPhase });
        this.#add(id, data).catch(reject);
      });
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.#pending.delete(id);
      // Once it is answered nobody needs it: a resumed run that comes to it again boots it anew.
      if (this.#link.isThere) void this.#forget(id, signal.aborted);
    }
  }

  /** Gives up what has no hope any more, for the reason that is returned. */
  giveUp(isHopeless: (data: QueuedBoot) => Error | undefined): void {
    for (const { data, reject } of this.#pending.values()) {
      const error = isHopeless(data);
      if (error) reject(error);
    }
  }

  async close(): Promise<void> {
    this.#link.redis.off('ready', this.#again);
    const closed = this.#events.close().catch(() => undefined);
    if (this.#link.isThere) await closed;
  }

  async #add(id: string, data: QueuedBoot): Promise<void> {
    await this.#queue.add('boot', data, { jobId: id, removeOnComplete: KEPT, removeOnFail: KEPT });
  }

  /** Somebody has asked for it before: an earlier part of a run that is resumed, or another controller. */
  async #look(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    const job = pending && (await this.#queue.getJob(id).catch(() => undefined));
    if (!pending) return;
    if (!job) return this.#add(id, pending.data).catch(pending.reject);
    if (await job.isCompleted()) this.#answered(id, job.returnvalue);
    else if (await job.isFailed()) {
      await job.remove().catch(() => undefined);
      await this.#add(id, pending.data).catch(pending.reject);
    }
  }

  /** Redis is back: events may have been missed, and without a disk it has forgotten everything. */
  readonly #again = () => {
    for (const id of this.#pending.keys()) void this.#look(id).catch(() => undefined);
  };

  #answered(id: string, value: unknown): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    const answer = (typeof value === 'string' ? parse(value) : value) as QueuedAnswer | undefined;
    if (answer?.schema === ANSWER_SCHEMA) pending.resolve(answer);
    else pending.reject(hostError('E_WORKER', 'a worker gave an answer of another version'));
  }

  #failed(id: string, reason: string): void {
    this.#pending.get(id)?.reject(hostError('E_WORKER', reason || 'a worker gave up without a reason'));
  }

  async #forget(id: string, isCancelled: boolean): Promise<void> {
    try {
      if (isCancelled) await this.#link.redis.publish(CANCEL_CHANNEL, id);
      await this.#queue.remove(id);
    } catch {
      // It is being booted: the worker was told, and what it says is forgotten after a day.
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
