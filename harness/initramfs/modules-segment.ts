import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { depmodIndexes } from '../modules/indexes.js';
import type { Module, ModuleSet } from '../modules/module.js';
import type { Entry, ModuleDelivery, Segment } from './initramfs.js';
import { cachedSegment } from './segment.js';
import type { WindowOffsets } from './window.js';

/**
 * Texts that nobody in the guest reads: kmod takes the .bin that stands beside them (libkmod.c, kmod_lookup_alias_from_*),
 * and the agent reads modules.dep only. They are half of the indexes' bytes, and each MB costs a boot 23 ms to
 * unpack under TCG.
 */
const LEFT_OUT = new Set(['modules.alias', 'modules.symbols', 'modules.order', 'modules.builtin.modinfo']);

/**
 * The module set's segment: /lib/modules/RELEASE with the indexes of the set, and either the module files themselves
 * or the catalogue of the module window, /bootgate/window: `PATH OFFSET BYTES` a line, for the modules of the set
 * only. Written below usr/lib, because an archive with a folder lib/ would replace the link /lib that the userland has.
 */
export function modulesSegment(
  set: ModuleSet,
  delivery: ModuleDelivery,
  offsets: WindowOffsets | null,
  cache: Cache,
): Promise<Segment> {
  return cachedSegment(cache, 'modules', `${set.digest} ${delivery} ${[...LEFT_OUT].join()}`, async () => {
    const folder = `usr/lib/modules/${set.index.release}`;
    const modules = set.names.flatMap((name) => set.index.modules.get(name) ?? []);
    const entries: Entry[] = [{ path: folder, type: 'directory' }];
    for (const [name, data] of await depmodIndexes(set, cache, { without: LEFT_OUT }))
      entries.push({ path: `${folder}/${name}`, type: 'file', data: Buffer.from(data) });
    if (delivery === 'window') return [...entries, catalogue(modules, offsets)];
    for (const { path, bytes } of modules)
      entries.push({ path: `${folder}/${path}`, type: 'file', source: join(set.index.dir, path), bytes });
    return entries;
  });
}

function catalogue(modules: readonly Module[], offsets: WindowOffsets | null): Entry {
  const lines = modules.map(({ path }) => {
    const place = offsets?.get(path);
    if (!place) throw new Error(`${path} is not in the module window`);
    return `${path} ${place.offset} ${place.bytes}\n`;
  });
  return { path: 'bootgate/window', type: 'file', data: Buffer.from(lines.join('')) };
}
