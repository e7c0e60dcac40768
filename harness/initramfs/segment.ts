import { mkdir, readFile, writeFile } from 'node:fs/promises';
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
    const folder = await cache.entry(
      'segments',
      `${FORMAT} ${archiveTime()} ${kind} ${key}`,
      async (made) => {
        await mkdir(made);
        const written = await writeCpio(await makeEntries(), join(made, `${kind}.cpio`));
        await writeFile(join(made, 'segment.json'), JSON.stringify(written));
      },
    );
    const written = JSON.parse(await readFile(join(folder, 'segment.json'), 'utf8'));
    return { kind, path: join(folder, `${kind}.cpio`), bytes: written.bytes, digest: written.digest };
  });
}
