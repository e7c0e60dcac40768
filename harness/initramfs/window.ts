import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { hostError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import type { Window } from '../vm/machine.js';
import { padding } from './newc.js';
import { onceAtATime } from './once.js';
import { writeAll } from './write-all.js';

/** Where each module's bytes lie in the window, by its path below /lib/modules/RELEASE. */
export type WindowOffsets = ReadonlyMap<string, { offset: number; bytes: number }>;

export interface BuiltWindow {
  window: Window;
  offsets: WindowOffsets;
}

/** Modules start on a page, so that the guest's reads of /dev/mem touch no page for nothing. */
const PAGE_BYTES = 4096;
/** The whole is a multiple of a large page, as the memory of a NUMA node must be. */
const WINDOW_ALIGN = 2 << 20;
const BUFFER_BYTES = 8 << 20;

/**
 * The module window of a tree: every module file as shipped, one after another in one file that QEMU maps into the
 * guest's physical memory. It is built once per tree and shared by all sets and all guests: which modules a guest may
 * load is said by the catalogue in its archive (see modules-segment.ts).
 * @throws BootgateError blame `host`, E_TREE_CHANGED when a module is not as long as the index says.
 */
export function buildWindow(index: ModuleIndex, cache: Cache): Promise<BuiltWindow> {
  return onceAtATime(`window\0${cache.root}\0${index.digest}`, async () => {
    const { places, total } = layOut(index);
    const folder = await cache.entry('windows', `1 ${index.digest}`, async (made) => {
      await cache.settle([index.dir]);
      await mkdir(made);
      await writeWindow(join(made, 'modules.img'), index, places, total);
    });
    return { window: { file: join(folder, 'modules.img'), bytes: total }, offsets: places };
  });
}

/** Follows from the index alone, so it is never stored. */
function layOut(index: ModuleIndex) {
  const modules = [...index.modules.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const places = new Map<string, { offset: number; bytes: number }>();
  let offset = 0;
  for (const { path, bytes } of modules) {
    places.set(path, { offset, bytes });
    offset += bytes + padding(bytes, PAGE_BYTES);
  }
  return { places, total: Math.max(WINDOW_ALIGN, offset + padding(offset, WINDOW_ALIGN)) };
}

async function writeWindow(
  path: string,
  index: ModuleIndex,
  places: WindowOffsets,
  total: number,
): Promise<void> {
  const out = await open(path, 'wx');
  try {
    // Whatever the umask: where the caller is root, QEMU is another user. The folders above guard it still.
    await out.chmod(0o644);
    const writer = new WindowWriter(out);
    for (const [file, { offset, bytes }] of places) await writer.copy(join(index.dir, file), offset, bytes);
    await writer.flush();
    await out.truncate(total); // what follows the last module is a hole
  } finally {
    await out.close();
  }
}

/** Fills a large buffer with small synchronous reads, five times as fast as awaiting each of thousands of files. */
class WindowWriter {
  readonly #out: FileHandle;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #start = 0;
  #used = 0;

  constructor(out: FileHandle) {
    this.#out = out;
  }

  async copy(source: string, offset: number, bytes: number): Promise<void> {
    await this.#padTo(offset);
    const fd = openSync(source, 'r');
    try {
      let copied = 0;
      for (;;) {
        if (this.#used === BUFFER_BYTES) await this.flush();
        const room = Math.min(BUFFER_BYTES - this.#used, bytes - copied + 1); // one more, to see that it ends
        const got = readSync(fd, this.#buffer, this.#used, room, copied);
        if (got === 0) break;
        copied += got;
        if (copied > bytes) break;
        this.#used += got;
      }
      if (copied === bytes) return;
    } finally {
      closeSync(fd);
    }
    throw hostError(
      'E_TREE_CHANGED',
      `${source} is not ${bytes} bytes long, as it was when the tree was read`,
      {
        hint: 'another process is changing the module tree: wait for it and try again',
      },
    );
  }

  async flush(): Promise<void> {
    await writeAll(this.#out, this.#buffer.subarray(0, this.#used));
    this.#start += this.#used;
    this.#used = 0;
  }

  /** Padding is less than a page. */
  async #padTo(offset: number): Promise<void> {
    let missing = offset - this.#start - this.#used;
    while (missing > 0) {
      if (this.#used === BUFFER_BYTES) await this.flush();
      const count = Math.min(missing, BUFFER_BYTES - this.#used);
      this.#buffer.fill(0, this.#used, this.#used + count);
      this.#used += count;
      missing -= count;
    }
  }
}
