import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hostError } from '../../errors.js';
import { makeFolder } from '../../folders.js';
import { blobPath } from './blob-path.js';
import type { BlobStore } from './blob-store.js';

/** A folder that all hosts see. A blob appears in one rename; who cannot write is told so. */
export function folderStore(root: string): BlobStore {
  const fileOf = (digest: string) => join(root, blobPath(digest));
  return {
    name: root,
    has: async (digest) =>
      stat(fileOf(digest)).then(
        (found) => found.isFile(),
        () => false,
      ),
    put: async (digest, source) => {
      const path = fileOf(digest);
      const temporary = `${path}.tmp-${randomBytes(6).toString('hex')}`;
      try {
        await makeFolder(dirname(path));
        if ('path' in source) await copyFile(source.path, temporary);
        else await writeFile(temporary, source.bytes);
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true }).catch(() => undefined);
        const { code, message } = cause as NodeJS.ErrnoException;
        const isReadOnly = code === 'EROFS' || code === 'EACCES' || code === 'EPERM';
        throw hostError(
          isReadOnly ? 'E_STORE_READ_ONLY' : 'E_STORE',
          `cannot write to the store: ${message}`,
          {
            hint: 'give a --store that this host can write to',
            cause,
          },
        );
      }
    },
    read: async function* (digest, signal) {
      try {
        yield* createReadStream(fileOf(digest), { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) });
      } catch (cause) {
        signal?.throwIfAborted();
        throw hostError('E_STORE', `cannot read ${digest} from the store: ${(cause as Error).message}`, {
          hint: `is ${root} mounted on this host?`,
          cause,
        });
      }
    },
  };
}
