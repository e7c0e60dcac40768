import { deepStrictEqual as same } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Cache } from '../cache.js';
import { resolveKernel } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { nameOfPath } from '../modules/names.js';
import { imagesDir, packageRoot } from '../paths.js';
import { gatherCheckInput } from './checkinput.js';
import { kernelWedge, realPlacement } from './fixtures/kernel-wedge.js';
import { folderOf, treeOf } from './fixtures/tree.js';
import { installSet, installSets } from './installsets.js';
import { readSplit } from './read.js';
import { modulesByPackage, type Split, withDependencies } from './split.js';
import { checkSplit } from './staticcheck.js';
import { splitAsYaml } from './yaml.js';

t.setTimeout(300_000);

const cache = new Cache();
const indexOf = async (source: string): Promise<ModuleIndex> => {
  const kernel = await resolveKernel([source], { cache });
  return loadModuleIndex(kernel.modulesDir, kernel.release, cache);
};

/** Of this process alone: a busy host does not count. */
const cpuSeconds = (before: NodeJS.CpuUsage) => process.cpuUsage(before).user / 1e6;

/** Every module's package, for comparing placements whole. */
const homes = (split: Split) =>
  Object.fromEntries([...split.placement].map(([name, one]) => [name, one.package]).sort());

const oracle = join(process.env.BOOTGATE_ORACLE ?? join(packageRoot, '../shared/oracle'), 'fedora');
for (const [kernel, count] of [
  ['amd64', 4023],
  ['cloud-amd64', 1121],
] as const)
  t.test(
    `Fedora's split puts all ${count} modules of ${kernel} where Fedora's own solver does`,
    async (t) => {
      if (!existsSync(oracle))
        return void t.pass('not measured', { skip: `no oracle at ${oracle}: set BOOTGATE_ORACLE` });
      const index = treeOf({
        dep: readFileSync(join(oracle, `modules.dep.debian-6.1.0-56-${kernel}`), 'utf8'),
      });
      t.equal(index.modules.size, count);
      const before = process.cpuUsage();
      const split = await readSplit(join(oracle, 'def_variants.yaml.fedora'), index);
      const seconds = cpuSeconds(before);
      t.ok(seconds < 2, `${seconds.toFixed(2)} s`);
      const wanted: Record<string, string> = {};
      for (const { name } of split.packages)
        for (const path of readFileSync(join(oracle, 'placed', kernel, `${name}.list`), 'utf8').split('\n'))
          if (path) wanted[nameOfPath(path)] = name;
      t.equal(Object.keys(wanted).length, count, 'the oracle names every module');
      t.strictSame(homes(split), Object.fromEntries(Object.entries(wanted).sort()));
      for (const [module, placed] of split.placement) {
        if (!placed.rule?.line) t.fail(`${module} has no rule`);
        if (placed.wished && !placed.why) t.fail(`${module} moved and nothing says why`);
      }
    },
  );

t.test(
  "kernel-wedge: the same packages with the same files as the tool itself, with Debian's lists",
  async (t) => {
    if (!existsSync(kernelWedge))
      return void t.pass('not measured', { skip: 'kernel-wedge is not installed' });
    const index = await indexOf('apt:linux-image-amd64');
    const abi = index.release.replace(/-amd64$/, '');
    let lists: string;
    try {
      lists = await debianLists(abi);
    } catch (error) {
      return void t.pass('not measured', {
        skip: `Debian's lists cannot be had: ${(error as Error).message.split('\n')[0]}`,
      });
    }
    const before = process.cpuUsage();
    const split = await readSplit(lists, index, { arch: 'amd64', flavour: 'amd64' });
    t.ok(cpuSeconds(before) < 2);
    const real = realPlacement(lists, index, { arch: 'amd64', flavour: 'amd64', abi });
    t.ok(real.size > 40, `${real.size} packages`);
    t.strictSame(placedPaths(split, index), Object.fromEntries([...real].sort()));
  },
);

t.test('kernel-wedge: what its grammar does in the corners', async (t) => {
  if (!existsSync(kernelWedge)) return void t.pass('not measured', { skip: 'kernel-wedge is not installed' });
  const index = treeOf({
    dep: `kernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko
      kernel/drivers/scsi/sr-mod.ko: kernel/drivers/scsi/scsi_mod.ko kernel/drivers/cdrom/cdrom.ko
      kernel/drivers/scsi/scsi_mod.ko:
      kernel/drivers/cdrom/cdrom.ko:
      kernel/drivers/net/ethernet/intel/e1000/e1000.ko:
      kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko: kernel/drivers/ptp/ptp.ko
      kernel/drivers/net/ethernet/realtek/8139too.ko: kernel/drivers/net/mii.ko
      kernel/drivers/net/mii.ko:
      kernel/drivers/ptp/ptp.ko:
      extra/sd_mod2.ko:
      kernel/fs/nls/nls_cp437.ko:
      kernel/fs/nls/nls_utf8.ko:`,
    builtins: ['kernel/fs/ext4/ext4.ko'],
  });
  const { path, remove } = folderOf({
    'package-list': `# defaults\nPackage: kernel-image\nDescription: x\n more\n\nPackage: scsi-modules\nDepends: kernel-image, absent-modules\nDescription: x\n\nPackage: absent-modules\nDescription: x\n\nPackage: nic-modules\nDepends: kernel-image\nDepends_amd64: scsi-modules\nDescription: x\n\nPackage: nls-modules\nDepends: kernel-image\nDescription: x\n`,
    'modules/amd64/kernel-image': '',
    'modules/amd64/scsi-modules':
      '#include <scsi-common>\n# a comment\nsr_mod -\nsr-mod\next4\nno-such ?\n-no-such-either\n\t scsi-mod  \n',
    'modules/scsi-common': 'sd_mod\nsr_mod\r\n',
    'modules/amd64/nic-modules':
      '#include "../nic-list"\ndrivers/net/ethernet/intel/** -\ndrivers/net/ethernet/intel/e1000?/*\nno/such/dir/* ?\n',
    'modules/nic-list': 'drivers/net/ethernet/**\n',
    'modules/amd64/nls-modules': 'fs/nls/nls-*\nnls_utf8 -\nsd_mod2\n',
  });
  t.teardown(remove);
  const split = await readSplit(path, index, { arch: 'amd64', flavour: 'amd64' });
  const real = realPlacement(path, index, { arch: 'amd64', flavour: 'amd64', abi: '6.1.0-1' });
  t.ok(real.size >= 3);
  t.strictSame(placedPaths(split, index), Object.fromEntries([...real].sort()));
  const rule = split.placement.get('sd_mod')?.rule;
  t.match(
    rule,
    { file: /modules\/scsi-common$/, line: 1, text: 'sd_mod' },
    'the rule stands in the included file',
  );
});

t.test('any placement keeps the dependency invariant or says where it does not', async (t) => {
  await fc.assert(
    fc.asyncProperty(randomSplit(), async ({ yaml, index }) => {
      const { path, remove } = folderOf({ 'split.yaml': yaml });
      try {
        const split = await readSplit(join(path, 'split.yaml'), index);
        const below = withDependencies(split.packages);
        const reported = new Set(
          split.notes.filter(({ severity }) => severity === 'error').map(({ module }) => module),
        );
        const torn: string[] = [];
        for (const [name, { package: home }] of split.placement)
          for (const needed of index.modules.get(name)?.depends ?? [])
            if (!below.get(home)?.has(split.placement.get(needed)?.package ?? ''))
              torn.push(`${name} ${needed}`);
        // A module in no package is for the check to tell.
        const silent = torn.filter(
          (edge) => !edge.split(' ').some((one) => reported.has(one) || !split.placement.has(one)),
        );
        if (silent.length > 0) throw new Error(`${silent.join(', ')}\n${yaml}`);
        const checked = checkSplit({ split, index }).filter(({ id }) => id === 'symbol-edge');
        if (checked.length > 0 !== torn.length > 0)
          throw new Error(`check says ${checked.length}, there are ${torn.length}`);
      } finally {
        remove();
      }
    }),
    { numRuns: 150 },
  );
  t.pass('150 random splits');
});

t.test(
  'the order of packages in the file does not matter, and our own YAML reads back the same',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(randomSplit(), async ({ yaml, shuffled, index }) => {
        const { path, remove } = folderOf({ 'a.yaml': yaml, 'b.yaml': shuffled });
        try {
          const a = await readSplit(join(path, 'a.yaml'), index);
          const b = await readSplit(join(path, 'b.yaml'), index);
          same(homes(b), homes(a), yaml);
          const again = folderOf({ 'c.yaml': await splitAsYaml(a, index) });
          const c = await readSplit(join(again.path, 'c.yaml'), index);
          again.remove();
          same(homes(c), homes(a), yaml);
        } finally {
          remove();
        }
      }),
      { numRuns: 100 },
    );
    t.pass('100 random splits');
  },
);

t.test('the shipped splits on the generic Debian kernel', async (t) => {
  const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  for (const name of readdirSync(join(imagesDir, 'splits')).filter((one) => one.endsWith('.yaml'))) {
    const split = await readSplit(join(imagesDir, 'splits', name), index);
    t.equal(split.placement.size, index.modules.size, `${name} places every module`);
    t.strictSame(split.unused, [], `${name}: every rule has something to do`);
    const input = await gatherCheckInput(split, { kernel, index, cache });
    t.ok((input.requests?.length ?? 0) > 200, 'with all that the command looks at');
    const before = process.cpuUsage();
    const findings = checkSplit(input);
    const seconds = cpuSeconds(before);
    t.ok(seconds < 2, `the check takes ${seconds.toFixed(2)} s`);
    t.strictSame(
      findings.filter(({ severity }) => severity !== 'note').map(({ message }) => message),
      [],
    );
    const sets = installSets(split, index);
    t.equal(sets.at(-1)?.modules.length, index.modules.size, 'everything installed is everything');
    t.equal(split.packages.find((one) => one.name === 'kernel')?.meta, true);
    t.ok(sets.at(-1)?.sameAs, 'a metapackage needs no boot of its own');
    t.strictSame(installSet(split, ['core'], index).packages, ['kernel-core']);
    const copy = folderOf({ 'again.yaml': await splitAsYaml(split, index) });
    const again = await readSplit(join(copy.path, 'again.yaml'), index);
    copy.remove();
    t.strictSame(homes(again), homes(split), 'and --as yaml reads back the same');
  }
});

/** Paths by package, as the tool would have put them; packages without files are left out. */
function placedPaths(split: Split, index: ModuleIndex): Record<string, string[]> {
  const rows = [...modulesByPackage(split, index)]
    .map(([name, modules]): [string, string[]] => [
      name,
      modules.map((one) => index.modules.get(one)?.path ?? '').sort(),
    ])
    .filter(([, paths]) => paths.length > 0);
  return Object.fromEntries(rows.sort());
}

/** kernel-wedge's default lists: Debian ships them in linux-support-ABI, and they must fit the kernel. */
async function debianLists(abi: string): Promise<string> {
  const folder = await cache.entry('test-kernel-wedge-lists', abi, async (temporary) => {
    mkdirSync(temporary, { recursive: true });
    const run = (file: string, ...args: string[]) =>
      execFileSync(file, args, { cwd: temporary, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 });
    run('apt-get', 'download', `linux-support-${abi}`);
    const deb = readdirSync(temporary).find((name) => name.endsWith('.deb')) ?? '';
    run('dpkg-deb', '-x', deb, '.');
  });
  return join(folder, `usr/share/linux-support-${abi}/installer`);
}

/** Four packages in any acyclic shape, twelve modules with any acyclic dependencies, and rules of every kind. */
function randomSplit() {
  const numbers = (count: number, below: number) =>
    fc.array(fc.nat(below - 1), { minLength: count, maxLength: count });
  return fc
    .record({
      packageBits: numbers(4, 8),
      moduleBits: numbers(12, 4096),
      homes: numbers(12, 6),
      rest: fc.nat(4),
      order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4, maxLength: 4 }),
    })
    .map(({ packageBits, moduleBits, homes: where, rest, order }) => {
      const direct = moduleBits.map((bits, at) =>
        [...Array(at).keys()].filter((other) => bits & (1 << other)),
      );
      const all = direct.map((_, at) => {
        const found = new Set(direct[at]);
        for (const one of found) for (const more of direct[one] ?? []) found.add(more);
        return [...found];
      });
      const path = (at: number) => `kernel/d${at % 3}/m${at}.ko`;
      const dep = all.map((needs, at) => `${path(at)}: ${needs.map(path).join(' ')}`).join('\n');
      const blocks = packageBits.map((bits, at) => {
        const depends = [...Array(at).keys()]
          .filter((other) => bits & (1 << other))
          .map((other) => `p${other}`);
        const modules = where.flatMap((home, one) =>
          home === at ? [one % 4 === 0 ? `d${one % 3}/m${one}` : `m${one}`] : [],
        );
        if (at === where.length % 4) modules.push('d1/**');
        return `  - {name: p${at}, depends: [${depends}], modules: [${modules.map((one) => `'${one}'`)}], rest: ${at === rest}}`;
      });
      const file = (some: readonly (string | undefined)[]) =>
        `version: 1\nname: random\npackages:\n${some.join('\n')}\n`;
      return { yaml: file(blocks), shuffled: file(order.map((at) => blocks[at])), index: treeOf({ dep }) };
    });
}
