import type { Architecture } from '../../arch/index.js';
import type { BootRequest } from '../../boot/request.js';
import { packageVersion } from '../../version.js';
import type { Accelerator } from '../../vm/machine.js';

/**
 * What controllers and workers say to each other through Redis. Every key begins with `bootgate`, so that one ACL rule covers it. A
 * worker of another version is not asked: the version is part of the queue's name.
 */
export const PREFIX = 'bootgate';
/** Goes up when what follows changes. */
export const JOB_SCHEMA = 'bootgate/job@1';
export const ANSWER_SCHEMA = 'bootgate/answer@1';
export const BUNDLE_SCHEMA = 'bootgate/bundle@1';

/** A file of a request: its name there, and the digest of its bytes, by which a store has it. */
export interface Blob {
  content: string;
  digest: string;
  bytes: number;
}

/** One boot to be done. Its id is the digest of the request, so that asking twice changes nothing. */
export interface QueuedBoot {
  schema: typeof JOB_SCHEMA;
  version: string;
  accelerator: Accelerator;
  request: BootRequest;
  blobs: Blob[];
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number | undefined;
}

/** What a worker has left of a boot: its logs are a bundle in the store, or in Redis where the store cannot be written. */
export interface QueuedAnswer {
  schema: typeof ANSWER_SCHEMA;
  bundle: { digest: string; bytes: number; in: 'store' | 'redis' };
  /** The host, for people. */
  worker: string;
  /** What a person should know of how it was booted. */
  notes: string[];
}

/** What all boots of one queue have in common: who takes one can take them all. */
export interface Pool {
  arch: Architecture;
  accelerator: Accelerator;
  /** The version of QEMU: `7.2.15`. */
  qemu: string;
}

/** Guests' memory in steps: a worker listens to those that it has room for. */
export const MEMORY_STEPS = [1, 2, 4, 8, 16, 32, 64].map((gib) => gib * 1024);

export function memoryStep(memoryMiB: number): number {
  return MEMORY_STEPS.find((step) => memoryMiB <= step) ?? memoryMiB;
}

/** BullMQ forbids colons in it. */
export function queueName({ arch, accelerator, qemu }: Pool, step: number): string {
  return ['boot1', packageVersion(), arch, accelerator, `qemu-${qemu}`, `${step}MiB`].join('-');
}

export const workerKey = (id: string): string => `${PREFIX}:worker:${id}`;
export const bundleKey = (digest: string): string => `${PREFIX}:bundle:${digest}`;
/** A controller says here which boots it no longer wants. */
export const CANCEL_CHANNEL = `${PREFIX}:cancel`;
