import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const MIB = 1024 * 1024;
/** The pattern: so many blocks of this size, evenly spread; see harness/guest/README.md. */
const BLOCKS = 64;
const BLOCK_BYTES = 4096;

/** An empty raw disk that takes no space until the guest writes. Fails where something is already there. */
export async function createDisk(path: string, sizeMiB: number): Promise<void> {
  const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644);
  try {
    await file.truncate(sizeMiB * MIB);
  } finally {
    await file.close();
  }
}

/** Block `number` of the pattern: one line, then NULs. */
export function patternBlock(seed: string, number: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(`bootgate ${seed} ${number}\n`, 'latin1');
  return block;
}

/** Where block `number` lies on a disk of so many MiB. */
export function patternOffset(sizeMiB: number, number: number): number {
  return number * ((sizeMiB * MIB) / BLOCKS);
}

/** Looks for the boot's pattern in the disk's file from outside, once the guest is gone. */
export async function verifyPattern(
  path: string,
  sizeMiB: number,
  seed: string,
): Promise<{ ok: boolean; message: string }> {
  const wrong: number[] = [];
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    return { ok: false, message: `the disk file cannot be read: ${(error as Error).message}` };
  }
  try {
    const { size } = await file.stat();
    if (size !== sizeMiB * MIB)
      return { ok: false, message: `the disk file has ${size} bytes instead of ${sizeMiB * MIB}` };
    const found = Buffer.alloc(BLOCK_BYTES);
    for (let number = 0; number < BLOCKS; number++) {
      await file.read(found, 0, BLOCK_BYTES, patternOffset(sizeMiB, number));
      if (!found.equals(patternBlock(seed, number))) wrong.push(number);
    }
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
