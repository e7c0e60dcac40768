import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cache } from '../cache.js';
import { resolveKernel } from '../kernel/resolve.js';
import { closure } from '../modules/closure.js';
import { loadModuleIndex } from '../modules/index.js';
import { atMost, type Bench, figure, milliseconds } from './figure.js';

/** Debian's generic kernel: 4,000 modules, the largest tree available here. */
export const BENCH_KERNEL = 'apt:linux-image-amd64';

export const modulesBench: Bench = {
  name: 'modules',
  about: 'the index of the generic tree, cold and warm, and closures over it',
  async measure() {
    const kernel = await resolveKernel([BENCH_KERNEL], { cache: new Cache() });
    const scratch = mkdtempSync(join(tmpdir(), 'bootgate-bench-'));
    try {
      // A tree with depmod's indexes in it, as any installed kernel has: reading them is what cold means.
      const tree = join(scratch, 'lib', 'modules', kernel.release);
      cpSync(kernel.modulesDir, tree, { recursive: true });
      const before = performance.now();
      spawnSync('depmod', ['-b', scratch, kernel.release], {
        env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      });
      const depmod = performance.now() - before;
      let fresh = 0;
      const cold = await milliseconds(
        () => loadModuleIndex(tree, kernel.release, new Cache(join(scratch, `cache${fresh++}`))),
        3,
      );
      const cache = new Cache(join(scratch, 'warm'));
      const index = await loadModuleIndex(tree, kernel.release, cache);
      const warm = await milliseconds(() => loadModuleIndex(tree, kernel.release, cache));
      const aliases = await milliseconds(() => index.resolve('pci:v00001AF4d00001000sv*'), 1);
      const names = [...index.modules.keys()];
      const each = await milliseconds(() => {
        for (const name of names) closure(index, [name], { soft: true });
      });
      const all = await milliseconds(() => closure(index, names, { soft: true }));
      return [
        atMost(
          'index, cold',
          cold,
          'ms',
          1000,
          `${names.length} modules; depmod itself takes ${Math.round(depmod)} ms`,
        ),
        atMost('index, from the cache', warm, 'ms', 100),
        figure('first lookup of an alias', aliases, 'ms'),
        figure('closure of every module, one by one', each, 'ms', `${names.length} closures`),
        figure('closure of all modules at once', all, 'ms'),
      ];
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
