import { stat } from 'node:fs/promises';
import type { LocalFiles } from '../../boot/local-files.js';
import type { BootRequest } from '../../boot/request.js';
import { digestOfFile } from '../../cache.js';
import type { BlobStore } from './blob-store.js';
import type { Blob } from './protocol.js';

/**
 * A controller's files, put into the store once each. A request names kernels and windows by a digest of what they are made from; the
 * store and the workers want the digest of the bytes, which is taken here.
 */
export class PublishedBlobs {
  readonly #store: BlobStore;
  readonly #done = new Map<string, Promise<Blob>>();

  constructor(store: BlobStore) {
    this.#store = store;
  }

  /** The files that a worker needs for a request. The scenario's own part follows from the request. */
  async of({ kernel, initramfs, window }: BootRequest, files: LocalFiles): Promise<Blob[]> {
    const contents = [
      kernel.content,
      ...initramfs.segments.filter(({ kind }) => kind !== 'scenario').map(({ digest }) => digest),
      ...(window ? [window.content] : []),
    ];
    return Promise.all(contents.map((content) => this.#publish(content, files.path(content))));
  }

  #publish(content: string, path: string): Promise<Blob> {
    const key = `${content}\0${path}`;
    const known = this.#done.get(key) ?? this.#put(content, path);
    this.#done.set(key, known);
    known.catch(() => this.#done.delete(key));
    return known;
  }

  async #put(content: string, path: string): Promise<Blob> {
    const digest = await digestOfFile(path);
    const { size } = await stat(path);
    if (!(await this.#store.has(digest))) await this.#store.put(digest, { path });
    return { content, digest, bytes: size };
  }
}
