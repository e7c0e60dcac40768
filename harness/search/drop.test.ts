import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { makeModuleSet, type PreparedImage } from '../image/prepare.js';
import { folderOf, treeOf } from '../splits/fixtures/tree.js';
import { installSet } from '../splits/installsets.js';
import { readSplit } from '../splits/read.js';
import { betweenOf } from './between.js';
import { dropParts } from './drop.js';
import type { SetSize } from './rightsize.js';

const index = treeOf({
  dep: [
    'kernel/fs/ext4/ext4.ko:',
    'kernel/drivers/infiniband/core/ib_core.ko:',
    'kernel/drivers/infiniband/hw/mlx.ko: kernel/drivers/infiniband/core/ib_core.ko',
    'kernel/net/rds/rds.ko: kernel/drivers/infiniband/core/ib_core.ko',
    'kernel/sound/snd.ko:',
    'kernel/sound/keep.ko:',
  ].join('\n'),
});
const cache = new Cache();

/** The image of a list or policy, or of a split's first package, with its answer. */
async function imageOf(file: string, kind: 'list' | 'policy' | 'split') {
  const split = kind === 'split' ? await readSplit(file, index) : null;
  const set =
    kind === 'split' && split
      ? { names: installSet(split, ['core'], index).modules, bytes: 0 }
      : await makeModuleSet(index, { kind: kind as 'list' | 'policy', file }, {});
  const modules = kind === 'split' ? { kind, file, format: undefined, install: ['core'] } : { kind, file };
  const prepared = {
    index,
    set,
    split,
    installSet: split ? installSet(split, ['core'], index) : null,
    image: { modules },
    kernel: { arch: 'x86_64', packages: [] },
  } as unknown as PreparedImage;
  const between = betweenOf({
    index,
    set: new Set(set.names),
    floor: new Set(['ext4']),
    keepers: new Map([['keep', 'someone']]),
  });
  return { prepared, size: { name: 'it', between } as unknown as SetSize };
}

const FILES: Record<string, string> = {
  'mine.yaml': "version: 1\nrules:\n  - include: '**'\n",
  'mine.txt': 'fs/**\ndrivers/**\nrds\nsnd\nkeep\n',
  'split.yaml':
    'version: 1\nname: x\npackages:\n  - name: core\n    rest: true\n  - name: extra\n    depends: [core]\n    modules: [none ?]\n',
};

for (const [file, kind] of [
  ['mine.yaml', 'policy'],
  ['mine.txt', 'list'],
  ['split.yaml', 'split'],
] as const)
  t.test(`${kind}: parts go out with what needs them, and nothing else`, async (t) => {
    const { path: folder, remove } = folderOf({ [file]: FILES[file] ?? '', 'room/x': '' });
    t.teardown(remove);
    const path = join(folder, file);
    const { prepared, size } = await imageOf(path, kind);
    const parts = ['drivers/infiniband', 'sound'];
    const done = await dropParts({ prepared, size, parts, cache, folder: join(folder, 'room') });
    t.same(done.stay, []);
    t.equal(done.saved, 4000, 'ib_core, mlx, rds and snd');
    execFileSync('patch', ['-p1', '--quiet', '-d', '/'], { input: done.diff });
    const again = await imageOf(path, kind);
    t.same([...again.prepared.set.names].sort(), ['ext4', 'keep']);
    if (kind === 'policy') t.match(done.diff, /^\+ {2}- exclude: \[drivers\/infiniband, rds, snd\]$/m);
    await t.rejects(
      dropParts({ prepared, size, parts: ['drivers/infinband'], cache, folder }),
      /cannot be dropped from it.*drivers\/infiniband/,
    );
  });
