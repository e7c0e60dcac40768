import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from './folders.js';
import { cacheDir } from './paths.js';

/**
 * The content-addressed cache: `ROOT/KIND/ab/cdef...`, one file or folder per key. An entry appears whole or not
 * at all (built under a temporary name beside it, then renamed), so two runs at once are safe without a lock and
 * deleting the cache costs time and nothing else. Entries are never changed after they appear.
 */
export class Cache {
  readonly root: string;

  constructor(root: string = cacheDir()) {
    this.root = root;
  }

  /** Where the entry of `kind` for `key` lies or would lie. */
  path(kind: string, key: string, suffix = ''): string {
    const hex = createHash('sha256').update(key).digest('hex');
    return join(this.root, kind, hex.slice(0, 2), hex.slice(2) + suffix);
  }

  /**
   * The entry's path; on a miss `make(temporary)` builds a file or folder at the temporary path first.
   * Whoever renames first wins; the other's work is thrown away.
   */
  async entry(
    kind: string,
    key: string,
    make: (temporary: string) => Promise<void>,
    suffix = '',
  ): Promise<string> {
    const path = this.path(kind, key, suffix);
    if (await exists(path)) return path;
    const temporary = `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
    await makeFolder(dirname(path));
    try {
      await make(temporary);
      await rename(temporary, path).catch(async (error: unknown) => {
        if (!(await exists(path))) throw error;
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return path;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** `sha256:...` over the parts, each closed by a NUL so that no two rows of parts read alike. */
export function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return `sha256:${hash.digest('hex')}`;
}

/** `sha256:...` of a file's bytes, read as a stream. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Uint8Array);
  return `sha256:${hash.digest('hex')}`;
}
