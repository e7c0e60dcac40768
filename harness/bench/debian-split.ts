import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { exec } from '../exec.js';
import { MODULES, unpackPackage } from '../kernel/package.js';
import type { ModuleIndex } from '../modules/module.js';
import { splitFromPackages } from '../splits/packages.js';
import { readSplit } from '../splits/read.js';
import type { Split } from '../splits/split.js';
import { withSuite } from './suite.js';

/**
 * How Debian's own maintainers split a suite's kernel for the installer: the kernel-wedge lists of the source package, read for that
 * kernel. They are kept by hand from one kernel to the next. Most modules are in no package, on purpose.
 */
export async function debianSplit(suite: string, index: ModuleIndex, cache: Cache): Promise<Split> {
  const folder = join(cache.root, 'bench-apt', `${suite}-src`, 'linux');
  mkdirSync(folder, { recursive: true });
  if (!readdirSync(folder).includes('debian'))
    await withSuite(cache, { suite, type: 'deb-src' }, async () => {
      await exec('apt-get', ['source', '-q', '--diff-only', '-t', suite, 'linux'], { cwd: folder });
      const archive = readdirSync(folder).find((name) => name.endsWith('.debian.tar.xz')) ?? '';
      await exec('tar', ['xf', archive, 'debian/installer'], { cwd: folder });
    });
  return readSplit(join(folder, 'debian', 'installer'), index, { format: 'kernel-wedge', arch: 'amd64' });
}

const UDEB = /-\d+\.\d+[\w.+-]*-amd64-di$/;

/** The same as it was built: the udebs of the suite's newest kernel, by module name, as far as `index` has the modules. */
export async function udebSplit(suite: string, index: ModuleIndex, cache: Cache): Promise<Split> {
  const component = 'main/debian-installer';
  return withSuite(cache, { suite, component }, async () => {
    const { stdout } = await exec('apt-cache', ['search', '--names-only', 'amd64-di$'], {});
    const all = stdout
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((name) => UDEB.test(name));
    const newest =
      all
        .map((name) => UDEB.exec(name)?.[0] ?? '')
        .sort(byNumbers)
        .at(-1) ?? '';
    const wanted = all.filter((name) => name.endsWith(newest));
    const folder = join(cache.root, 'bench-apt', `${suite}-debian-installer`, newest.slice(1));
    mkdirSync(folder, { recursive: true });
    if (readdirSync(folder).length < wanted.length)
      await exec('apt-get', ['-q', 'download', '--', ...wanted], { cwd: folder });
    const log = () => undefined;
    const files = await Promise.all(
      readdirSync(folder).map((file) => unpackPackage(join(folder, file), 'deb', { cache, log })),
    );
    const packages = files.map((one) => ({
      name: one.name.replace(newest, ''),
      version: one.version,
      file: one.file,
      modules: one.paths.filter((path) => MODULES.test(path)),
    }));
    return { ...splitFromPackages(packages, index), partial: true };
  });
}

/** 6.12.95 comes after 6.12.9. */
function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
