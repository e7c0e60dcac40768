import t from 'tap';
import { Cache } from '../cache.js';
import { readKernelConfig } from '../kernel/config.js';
import { resolveKernel } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import { ALL_ROWS, configOf } from './devices/index.js';

/** Debian's generic kernel has a driver for every device of the table. */
t.test("the table against a real kernel's own indexes and configuration", async (t) => {
  const cache = new Cache();
  const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  const config = await readKernelConfig(kernel.config ?? '');
  for (const row of ALL_ROWS) {
    for (const { aliases, modules } of row.levels)
      for (const alias of aliases) {
        const found = index.resolve(alias);
        const names = found.kind === 'none' ? [] : found.names;
        t.ok(
          names.some((name) => modules.includes(name)),
          `${row.name}: ${alias} is driven by ${names.join(', ') || 'nothing'}, expected ${modules.join(' or ')}`,
        );
      }
    for (const need of configOf(row))
      t.ok(
        need.split('|').some((symbol) => config.isModule(symbol) || config.isEnabled(symbol)),
        `${row.name}: ${need} is set`,
      );
  }
});
