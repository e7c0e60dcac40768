import { open, readFile } from 'node:fs/promises';
import { hostError } from '../errors.js';
import { lengthWithoutTrailer } from '../initramfs/newc.js';
import type { BootRequest } from './request.js';

/** What the guest reads at once: harness/guest/trial.sh. */
const BLOCK_BYTES = 64 * 1024;

export interface TrialOptions {
  /** The request's segments, with their paths. */
  segments: readonly { kind: BootRequest['initramfs']['segments'][number]['kind']; path: string }[];
  /** Where it is written: not there yet. */
  path: string;
  bytes: number;
  /** Random, and this clone's alone. */
  seed: string;
  /** Milliseconds since 1970. */
  now: number;
}

/**
 * What a clone is told when it wakes: a line, then as one archive its scenario (which has the boot's secret, so it comes first)
 * and its module set. The same segments that a cold guest has behind its userland.
 * @throws BootgateError blame `host`, E_FORK, when it does not fit.
 */
export async function writeTrial({ segments, path, bytes, seed, now }: TrialOptions): Promise<void> {
  const read = async (kind: string) => {
    const segment = segments.find((one) => one.kind === kind);
    return segment ? readFile(segment.path) : Buffer.alloc(0);
  };
  const scenario = await read('scenario');
  const archive = Buffer.concat([
    scenario.subarray(0, lengthWithoutTrailer(scenario)),
    await read('modules'),
  ]);
  if (BLOCK_BYTES + archive.length > bytes)
    throw hostError('E_FORK', `the indexes of its modules need more than ${bytes / 2 ** 20} MiB`);
  const blocks = Math.ceil(archive.length / BLOCK_BYTES);
  const secret = 1 + Math.ceil(scenario.length / BLOCK_BYTES);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(`go ${blocks} ${secret} ${Math.floor(now / 1000)} ${seed}\n`);
    for (let at = 0; at < archive.length; )
      at += (await file.write(archive, at, archive.length - at, BLOCK_BYTES + at)).bytesWritten;
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}
