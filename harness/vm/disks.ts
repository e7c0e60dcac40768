import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const MIB = 1024 * 1024;
/** The pattern: so many blocks of this size in runs across the disk, as harness/guest/helpers.sh writes them. */
const BLOCKS = 64;
const BLOCK_BYTES = 4096;
const RUN_BLOCKS = 8;

/** An empty raw disk that takes no space until the guest writes. Fails where something is already there. */
export async function createDisk(path: string, sizeMiB: number): Promise<void> {
  const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644);
  try {
    await file.truncate(sizeMiB * MIB);
  } finally {
    await file.close();
  }
}

/** Block `number` of the pattern: one line, filled up with spaces. */
export function patternBlock(seed: string, number: number): Buffer {
  return Buffer.from(`${`bootgate ${seed} ${number}`.padEnd(BLOCK_BYTES - 1)}\n`, 'latin1');
}

/** Where block `number` lies on a disk of so many MiB. */
export function patternOffset(sizeMiB: number, number: number): number {
  const runs = BLOCKS / RUN_BLOCKS;
  const room = sizeMiB * MIB - RUN_BLOCKS * BLOCK_BYTES;
  const stride = Math.floor(room / (runs - 1) / BLOCK_BYTES) * BLOCK_BYTES;
  return Math.floor(number / RUN_BLOCKS) * stride + (number % RUN_BLOCKS) * BLOCK_BYTES;
}

/**
 * Looks for the boot's pattern in the disk's file from outside, once the guest is gone. `trouble`: the file itself is gone,
 * unreadable or cut, which no guest can do to it.
 */
export async function verifyPattern(
  path: string,
  sizeMiB: number,
  seed: string,
): Promise<{ ok: boolean; message: string; trouble?: true }> {
  const wrong: number[] = [];
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    return unreadable(error);
  }
  try {
    const { size } = await file.stat();
    if (size !== sizeMiB * MIB)
      return {
        ok: false,
        message: `the disk file has ${size} bytes instead of ${sizeMiB * MIB}`,
        trouble: true,
      };
    const found = Buffer.alloc(BLOCK_BYTES);
    for (let number = 0; number < BLOCKS; number++) {
      await file.read(found, 0, BLOCK_BYTES, patternOffset(sizeMiB, number));
      if (!found.equals(patternBlock(seed, number))) wrong.push(number);
    }
  } catch (error) {
    return unreadable(error);
  } finally {
    await file.close();
  }
  if (wrong.length === 0) return { ok: true, message: `all ${BLOCKS} blocks are on the disk` };
  const some = wrong.slice(0, 5).join(', ') + (wrong.length > 5 ? ', ...' : '');
  return {
    ok: false,
    message: `${wrong.length} of ${BLOCKS} blocks are not on the disk as they were written (${some})`,
  };
}

function unreadable(error: unknown): { ok: false; message: string; trouble: true } {
  return { ok: false, message: `the disk file cannot be read: ${(error as Error).message}`, trouble: true };
}
