import type { Redis } from 'ioredis';
import { hostError } from '../../errors.js';
import { cleanLine } from '../../printable.js';
import { packageVersion } from '../../version.js';
import type { AcceleratorChoice } from '../../vm/machine.js';
import { type Pool, PREFIX, workerKey } from './protocol.js';

/** What a worker says of itself as long as it lives: see `announce`. */
export interface Offer {
  id: string;
  host: string;
  /** Of bootgate: a worker of another version is not asked. */
  version: string;
  pools: Pool[];
  /** Guests at once, and the memory that they may have together. */
  slots: number;
  memoryMiB: number;
}

/** A worker that was not heard of for so long is gone. */
const ALIVE_MS = 15_000;
const BEAT_MS = 5000;

/** Says again and again that this worker is there; returns how to stop, which takes the offer back. */
export async function announce(redis: Redis, offer: Offer): Promise<() => Promise<void>> {
  const beat = () => redis.set(workerKey(offer.id), JSON.stringify(offer), 'PX', ALIVE_MS);
  await beat();
  const timer = setInterval(() => void beat().catch(() => undefined), BEAT_MS);
  return async () => {
    clearInterval(timer);
    await redis.del(workerKey(offer.id)).catch(() => undefined);
  };
}

/** Every worker that is alive, of any version. */
export async function liveWorkers(redis: Redis): Promise<Offer[]> {
  const keys: string[] = [];
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', `${PREFIX}:worker:*`, 'COUNT', 500);
    keys.push(...found);
    cursor = next;
  } while (cursor !== '0');
  const texts = keys.length > 0 ? await redis.mget(keys) : [];
  return texts.flatMap((text) => parseOffer(text) ?? []);
}

/** Undefined for what no worker has written. */
function parseOffer(text: string | null): Offer | undefined {
  try {
    const offer = JSON.parse(text ?? 'null') as Offer | null;
    return offer && Array.isArray(offer.pools) && typeof offer.host === 'string' ? offer : undefined;
  } catch {
    return undefined;
  }
}

const isSame = (a: Pool, b: Pool) =>
  a.arch === b.arch && a.accelerator === b.accelerator && a.qemu === b.qemu;

/** Whether a worker can boot a guest of that pool and size. */
export function canBoot(offer: Offer, pool: Pool, memoryMiB: number): boolean {
  return (
    offer.version === packageVersion() &&
    offer.memoryMiB >= memoryMiB &&
    offer.pools.some((one) => isSame(one, pool))
  );
}

/**
 * Where the guests of a run are booted: one accelerator and one version of QEMU, those that most guests at once have. `auto` takes
 * KVM where a worker offers it.
 * @throws BootgateError blame `host`, E_NO_WORKER.
 */
export function choosePool(
  offers: readonly Offer[],
  arch: Pool['arch'],
  requested: AcceleratorChoice['requested'],
): { pool: Pool; accelerator: AcceleratorChoice } {
  const mine = offers.filter(({ version }) => version === packageVersion());
  const offered = mine.flatMap(({ pools, slots }) => pools.map((pool) => ({ pool, slots })));
  const fitting = offered.filter(
    ({ pool }) => pool.arch === arch && (requested === 'auto' || pool.accelerator === requested),
  );
  const wanted = fitting.some(({ pool }) => pool.accelerator === 'kvm')
    ? fitting.filter(({ pool }) => pool.accelerator === 'kvm')
    : fitting;
  const slotsOf = (pool: Pool) =>
    wanted.reduce((sum, one) => sum + (isSame(one.pool, pool) ? one.slots : 0), 0);
  const best = wanted
    .map(({ pool }) => pool)
    .sort((a, b) => slotsOf(b) - slotsOf(a) || (a.qemu < b.qemu ? 1 : -1))[0];
  if (!best) throw noWorker(offers, `${arch}${requested === 'auto' ? '' : ` with ${requested}`}`);
  const workers = mine.filter(({ pools }) => pools.some((pool) => isSame(pool, best))).length;
  const slots = slotsOf(best);
  return {
    pool: best,
    accelerator: {
      requested,
      used: best.accelerator,
      reason: `${workers} ${workers === 1 ? 'worker' : 'workers'} with room for ${slots} ${slots === 1 ? 'guest' : 'guests'}, QEMU ${best.qemu}`,
      qemu: best.qemu,
    },
  };
}

/** Says what is wanted, and what there is instead. */
export function noWorker(offers: readonly Offer[], wanted: string): Error {
  const there = offers.map(({ host, version, pools, memoryMiB }) => {
    const what = pools.map(({ arch, accelerator, qemu }) => `${arch} ${accelerator} QEMU ${qemu}`).join(', ');
    return { message: cleanLine(`${host}: bootgate ${version}, ${what}, ${memoryMiB} MiB`) };
  });
  return hostError('E_NO_WORKER', `no worker can boot ${wanted} (bootgate ${packageVersion()})`, {
    ...(there.length > 0 ? { problems: there } : {}),
    hint:
      there.length > 0
        ? 'start one that can: bootgate worker --queue URL --store PLACE'
        : 'no worker is running: start one with bootgate worker --queue URL --store PLACE',
  });
}
