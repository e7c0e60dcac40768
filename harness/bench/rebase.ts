import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Cache } from '../cache.js';
import { resolveModuleTree } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { imagesDir, packageRoot } from '../paths.js';
import { rebase } from '../search/rebase.js';
import { type Agreement, measureAgreement } from '../search/rebase-agreement.js';
import { readSplit } from '../splits/read.js';
import { debianSplit, udebSplit } from './debian-split.js';
import { atLeast, atMost, type Bench, type Figure, figure, milliseconds } from './figure.js';
import { BENCH_KERNEL } from './modules.js';
import { withSuite } from './suite.js';

/** Debian's next kernel, for the same machines. */
const NEWER = { suite: 'bookworm-backports', kernel: `${BENCH_KERNEL}:amd64/bookworm-backports` };
const OLDER = 'bookworm';

export const rebaseBench: Bench = {
  name: 'rebase',
  about:
    "a split from one real kernel to the next: how long it takes, and how often the suggestions agree with the split's own placement",
  async measure() {
    const cache = new Cache();
    const from = await indexOf(BENCH_KERNEL, cache);
    const to = await withSuite(cache, NEWER, () => indexOf(NEWER.kernel, cache));
    const figures: Figure[] = [];
    const oracle = process.env.BOOTGATE_ORACLE ?? join(packageRoot, '../shared/oracle');
    for (const [name, file] of [
      ['fedora-2014', join(imagesDir, 'splits', 'fedora-2014.yaml')],
      ["Fedora's rules", join(oracle, 'fedora', 'def_variants.yaml.fedora')],
    ] as const) {
      if (!existsSync(file)) {
        process.stderr.write(`rebase: ${name} not measured, there is no ${file}\n`);
        continue;
      }
      const read = (which: 'from' | 'to') => readSplit(file, which === 'from' ? from : to);
      const took = await milliseconds(() => rebase({ from, to, growth: 1 << 18, read }), 3);
      const found = measureAgreement(await read('from'), await read('to'), from, to);
      figures.push(
        atMost(`rebase, ${name}`, took / 1000, 's', 3, `${from.modules.size} and ${to.modules.size} modules`),
        ...agreement(name, found),
      );
    }
    // What Debian's maintainers did with the newer kernel by hand, not what the older rules say of it.
    const [older, newer] = [await debianSplit(OLDER, from, cache), await debianSplit(NEWER.suite, to, cache)];
    figures.push(...agreement("Debian's own udebs", measureAgreement(older, newer, from, to)));
    const built = await udebSplit(OLDER, from, cache);
    const same = [...built.placement].filter(
      ([name, { package: home }]) => older.placement.get(name)?.package === home,
    );
    const note = `${same.length} of ${built.placement.size} modules of ${OLDER}'s udebs`;
    figures.push(
      atLeast(
        'lists read as the udebs were built',
        (100 * same.length) / built.placement.size,
        '%',
        99,
        note,
      ),
    );
    return figures;
  },
};

function agreement(name: string, found: Agreement): Figure[] {
  const share = (part: number, all: number) => (100 * part) / Math.max(1, all);
  const { right, spoken, fresh, placed } = found;
  const figures = [
    atLeast(
      `agreement, ${name}`,
      share(right, spoken),
      '%',
      90,
      `${right} of ${spoken} suggestions, ${fresh} new modules`,
    ),
    figure(`new modules spoken of, ${name}`, share(spoken, fresh), '%'),
  ];
  if (placed.spoken < spoken)
    figures.push(
      figure(
        `of those, with a package, ${name}`,
        share(placed.right, placed.spoken),
        '%',
        `${placed.right} of ${placed.spoken}; ${placed.truth} new modules are in a package`,
      ),
    );
  return figures;
}

async function indexOf(source: string, cache: Cache): Promise<ModuleIndex> {
  const kernel = await resolveModuleTree([source], { cache });
  return loadModuleIndex(kernel.modulesDir, kernel.release, cache);
}
