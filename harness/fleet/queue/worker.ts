import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Job, Worker } from 'bullmq';
import { AdmissionGate } from '../../boot/admission.js';
import { BootgateError } from '../../errors.js';
import { packageVersion } from '../../version.js';
import type { Phase } from '../../vm/machine.js';
import { bootJob, type WorkerContext } from './boot-job.js';
import { checkJob } from './check-job.js';
import type { Link } from './link.js';
import { CANCEL_CHANNEL, MEMORY_STEPS, type Pool, PREFIX, type QueuedAnswer, queueName } from './protocol.js';
import { announce, type Offer } from './workers.js';

export interface WorkerOptions extends Omit<WorkerContext, 'redis' | 'host'> {
  link: Link;
  pools: Pool[];
  slots: number;
  memoryMiB: number;
  /** Ends all guests in order and gives their jobs back. */
  signal: AbortSignal;
  say(sentence: string): void;
  /** Milliseconds after which a silent worker's job is another's; 30,000 unless given. */
  lockMs?: number;
}

const LOCK_MS = 30_000;
/** A boot is given to so many workers that die with it; then it is a failure of its own. */
const MOST_DEATHS = 3;
/** What a guest costs beyond its own memory; see boot/executor.ts. */
const QEMU_OVERHEAD_MIB = 192;

/**
 * Takes boots from the queues that this host can serve until `signal` is aborted or Redis is lost, never more at once than there is room
 * for. Locks, their renewal and what becomes of a dead worker's jobs are BullMQ's.
 * @throws BootgateError blame `host`, E_QUEUE, once Redis was away for too long.
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { link, pools, slots, memoryMiB, say } = options;
  const { Worker, WaitingError, UnrecoverableError } = await import('bullmq');
  const stop = AbortSignal.any([options.signal, link.lost]);
  const gate = new AdmissionGate({ memoryMiB, cpus: slots });
  const context: WorkerContext = { ...options, redis: link.redis, host: hostname() };

  const process = async (job: Job, token?: string, cancelled?: AbortSignal): Promise<QueuedAnswer> => {
    const signal = cancelled ? AbortSignal.any([stop, cancelled]) : stop;
    try {
      const boot = checkJob(job.data, job.id);
      const { name } = boot.request.scenario;
      const weight = { memoryMiB: boot.request.memoryMiB + QEMU_OVERHEAD_MIB, cpus: 1 };
      return await gate.run(weight, async () => {
        signal.throwIfAborted();
        say(`boots ${name}`);
        const onPhase = (phase: Phase) => void job.updateProgress({ phase }).catch(() => undefined);
        return bootJob(boot, context, { signal, onPhase });
      });
    } catch (error) {
      if (stop.aborted && !cancelled?.aborted) {
        // Another worker does it; where Redis is gone, BullMQ sees that this one is.
        await job.moveToWait(token);
        throw new WaitingError();
      }
      say(`${job.id?.slice(0, 12)}: ${(error as Error).message}`);
      // Who asked decides whether it is tried again.
      throw new UnrecoverableError(wordsOf(error));
    }
  };

  const lockDuration = options.lockMs ?? LOCK_MS;
  const steps = MEMORY_STEPS.filter((step) => step <= memoryMiB);
  const workers: Worker[] = pools
    .flatMap((pool) =>
      (steps.length > 0 ? steps : MEMORY_STEPS.slice(0, 1)).map((step) => queueName(pool, step)),
    )
    .map((name) => {
      const worker = new Worker(name, process, {
        connection: link.another(),
        prefix: PREFIX,
        concurrency: slots,
        lockDuration,
        stalledInterval: lockDuration,
        maxStalledCount: MOST_DEATHS,
      });
      // A lock that was lost means that another has the job: what this one says of it changes nothing.
      worker.on('error', () => undefined);
      return worker;
    });
  const listener = link.another();
  listener.on('message', (_channel, id: string) => {
    for (const worker of workers) worker.cancelJob(id);
  });
  await listener.subscribe(CANCEL_CHANNEL);
  const offer: Offer = {
    id: randomBytes(8).toString('hex'),
    host: hostname(),
    version: packageVersion(),
    pools,
    slots,
    memoryMiB,
  };
  const silence = await announce(link.redis, offer);
  try {
    await new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      stop.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    const isThere = link.isThere;
    const left = silence();
    const closed = Promise.all(workers.map((worker) => worker.close(!isThere).catch(() => undefined)));
    // Without Redis there is nobody to say goodbye to.
    if (isThere) await Promise.all([left, closed]);
    listener.disconnect();
  }
  if (link.lost.aborted && !options.signal.aborted) throw link.lost.reason;
}

/** What the controller shows as the reason. */
function wordsOf(error: unknown): string {
  if (error instanceof BootgateError && error.problems.length > 0)
    return `${error.message}: ${error.problems.map(({ message }) => message).join('; ')}`;
  return error instanceof Error ? error.message : String(error);
}
