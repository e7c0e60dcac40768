import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { archiveTime, writeCpio } from './cpio.js';
import type { Entry, Segment } from './initramfs.js';
import { onceAtATime } from './once.js';

/** Raise it when the same key should come to other bytes: the writer, or what a segment holds, has changed. */
const FORMAT = '1';

/**
 * The segment of `kind` for `key`, from the cache or made now. Asked for by several at once, it is made once.
 * @param makeEntries called on a miss only
 */
export function cachedSegment(
  cache: Cache,
  kind: Segment['kind'],
  key: string,
  makeEntries: () => Entry[] | Promise<Entry[]>,
): Promise<Segment> {
  return onceAtATime([cache.root, kind, key].join('\0'), async () => {
    const make = () =>
      cache.entry('segments', `${FORMAT} ${archiveTime()} ${kind} ${key}`, async (folder) => {
        await mkdir(folder);
        const written = await writeCpio(await makeEntries(), join(folder, `${kind}.cpio`));
        await writeFile(join(folder, 'segment.json'), JSON.stringify(written));
      });
    const folder = await make();
    const segment = await readSegment(folder, kind);
    if (segment) return segment;
    // Someone emptied or cut the file after it appeared. Making it again costs little; booting it costs an afternoon.
    await rm(folder, { recursive: true, force: true });
    const again = await readSegment(await make(), kind);
    if (!again) throw new Error(`${folder} cannot be made whole`);
    return again;
  });
}

async function readSegment(folder: string, kind: Segment['kind']): Promise<Segment | null> {
  const path = join(folder, `${kind}.cpio`);
  try {
    const { bytes, digest } = JSON.parse(await readFile(join(folder, 'segment.json'), 'utf8'));
    return (await stat(path)).size === bytes ? { kind, path, bytes, digest } : null;
  } catch {
    return null;
  }
}
