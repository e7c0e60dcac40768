import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { folderOf, treeOf } from '../splits/fixtures/tree.js';
import { readSplit } from '../splits/read.js';
import { mendGone } from './patches/gone.js';
import { needsWork, rebase } from './rebase.js';
import { patchSplit } from './split-patch.js';

const OLD = `kernel/drivers/net/a.ko:
  kernel/drivers/net/b.ko:
  kernel/drivers/net/c.ko:
  kernel/drivers/net/d.ko:
  kernel/fs/x.ko:
  kernel/fs/gone.ko:`;
const NEW = `kernel/drivers/net/a.ko:
  kernel/drivers/net/b.ko: kernel/fs/x.ko
  kernel/drivers/net/c.ko:
  kernel/drivers/net/d.ko:
  kernel/drivers/net/fresh.ko:
  kernel/fs/x.ko:
  kernel/odd/alone.ko:`;
const SPLIT = `version: 1
name: test
packages:
  - name: core
    modules: [a, b, c, d, x, gone]
  - name: rest
    depends: [core]
    rest: true
`;

t.test('a new kernel: what changed, what is suggested, and a patch that puts it there', async (t) => {
  const [from, to] = [treeOf({ dep: OLD }), treeOf({ dep: NEW })];
  const { path, remove } = folderOf({ 'split.yaml': SPLIT });
  t.teardown(remove);
  const file = join(path, 'split.yaml');
  const read = (which: 'from' | 'to') => readSplit(file, which === 'from' ? from : to);
  const scenarios = {
    'net/fresh': { requests: ['fresh'], modules: {} },
    'odd/alone': { requests: ['alone'], modules: {} },
  };
  const needs = { version: 1 as const, kernel: 'old', scenarios };
  const found = await rebase({ from, to, growth: 1, read, needs });
  t.same(found.suggestions[0]?.neededBy, ['net/fresh']);
  t.same(found.unplaced.find(({ module }) => module === 'alone')?.neededBy, ['odd/alone']);
  t.strictSame(found.changes.arrived, ['alone', 'fresh']);
  t.strictSame(found.changes.gone, ['gone']);
  t.strictSame(found.changes.dependencies, [{ module: 'b', gained: ['x'], lost: [] }]);
  t.match(found.unused, [{ line: 5 }], 'the name of the module that is gone');
  t.strictSame(
    found.suggestions.map((one) => [one.module, one.today, one.package]),
    [['fresh', 'rest', 'core']],
    'silent about the one without neighbours',
  );
  t.match(found.suggestions[0]?.reasons[0], /4 of 4 neighbours in drivers\/net are in core/);
  t.notOk(needsWork(found, false));

  const moves = [{ module: 'fresh', package: 'core' }];
  const patch = await patchSplit(file, await read('to'), moves, to, (copy) => readSplit(copy, to));
  execFileSync('patch', ['--quiet', file], { input: patch.diff });
  t.equal(readFileSync(file, 'utf8'), patch.files[0]?.after);
  t.equal((await read('to')).placement.get('fresh')?.package, 'core');
});

t.test('a move that a dependent does not allow is left out and named; the others are written', async (t) => {
  const to = treeOf({ dep: NEW });
  const { path, remove } = folderOf({ 'split.yaml': SPLIT });
  t.teardown(remove);
  const file = join(path, 'split.yaml');
  const read = (one: string) => readSplit(one, to);
  const moves = [
    { module: 'x', package: 'rest' },
    { module: 'fresh', package: 'core' },
  ];
  const patch = await patchSplit(file, await read(file), moves, to, read);
  t.match(patch.refused, [{ module: 'x', package: 'rest', stays: 'core' }]);
  t.match(patch.files[0]?.after, /fresh/);
  t.match(patch.files[0]?.after, /[[ ]x[,\]]/, 'x is where it was');
});

t.test("Ubuntu's inclusion list is patched in its own terms", async (t) => {
  const to = treeOf({ dep: NEW });
  const { path, remove } = folderOf({ 'generic.inclusion-list': 'drivers/net/a.ko\nfs/x.ko\n' });
  t.teardown(remove);
  const file = join(path, 'generic.inclusion-list');
  const read = (one: string) => readSplit(one, to);
  const moves = [
    { module: 'fresh', package: 'linux-modules' },
    { module: 'x', package: 'linux-modules-extra' },
  ];
  const patch = await patchSplit(file, await read(file), moves, to, read);
  execFileSync('patch', ['--quiet', file], { input: patch.diff });
  t.equal(readFileSync(file, 'utf8'), 'drivers/net/a.ko\ndrivers/net/fresh.ko\n');
});

t.test('kernel-wedge lists that stop at a module that is gone are made to fit', async (t) => {
  const [from, to] = [treeOf({ dep: OLD }), treeOf({ dep: NEW })];
  const { path, remove } = folderOf({
    'package-list': 'Package: kernel-image\n',
    'modules/more': 'gone\nlost\n',
    'modules/amd64/kernel-image': 'a\n#include <more>\n',
  });
  t.teardown(remove);
  const read = (which: 'from' | 'to') =>
    readSplit(path, which === 'from' ? { ...from, builtins: new Map([['lost', 'kernel/lost.ko']]) } : to, {
      format: 'kernel-wedge',
      arch: 'amd64',
      flavour: 'amd64',
    });
  const found = await rebase({ from, to, growth: 1, read });
  t.same(found.problems.length, 2, found.unreadable.join('\n'));
  const renamed = [{ from: 'lost', to: 'alone', sharedAliases: 1 }];
  const { diff } = await mendGone(path, found.problems, renamed);
  execFileSync('patch', ['-p1', '--quiet', '-d', '/'], { input: diff });
  t.equal(readFileSync(join(path, 'modules/more'), 'utf8'), 'gone ?\nlost ?\nalone ?\n');
  t.equal((await read('to')).placement.get('alone')?.package, 'kernel-image');
});
