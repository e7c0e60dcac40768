import { join } from 'node:path';
import { userError } from '../../errors.js';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Where every store has a blob: `sha256/ab/cdef...`. Nothing else can be named. @throws user error E_DIGEST. */
export function blobPath(digest: string): string {
  if (!DIGEST.test(digest)) throw userError('E_DIGEST', `${JSON.stringify(digest)} is not a digest`);
  const hex = digest.slice('sha256:'.length);
  return join('sha256', hex.slice(0, 2), hex.slice(2));
}
