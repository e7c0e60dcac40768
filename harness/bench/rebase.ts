import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cache } from '../cache.js';
import { exec } from '../exec.js';
import { resolveModuleTree } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { imagesDir, packageRoot } from '../paths.js';
import { rebase } from '../search/rebase.js';
import { measureAgreement } from '../search/rebase-agreement.js';
import { readSplit } from '../splits/read.js';
import { atLeast, atMost, type Bench, type Figure, figure, milliseconds } from './figure.js';
import { BENCH_KERNEL } from './modules.js';

/** Debian's next kernel, for the same machines. */
const NEWER = { suite: 'bookworm-backports', kernel: `${BENCH_KERNEL}:amd64/bookworm-backports` };

export const rebaseBench: Bench = {
  name: 'rebase',
  about:
    'a split from one real kernel to the next: how long it takes, and how often the suggestions agree with its own rules',
  async measure() {
    const cache = new Cache();
    const from = await indexOf(BENCH_KERNEL, cache);
    const to = await withSuite(cache, NEWER.suite, () => indexOf(NEWER.kernel, cache));
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
      const note = `${found.right} of ${found.spoken} suggestions, ${found.fresh} new modules`;
      figures.push(
        atMost(`rebase, ${name}`, took / 1000, 's', 3, `${from.modules.size} and ${to.modules.size} modules`),
        atLeast(`agreement, ${name}`, (100 * found.right) / Math.max(1, found.spoken), '%', 90, note),
        figure(`new modules spoken of, ${name}`, (100 * found.spoken) / Math.max(1, found.fresh), '%'),
      );
    }
    return figures;
  },
};

async function indexOf(source: string, cache: Cache): Promise<ModuleIndex> {
  const kernel = await resolveModuleTree([source], { cache });
  return loadModuleIndex(kernel.modulesDir, kernel.release, cache);
}

/** Runs `work` with apt's lists of one more Debian suite, kept in a folder of their own: the host's stay as they are. */
async function withSuite<T>(cache: Cache, suite: string, work: () => Promise<T>): Promise<T> {
  const folder = join(cache.root, 'bench-apt', suite);
  for (const one of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, one), { recursive: true });
  const config = join(folder, 'apt.conf');
  const list = join(folder, 'sources.list');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(list, `deb [signed-by=${keyring}] http://deb.debian.org/debian ${suite} main\n`);
  writeFileSync(
    config,
    `Dir::State::lists "${folder}/lists";\nDir::Etc::sourcelist "${list}";\nDir::Etc::sourceparts "/dev/null";\nDir::Cache "${folder}/cache";\n`,
  );
  const before = process.env.APT_CONFIG;
  process.env.APT_CONFIG = config;
  try {
    const fetched = readdirSync(join(folder, 'lists')).some((name) => name.includes('Packages'));
    if (!fetched) await exec('apt-get', ['update', '-q'], {});
    return await work();
  } finally {
    if (before === undefined) delete process.env.APT_CONFIG;
    else process.env.APT_CONFIG = before;
  }
}
