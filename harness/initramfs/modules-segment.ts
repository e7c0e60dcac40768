import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Cache } from '../cache.js';
import { depmodIndexes } from '../modules/indexes.js';
import type { Module, ModuleSet } from '../modules/module.js';
import type { Entry, ModuleDelivery, Segment } from './initramfs.js';
import { cachedSegment } from './segment.js';
import type { WindowOffsets } from './window.js';

/**
 * Texts that kmod does not load modules by: it takes the .bin that stands beside them (libkmod.c, kmod_lookup_alias_from_*).
 * They are half of the indexes' bytes, and each MB costs a boot 23 ms to unpack under TCG. So they come compressed, and
 * are unpacked for a step that looks at them (materialise.sh, show_texts).
 */
const PACKED = new Set(['modules.alias', 'modules.symbols', 'modules.order', 'modules.builtin.modinfo']);

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
  return cachedSegment(
    cache,
    'modules',
    `${set.digest} ${delivery} ${[...PACKED].join()} nodes`,
    async () => {
      const folder = `usr/lib/modules/${set.index.release}`;
      const modules = set.names.flatMap((name) => set.index.modules.get(name) ?? []);
      const entries: Entry[] = [{ path: folder, type: 'directory' }];
      for (const [name, content] of await depmodIndexes(set, cache)) {
        const data = Buffer.from(content);
        if (PACKED.has(name))
          entries.push({
            path: `bootgate/texts/${name}.gz`,
            type: 'file',
            data: await promisify(gzip)(data),
          });
        else entries.push({ path: `${folder}/${name}`, type: 'file', data });
        if (name === 'modules.devname') entries.push(...staticNodes(data.toString('latin1')));
      }
      if (delivery === 'window') return [...entries, catalogue(modules, offsets)];
      await cache.settle([set.index.dir]);
      for (const { path, bytes } of modules)
        entries.push({ path: `${folder}/${path}`, type: 'file', source: join(set.index.dir, path), bytes });
      return entries;
    },
  );
}

/**
 * The device nodes that modules ask for by MODULE_ALIAS("devname:..."), as `kmod static-nodes` gives them to
 * systemd-tmpfiles: who opens one has its module loaded. init copies them to /dev.
 * @param devname Lines `MODULE PATH cMAJOR:MINOR` or `bMAJOR:MINOR`.
 */
function staticNodes(devname: string): Entry[] {
  return [...devname.matchAll(/^[^#\s]\S* (\S+) ([bc])(\d+):(\d+)$/gm)].map(
    ([, path, kind, major, minor]): Entry => ({
      path: `bootgate/dev/${path}`,
      type: 'device',
      kind: kind === 'b' ? 'block' : 'char',
      major: Number(major),
      minor: Number(minor),
      mode: 0o600,
    }),
  );
}

function catalogue(modules: readonly Module[], offsets: WindowOffsets | null): Entry {
  const lines = modules.map(({ path }) => {
    const place = offsets?.get(path);
    if (!place) throw new Error(`${path} is not in the module window`);
    return `${path} ${place.offset} ${place.bytes}\n`;
  });
  return { path: 'bootgate/window', type: 'file', data: Buffer.from(lines.join('')) };
}
