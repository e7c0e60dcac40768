import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../../errors.js';
import { makeFolder } from '../../folders.js';
import type { BlobStore } from './blob-store.js';
import { Controller } from './controller.js';
import { Link } from './link.js';
import { openStore } from './store.js';

/** `--store`, else BOOTGATE_STORE. @throws user error E_USAGE where there is neither. */
export function storeOf(given: string | undefined): BlobStore {
  const where = given ?? process.env.BOOTGATE_STORE;
  if (where) return openStore(where);
  throw userError('E_USAGE', 'a queue needs a store for kernels, initramfs and logs', {
    hint: 'give --store FOLDER (one that all hosts share) or --store https://...',
  });
}

/** @throws BootgateError: `user` E_USAGE; `host` E_QUEUE. */
export async function openController({
  queue,
  store,
  results,
}: {
  queue: string;
  store?: string | undefined;
  results: string;
}): Promise<Controller> {
  const place = storeOf(store);
  const secret = await secretOf(results);
  return new Controller({ link: await Link.open(queue), store: place, secret });
}

const FILE = '.queue-secret';

/**
 * What a boot's nonce and seed are made from, with its folder: new for each results folder, readable by its owner only. So a run that is
 * resumed asks for the very same boots, and takes the answers that came after its end.
 */
async function secretOf(results: string): Promise<string> {
  const path = join(results, FILE);
  await makeFolder(results);
  try {
    await writeFile(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const secret = await readFile(path, 'utf8');
  // Another process may have made it a moment ago.
  return /^[0-9a-f]{64}$/.test(secret) ? secret : secretOf(results);
}
