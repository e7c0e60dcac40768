/**
 * Files by their digest, for hosts that share no disk: `sha256/ab/cdef...` below a shared folder, or below the base URL of an object
 * store or a static server. What comes out of it is believed only after it was hashed.
 */
export interface BlobStore {
  /** As messages call it; without a password. */
  readonly name: string;
  has(digest: string): Promise<boolean>;
  /** The same again changes nothing. @throws BootgateError blame `host`: E_STORE, E_STORE_READ_ONLY. */
  put(digest: string, source: BlobSource): Promise<void>;
  /** The bytes, as they come. @throws BootgateError blame `host`, E_STORE. */
  read(digest: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

export type BlobSource = { path: string } | { bytes: Buffer };
