import { LocalFiles } from '../../boot/local-files.js';
import { type Cache, digestOfFile } from '../../cache.js';
import { hostError } from '../../errors.js';
import type { BlobStore } from './blob-store.js';
import type { Blob } from './protocol.js';
import { fetchBlob } from './store.js';

/**
 * A worker's files: fetched once, kept in its cache under their digest. Each is hashed when this process first uses it; after that the cache
 * sees by its stamps that it was not touched, and `recheck` reads every byte again before a failure is believed.
 */
export class FetchedBlobs {
  readonly #store: BlobStore;
  readonly #cache: Cache;
  readonly #hashed = new Set<string>();
  readonly #fetching = new Map<string, Promise<string>>();

  constructor(store: BlobStore, cache: Cache) {
    this.#store = store;
    this.#cache = cache;
  }

  /** All of a request's files. @throws BootgateError blame `host`: E_STORE, E_BLOB. */
  async get(blobs: readonly Blob[], signal?: AbortSignal): Promise<LocalFiles> {
    const files = new LocalFiles();
    await Promise.all(
      blobs.map(async (blob) => {
        // Who waits for a file that another boot is fetching is not stopped with that one.
        const path = await this.#once(blob);
        signal?.throwIfAborted();
        files.add(blob.content, path);
      }),
    );
    return files;
  }

  /** Reads every byte again; a sentence for each file that was damaged, which is fetched anew. */
  recheck(files: LocalFiles): Promise<string[]> {
    return this.#cache.recheck(files.all());
  }

  #once(blob: Blob): Promise<string> {
    const fetching = this.#fetching.get(blob.digest) ?? this.#fetch(blob);
    this.#fetching.set(blob.digest, fetching);
    const done = () => {
      this.#fetching.delete(blob.digest);
    };
    fetching.then(done, done);
    return fetching;
  }

  async #fetch(blob: Blob): Promise<string> {
    const path = await this.#cache.entry('blob', blob.digest, (temporary) =>
      fetchBlob(this.#store, blob, temporary),
    );
    if (this.#hashed.has(blob.digest)) return path;
    if ((await digestOfFile(path)) !== blob.digest) await this.#cache.recheck([path]);
    if ((await digestOfFile(path)) !== blob.digest)
      throw hostError('E_BLOB', `the cached file of ${blob.digest} has other bytes`, {
        hint: 'bootgate cache clear, on this worker',
      });
    this.#hashed.add(blob.digest);
    return path;
  }
}
