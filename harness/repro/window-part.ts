import { open } from 'node:fs/promises';
import type { Cache } from '../cache.js';
import { buildWindow } from '../initramfs/window.js';
import { writeAll } from '../initramfs/write-all.js';
import type { ModuleSet } from '../modules/module.js';
import type { Capsule } from './capsule.js';

const BLOCK = 4096;
const PIECE = 8 << 20;

/**
 * The part of a module window that a guest can read: the modules of its set, one after another in `path`, and where they go. The
 * window begins each module on a block, so runs of neighbours are copied whole.
 */
export async function writeWindowPart(
  set: ModuleSet,
  cache: Cache,
  path: string,
): Promise<NonNullable<Capsule['window']>> {
  const { window, offsets } = await buildWindow(set.index, cache);
  const blocks = set.names
    .map((name) => offsets.get(set.index.modules.get(name)?.path ?? ''))
    .filter((place) => place !== undefined)
    .map(({ offset, bytes }) => ({ seek: offset / BLOCK, count: Math.ceil(bytes / BLOCK) }))
    .sort((a, b) => a.seek - b.seek);
  const runs: { skip: number; seek: number; count: number }[] = [];
  let skip = 0;
  for (const { seek, count } of blocks) {
    const last = runs.at(-1);
    if (last && last.seek + last.count === seek) last.count += count;
    else runs.push({ skip, seek, count });
    skip += count;
  }
  const [from, to] = [await open(window.file, 'r'), await open(path, 'w')];
  try {
    const buffer = Buffer.alloc(PIECE);
    for (const { seek, count } of runs)
      for (let done = 0; done < count * BLOCK; ) {
        const { bytesRead } = await from.read(
          buffer,
          0,
          Math.min(PIECE, count * BLOCK - done),
          seek * BLOCK + done,
        );
        if (bytesRead === 0) break;
        await writeAll(to, buffer.subarray(0, bytesRead));
        done += bytesRead;
      }
    await to.truncate(skip * BLOCK);
  } finally {
    await from.close();
    await to.close();
  }
  return { bytes: window.bytes, runs };
}
