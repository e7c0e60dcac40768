import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { canBootDirectly } from '../../arch/index.js';
import { type Recorded, type RecordGuest, recordGuest } from '../../boot/boot.js';
import type { LocalFiles } from '../../boot/local-files.js';
import type { BootRequest } from '../../boot/request.js';
import type { Cache } from '../../cache.js';
import { BootgateError } from '../../errors.js';
import type { Kernel, Vmlinux } from '../../kernel/kernel.js';
import { makeScratch, sweepScratch } from '../../scratch.js';
import { chooseAccelerator } from '../../vm/accelerator.js';
import type { Phase } from '../../vm/machine.js';
import { readReport } from '../../vm/records.js';
import type { BlobStore } from './blob-store.js';
import { packBundle } from './bundle.js';
import type { FetchedBlobs } from './fetched.js';
import { ANSWER_SCHEMA, bundleKey, type QueuedAnswer, type QueuedBoot } from './protocol.js';
import { digestOfBytes } from './store.js';

export interface WorkerContext {
  redis: Redis;
  store: BlobStore;
  blobs: FetchedBlobs;
  cache: Cache;
  /** The host's name, for people. */
  host: string;
  /** What boots a request; a QEMU on this host unless given. */
  record?: RecordGuest | undefined;
}

/** Where the store cannot be written, logs wait so long in Redis for their controller. */
const BUNDLE_SECONDS = 24 * 3600;
const SCRATCH = join(tmpdir(), 'bootgate-worker');

/**
 * One job that was checked: fetches its files, boots it, and leaves its logs where the controller finds them. Nothing is judged here.
 * @throws the signal's reason; BootgateError, mostly blame `host`.
 */
export async function bootJob(
  { request, blobs, accelerator, timeScale }: QueuedBoot,
  context: WorkerContext,
  { signal, onPhase }: { signal: AbortSignal; onPhase(phase: Phase): void },
): Promise<QueuedAnswer> {
  await sweepScratch(SCRATCH);
  const room = await makeScratch(SCRATCH);
  const notes: string[] = [];
  try {
    const files = await context.blobs.get(blobs, signal);
    if (accelerator === 'kvm' && !context.record) await requireKvm(request, files, context.cache, signal);
    const [folder, scratch] = [join(room, 'guest'), join(room, 'scratch')];
    await mkdir(folder);
    await mkdir(scratch, { mode: 0o700 });
    const recorded = await (context.record ?? recordGuest)(request, files, {
      accelerator,
      folder,
      scratch,
      signal,
      timeScale,
      onPhase,
      onNote: (sentence) => notes.push(sentence),
    });
    signal.throwIfAborted();
    const damaged = looksFine(request, recorded) ? [] : await context.blobs.recheck(files);
    const outside =
      damaged.length > 0 ? { ...recorded.outside, damaged: damaged.join('; ') } : recorded.outside;
    const bundle = await packBundle(folder, outside);
    return { schema: ANSWER_SCHEMA, bundle: await leave(bundle, context), worker: context.host, notes };
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

/** Nothing in it could be held against the kernel: all steps ended well. Else the files are read again before anything is. */
function looksFine({ scenario, nonce }: BootRequest, { recording, outside }: Recorded): boolean {
  const { steps, ended } = readReport(nonce, recording.control, recording.console);
  return (
    ended && steps.length === scenario.steps.length && [...steps, ...outside.checks].every(({ ok }) => ok)
  );
}

async function leave(bundle: Buffer, { store, redis }: WorkerContext): Promise<QueuedAnswer['bundle']> {
  const named = { digest: digestOfBytes(bundle), bytes: bundle.length };
  try {
    await store.put(named.digest, { bytes: bundle });
    return { ...named, in: 'store' };
  } catch (error) {
    if (!(error instanceof BootgateError) || error.code !== 'E_STORE_READ_ONLY') throw error;
    await redis.set(bundleKey(named.digest), bundle, 'EX', BUNDLE_SECONDS);
    return { ...named, in: 'redis' };
  }
}

/** KVM only where this very kernel is seen to boot under it, as at home. @throws host error E_KVM. */
async function requireKvm(
  { kernel }: BootRequest,
  files: LocalFiles,
  cache: Cache,
  signal: AbortSignal,
): Promise<void> {
  const path = files.path(kernel.content);
  // Of a kernel, the probe looks at these alone.
  const direct = kernel.boot === 'direct';
  const vmlinux = { path, pvhEntry: direct ? 1 : null } as Vmlinux;
  if (canBootDirectly(kernel.arch, vmlinux).ok !== direct) return;
  const probed = { arch: kernel.arch, digest: kernel.digest, vmlinuz: path } as Kernel;
  await chooseAccelerator('kvm', { kernel: probed, vmlinux, cache, signal });
}
