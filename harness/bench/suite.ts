import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { exec } from '../exec.js';

/**
 * Runs `work` with apt's lists of one more Debian suite, kept in a folder of their own: the host's stay as they are.
 * @param component `main`, or `main/debian-installer` for the installer's udebs.
 * @param type `deb-src` for source packages.
 */
export async function withSuite<T>(
  cache: Cache,
  {
    suite,
    component = 'main',
    type = 'deb',
  }: { suite: string; component?: string; type?: 'deb' | 'deb-src' },
  work: () => Promise<T>,
): Promise<T> {
  const folder = join(
    cache.root,
    'bench-apt',
    [suite, ...component.split('/').slice(1), ...type.split('-').slice(1)].join('-'),
  );
  for (const one of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, one), { recursive: true });
  const config = join(folder, 'apt.conf');
  const list = join(folder, 'sources.list');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(list, `${type} [signed-by=${keyring}] http://deb.debian.org/debian ${suite} ${component}\n`);
  writeFileSync(
    config,
    `Dir::State::lists "${folder}/lists";\nDir::Etc::sourcelist "${list}";\nDir::Etc::sourceparts "/dev/null";\nDir::Cache "${folder}/cache";\n`,
  );
  const before = process.env.APT_CONFIG;
  process.env.APT_CONFIG = config;
  try {
    const fetched = readdirSync(join(folder, 'lists')).some((name) => /_(Packages|Sources)/.test(name));
    if (!fetched) await exec('apt-get', ['update', '-q'], {});
    return await work();
  } finally {
    if (before === undefined) delete process.env.APT_CONFIG;
    else process.env.APT_CONFIG = before;
  }
}
