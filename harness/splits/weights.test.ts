import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { parseBytes } from '../units.js';
import { overBudget } from './budgets.js';
import { compressedSizes } from './compressed.js';
import { folderOf, treeOf } from './fixtures/tree.js';
import { readSplit } from './read.js';
import { compareSizes, weighSplit } from './size.js';
import { readSizeReport } from './sizereport.js';

/** What modules, packages and install sets weigh, held against stat, xz and zstd. */

const dep = `kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/net/can/can.ko:
kernel/drivers/net/veth.ko.xz:`;
const text = (core: string) => `version: 1
name: ${core}
packages:
  - {name: kernel-core, modules: [${core}], budget: 10 KiB}
  - {name: kernel-extra, depends: [kernel-core], rest: true}
  - {name: kernel, depends: [kernel-extra]}
budgets: {total: 1 GiB, modules: 1 KiB, vmlinuz: 2 MB, initramfs: 1, "core,extra": 1MiB}
`;

t.test('bytes by package, subsystem and install set, as installed and compressed', async (t) => {
  const bytes: Record<string, Buffer> = Object.fromEntries(
    ['ext4', 'jbd2', 'can', 'veth'].map((name, at) => [
      name,
      Buffer.concat([randomBytes(3000 * (at + 1)), Buffer.alloc(20_000)]),
    ]),
  );
  const plain = (name: string) => bytes[name] as Buffer;
  const xz = ['--check=crc32', '--lzma2=dict=1MiB', '-c'];
  const { path, remove } = folderOf({
    'kernel/fs/ext4/ext4.ko': plain('ext4'),
    'kernel/fs/jbd2/jbd2.ko': plain('jbd2'),
    'kernel/net/can/can.ko': plain('can'),
    'kernel/drivers/net/veth.ko.xz': execFileSync('xz', xz, { input: plain('veth') }),
    'a.yaml': text('ext4, jbd2'),
    'b.yaml': text('ext4, jbd2, veth'),
  });
  t.teardown(remove);
  const spec = treeOf({ dep });
  for (const module of spec.modules.values()) module.bytes = statSync(join(path, module.path)).size;
  const index = { ...spec, dir: path };
  const compressed = await compressedSizes(index, new Cache(join(path, 'cache')));
  for (const [name, content] of Object.entries(bytes)) {
    writeFileSync(join(path, 'one.ko'), content);
    t.equal(
      compressed.get(name)?.xz,
      execFileSync('xz', [...xz, join(path, 'one.ko')]).length,
      `${name} as xz makes it`,
    );
    t.equal(
      compressed.get(name)?.zstd,
      execFileSync('zstd', ['-qc', join(path, 'one.ko')]).length,
      'and zstd',
    );
  }

  const [a, b] = await Promise.all(['a.yaml', 'b.yaml'].map((name) => readSplit(join(path, name), index)));
  if (!a || !b) throw new Error('unreachable');
  const size = (name: string) => index.modules.get(name)?.bytes ?? 0;
  const report = weighSplit({ split: a, index, vmlinuz: 5_000_000, compressed });
  t.match(report.packages, [
    {
      name: 'kernel-core',
      count: 2,
      bytes: size('ext4') + size('jbd2'),
      xz: (compressed.get('ext4')?.xz ?? 0) + (compressed.get('jbd2')?.xz ?? 0),
    },
    { name: 'kernel-extra', count: 2, bytes: size('can') + size('veth') },
    { name: 'kernel', count: 0, bytes: 0 },
  ]);
  t.strictSame(report.subsystems.map(({ name }) => name).sort(), ['drivers/net', 'fs', 'net/can']);
  t.equal(
    report.installSets.at(-1)?.total,
    5_000_000 + ['ext4', 'jbd2', 'can', 'veth'].reduce((sum, name) => sum + size(name), 0),
  );

  const over = overBudget({
    split: a,
    index,
    size: report,
    memory: 7,
    budgets: { memory: 6 },
    neededBy: new Map([['ext4', ['filesystems/ext4']]]),
  });
  t.strictSame(
    over.map(({ what }) => what),
    ['package kernel-core', 'modules', 'vmlinuz', 'install set kernel-core,kernel-extra', 'memory'],
    'what was not measured (initramfs) is not held against it',
  );
  t.match(
    over[0]?.contributors,
    [{ module: 'jbd2' }, { module: 'ext4', scenarios: ['filesystems/ext4'] }],
    'the heaviest first',
  );
  t.throws(() => overBudget({ split: a, index, size: report, budgets: { initrafms: 1, 'core,extar': 1 } }), {
    code: 'E_BUDGET',
    message: /did you mean initramfs.*nothing named core,extar/,
  });

  const other = weighSplit({ split: b, index, vmlinuz: 5_000_000 });
  const compared = compareSizes(other, report, { bytes: 1000 });
  t.strictSame(compared.moved, [
    { module: 'veth', from: 'kernel-core', to: 'kernel-extra', bytes: size('veth') },
  ]);
  t.match(compared, {
    worthIt: true,
    saving: { installSet: 'kernel-core', bytes: size('veth') },
    modules: 0,
  });
  t.equal(compareSizes(other, report, { bytes: 1000, percent: 50 }).worthIt, false, 'both thresholds count');
  t.equal(compareSizes(other, report).worthIt, null);
});

t.test('against a run: what both sides know is compared', async (t) => {
  const text = 'version: 1\nname: x\npackages:\n  - {name: core, modules: [ext4]}\n';
  const run = (installSets?: object[]) =>
    JSON.stringify({
      schema: 'bootgate/run@1',
      id: '1',
      image: {
        name: 'x',
        kernel: { release: '6.1.0-test' },
        vmlinuz: { bytes: 100 },
        initramfs: { bytes: 50 },
        modules: { count: 4, bytes: 5000 },
      },
      installSets,
    });
  const set = (name: string, bytes: number) => ({
    name,
    packages: [name],
    modules: { count: 2, bytes },
    initramfs: { bytes: 20 },
  });
  const { path, remove } = folderOf({
    'a.yaml': `${text}  - {name: extra, depends: [core], rest: true}\n`,
    'run.json': run([set('all', 5000), set('core', 2500)]),
    'plain.json': run(),
    'empty.json': '{"schema":"bootgate/split-size@1"}',
    'cut.json': '{"schema":"bootgate/run@1"}',
  });
  t.teardown(remove);
  const index = treeOf({ dep });
  const split = await readSplit(join(path, 'a.yaml'), index);
  const before = await readSizeReport(join(path, 'run.json'));
  const paper = compareSizes(before, weighSplit({ split, index, vmlinuz: 100 }));
  t.match(paper.saving, { installSet: 'core', bytes: 500 }, 'least against least, without an initramfs');
  t.match(paper, { moved: [], packages: [] }, 'a run has no placement');
  const built = compareSizes(before, weighSplit({ split, index, vmlinuz: 100, initramfs: 30 }));
  t.equal(built.saving?.bytes, 490, 'both have an initramfs: it counts');
  t.strictSame((await readSizeReport(join(path, 'plain.json'))).installSets, [
    { name: 'x', packages: [], count: 4, bytes: 5000, total: 5150 },
  ]);
  const again = weighSplit({ split, index, vmlinuz: 100 });
  writeFileSync(join(path, 'again.json'), JSON.stringify(again));
  t.strictSame(await readSizeReport(join(path, 'again.json')), again);
  for (const name of ['empty.json', 'cut.json'])
    await t.rejects(readSizeReport(join(path, name)), { blame: 'user', code: 'E_SIZE_REPORT' });
});

t.test('sizes as people write them', async (t) => {
  for (const [word, bytes] of [
    ['60 MiB', 60 * 1024 ** 2],
    ['1.5GB', 1.5e9],
    ['4096', 4096],
    ['2k', 2048],
    ['heavy', undefined],
    ['-3', undefined],
    ['3 furlongs', undefined],
  ] as const)
    t.equal(parseBytes(word), bytes, word);
});
