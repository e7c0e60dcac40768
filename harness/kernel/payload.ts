import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Compression, TOOLS } from '../decompress.js';
import { BootgateError, hostError, userError } from '../errors.js';
import { exec } from '../exec.js';
import { UNPACKED, unpackedLimit } from '../limits.js';
import { formatBytes } from '../units.js';

/** Where a payload lies in its package, and how it is packed. */
export interface Payload {
  offset: number;
  bytes: number;
  compression: Compression;
}

/** The kernel itself stops the tool when its output reaches the limit (in units of 512 bytes). */
const LIMITED = 'ulimit -f "$0"; exec "$@" < payload > plain';
const TIMEOUT = 600_000;

/**
 * A package's payload as a plain archive in the folder `scratch`: what is around it is taken off once, as listing and
 * extracting need two passes, and never comes to more than a package can have.
 * @param name What the user knows the package by.
 * @throws BootgateError blame `user`: E_UNPACKED_SIZE, E_PACKAGE_DAMAGED; blame `host`: E_DISK_FULL, E_TOOL_MISSING.
 */
export async function plainPayload(
  path: string,
  payload: Payload,
  scratch: string,
  name: string,
  signal?: AbortSignal,
): Promise<string> {
  const { offset, bytes, compression } = payload;
  const packed = join(scratch, 'payload');
  const end = offset + Math.max(1, bytes) - 1; // an empty one cannot be said to a stream
  const more = signal ? { signal } : {};
  await pipeline(createReadStream(path, { start: offset, end }), createWriteStream(packed), more);
  if (compression === 'none') return packed;
  const limit = Math.ceil(unpackedLimit(bytes, UNPACKED.package) / 512) * 512;
  const plain = join(scratch, 'plain');
  // gzip ends with 2 when something stands behind the stream.
  const okCodes = compression === 'gzip' ? [0, 2] : [0];
  try {
    const args = ['-c', LIMITED, String(limit / 512), ...TOOLS[compression]];
    await exec('sh', args, { cwd: scratch, timeout: TIMEOUT, okCodes, ...more });
  } catch (error) {
    if (!(error instanceof BootgateError) || error.code !== 'E_TOOL_FAILED') throw error;
    const { size } = await stat(plain);
    throw size >= limit ? tooLarge(name, limit) : judged(error, name, TOOLS[compression][0]);
  }
  return plain;
}

/** @throws as plainPayload, for what the archive's own table promises. */
export function checkTotal(bytes: number, name: string): void {
  if (bytes > UNPACKED.package) throw tooLarge(name, UNPACKED.package);
}

function tooLarge(name: string, limit: number): BootgateError {
  return userError('E_UNPACKED_SIZE', `${name} is refused: it unpacks to more than ${formatBytes(limit)}`, {
    hint: 'kernel packages unpack to ten times their size at most; for a genuine one, unpack it and give the folder',
  });
}

/** What the failure of a tool that reads or writes a package comes down to. */
export function judged(error: BootgateError, name: string, tool: string): BootgateError {
  if (/No space left|Disk quota/.test(error.message))
    return hostError('E_DISK_FULL', `no space left on the disk to unpack ${name}`, {
      hint: 'free some space, or set BOOTGATE_CACHE to a folder on another disk',
      cause: error,
    });
  if (/status 12[67]\b/.test(error.message))
    return hostError('E_TOOL_MISSING', `${tool} is not installed`, {
      hint: 'run `bootgate doctor` for the package that has it',
    });
  return userError('E_PACKAGE_DAMAGED', `${name} cannot be read: ${error.message}`, {
    hint: 'the file may be cut short: get it again',
    cause: error,
  });
}
