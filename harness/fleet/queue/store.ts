import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { digestOfFile } from '../../cache.js';
import { hostError, userError } from '../../errors.js';
import type { BlobStore } from './blob-store.js';
import { folderStore } from './folder-store.js';
import { httpStore } from './http-store.js';

/** A folder, or an http(s) URL. @throws user error E_USAGE for anything else. */
export function openStore(where: string): BlobStore {
  if (/^https?:\/\//.test(where)) return httpStore(where);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(where))
    throw userError('E_USAGE', `--store ${where.split(':')[0]}://...: not a kind of store`, {
      hint: 'give a folder that all hosts share, or an http(s) URL',
    });
  return folderStore(resolve(where));
}

/**
 * Writes a blob to a file, hashing it on the way.
 * @throws BootgateError blame `host`: E_BLOB for other bytes than the digest says, E_STORE.
 */
export async function fetchBlob(
  store: BlobStore,
  { digest, bytes }: { digest: string; bytes: number },
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  let got = 0;
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of store.read(digest, signal)) {
      got += chunk.length;
      if (got > bytes) break;
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (got !== bytes || found !== digest)
    throw hostError('E_BLOB', `${store.name} has other bytes than ${digest} (${got} of ${bytes} bytes)`, {
      hint: 'remove that file from the store: it is published again',
    });
}

/** A small blob in memory. @throws as fetchBlob. */
export async function readBlob(
  store: BlobStore,
  { digest, bytes }: { digest: string; bytes: number },
  signal?: AbortSignal,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let got = 0;
  for await (const chunk of store.read(digest, signal)) {
    got += chunk.length;
    if (got > bytes) break;
    parts.push(chunk);
  }
  const whole = Buffer.concat(parts);
  if (got !== bytes || digestOfBytes(whole) !== digest)
    throw hostError('E_BLOB', `${store.name} has other bytes than ${digest}`);
  return whole;
}

export function digestOfBytes(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Whether a file has these very bytes. */
export async function isBlob(
  path: string,
  { digest, bytes }: { digest: string; bytes: number },
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes && (await digestOfFile(path)) === digest;
}
