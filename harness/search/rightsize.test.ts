import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { PreparedImage } from '../image/prepare.js';
import type { ModuleIndex } from '../modules/module.js';
import { exactSet, wholeTree } from '../modules/set.js';
import { imagesDir } from '../paths.js';
import { styleOf } from '../report/screen.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { loadScenarios } from '../scenarios/load.js';
import type { Scenario } from '../scenarios/scenario.js';
import { folderOf, treeOf } from '../splits/fixtures/tree.js';
import { betweenOf, bytesOf, partOf } from './between.js';
import { readKeepers } from './keep.js';
import type { MinimizedScenario } from './minimize.js';
import { readProfiles, scenariosOf } from './profiles.js';
import { type RightSize, sizeOf } from './rightsize.js';
import { rightSizeText } from './rightsizetext.js';
import { tradeCurve } from './trade.js';

/** Every module has as many bytes as its name says: `a10`. */
function sized(dep: string): ModuleIndex {
  const index = treeOf({ dep });
  for (const module of index.modules.values())
    (module as { bytes: number }).bytes = Number(/\d+$/.exec(module.name)?.[0] ?? 0);
  return index;
}

const INDEX = sized(
  [
    'kernel/fs/ext4/ext40.ko: kernel/fs/jbd20.ko',
    'kernel/fs/jbd20.ko:',
    'kernel/fs/xfs/xfs90.ko:',
    'kernel/drivers/block/blk10.ko:',
    'kernel/drivers/infiniband/core/ib300.ko:',
    'kernel/drivers/infiniband/hw/mlx100.ko: kernel/drivers/infiniband/core/ib300.ko',
    'kernel/net/rds/rds50.ko: kernel/drivers/infiniband/core/ib300.ko',
    'kernel/sound/snd200.ko:',
    'kernel/drivers/scsi/raid70.ko: kernel/drivers/scsi/sas30.ko',
    'kernel/drivers/scsi/sas30.ko:',
  ].join('\n'),
);
const floorOf = (scenario: string, modules: string[], alternatives: string[] = []): MinimizedScenario => ({
  scenario,
  modules: modules.map((module) => ({
    module,
    bytes: 0,
    asked: { by: 'unknown', request: '' },
    without: null,
    alternatives,
  })),
  proven: true,
  flaky: false,
  trials: 0,
  notes: [],
});
const FLOORS = {
  scenarios: [floorOf('fs/ext4', ['ext40', 'jbd20', 'blk10']), floorOf('fs/xfs', ['xfs90', 'blk10'])],
  without: [],
  unproven: [],
  boots: 0,
  names: ['blk10', 'ext40', 'jbd20', 'xfs90'],
};
const KEEPERS = new Map([
  ['raid70', 'servers'],
  ['sas30', 'servers'],
]);
const SCENARIOS = ['fs/ext4', 'fs/xfs'].map((name) => ({ name }) as Scenario);
const weigh = (names: readonly string[]) => {
  const bytes = bytesOf(INDEX, names);
  return { modules: names.length, bytes, xz: null, total: bytes + 1000 };
};
const sizing = (verdict: 'pass' | 'fail') => ({
  floors: FLOORS,
  keepers: KEEPERS,
  trials: { boot: async () => ({ verdict, reason: 'no xfs' }) as ScenarioResult },
  scenarios: SCENARIOS,
  threshold: 600,
  weigh,
  log: () => undefined,
});
const imageOf = (names?: string[]) =>
  ({
    index: INDEX,
    set: names ? exactSet(INDEX, names, 'mine') : wholeTree(INDEX),
    split: null,
    installSet: null,
  }) as unknown as PreparedImage;

t.test('the whole tree: what no scenario touched, what others need, and the curve', async (t) => {
  const set = await sizeOf(imageOf(), sizing('fail'));
  t.same(set.passes, ['fs/ext4', 'fs/xfs']);
  t.same(
    set.between.groups.map((one) => [one.subsystem, one.bytes, one.takesAlong, one.bytesAlong]),
    [
      ['drivers/infiniband', 400, ['rds50'], 50],
      ['sound', 200, [], 0],
      ['net/rds', 50, [], 0],
    ],
  );
  t.same(set.between.kept, [{ for: 'servers', modules: ['raid70', 'sas30'], bytes: 100 }]);
  t.same(
    set.curve.map((move) => [move.parts, move.saved, move.scenarios, move.bytes]),
    [
      [['drivers/infiniband'], 450, [], 460],
      [['sound'], 200, [], 260],
      [['fs/xfs'], 90, ['fs/xfs'], 170],
      [['fs/ext4', 'fs', 'drivers/block'], 70, ['fs/ext4'], 100],
    ],
  );
  t.equal(set.saving, 650);
  t.ok(set.worthIt);
  const floor = { ...weigh(FLOORS.names), ...FLOORS };
  const answer: RightSize = {
    release: '6.1',
    scenarios: SCENARIOS.map(({ name }) => name),
    vmlinuz: 1000,
    initramfs: null,
    floor,
    threshold: 600,
    sets: [set],
    undecided: [],
    folder: '',
  };
  const text = rightSizeText(answer, styleOf({ isTTY: false, columns: 80 } as never));
  t.match(text, /5\.7 × its floor in bytes of modules, 2\.5 × in files, 1\.6 × with vmlinuz/);
  t.match(text, /dropping drivers\/infiniband, sound and net\/rds saves 650 B and no scenario/);
  t.match(text, /below 260 B of modules you lose fs\/xfs first/);
  t.match(text, /650 B is above the threshold of 600 B: worth moving modules for/);
});

t.test('a set that lacks something: what to add, or another module that does the same work', async (t) => {
  const without = imageOf(['ext40', 'jbd20', 'blk10', 'snd200']);
  const set = await sizeOf(without, sizing('fail'));
  t.match(set.missing, [{ scenario: 'fs/xfs', modules: ['xfs90'], bytes: 90, reason: 'no xfs' }]);
  t.match(set.curve[0], { direction: 'in', parts: ['fs/xfs'], saved: -90, scenarios: ['fs/xfs'] });
  t.notOk(
    set.curve.slice(1).some(({ scenarios }) => scenarios.includes('fs/xfs')),
    'it cannot be lost',
  );
  const booted = await sizeOf(without, sizing('pass'));
  t.same([booted.passes, booted.missing], [['fs/ext4', 'fs/xfs'], []]);
  const swapped = sizing('fail');
  swapped.floors = { ...FLOORS, scenarios: [floorOf('fs/xfs', ['xfs90'], ['ext40'])] };
  t.same((await sizeOf(without, swapped)).passes, ['fs/xfs'], 'an alternative of the floor is there');
});

t.test('the curve: every move can be made, and together they leave what is kept', async (t) => {
  const names = [...INDEX.modules.keys()];
  const some = fc.subarray(names);
  fc.assert(
    fc.property(some, some, some, some, (set, one, other, keep) => {
      const closed = (roots: readonly string[]) =>
        new Set(roots.flatMap((name) => [name, ...(INDEX.modules.get(name)?.depends ?? [])]));
      const have = closed(set);
      const floors = new Map(
        [one, other].map((roots, at) => [`s${at}`, closed(roots.filter((name) => have.has(name)))]),
      );
      const floor = new Set([...floors.values()].flatMap((names) => [...names]));
      const keepers = new Map([...closed(keep)].map((name) => [name, 'someone']));
      const between = betweenOf({ index: INDEX, set: have, floor, keepers });
      const moves = tradeCurve({ index: INDEX, set: have, between, floors, missing: [] });
      const kept = [...have].filter((name) => keepers.has(name) && !floor.has(name));
      const left = moves.at(-1)?.bytes ?? bytesOf(INDEX, have);
      const lost = moves.flatMap(({ scenarios }) => scenarios).sort();
      return (
        moves.every(
          (move, at) => move.bytes === (moves[at - 1]?.bytes ?? bytesOf(INDEX, have)) - move.saved,
        ) &&
        left >= bytesOf(INDEX, kept) &&
        left <=
          bytesOf(
            INDEX,
            [...have].filter((name) => keepers.has(name)),
          ) &&
        String(lost) === 's0,s1'
      );
    }),
    { numRuns: 500, seed: 2014 },
  );
  t.pass('500 sets');
});

t.test('parts of the tree are as people name them', async (t) => {
  for (const [path, part] of [
    ['kernel/drivers/net/ethernet/mellanox/mlx5/core/mlx5_core.ko', 'drivers/net/ethernet/mellanox'],
    ['kernel/drivers/net/wireless/ath/ath10k/ath10k_core.ko', 'drivers/net/wireless'],
    ['kernel/drivers/net/dummy.ko', 'drivers/net'],
    ['kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz', 'drivers/gpu/drm/amd'],
    ['kernel/fs/nfsd/nfsd.ko', 'fs/nfsd'],
    ['kernel/fs/mbcache.ko', 'fs'],
    ['kernel/sound/core/snd.ko', 'sound'],
    ['kernel/arch/x86/kvm/kvm.ko', 'arch/x86/kvm'],
    ['top.ko', '.'],
  ] as const)
    t.equal(partOf(path), part, path);
});

t.test('profiles: every pattern of the shipped ones names scenarios; a word can be a tag', async (t) => {
  const scenarios = await loadScenarios();
  const profiles = await readProfiles();
  for (const { name } of profiles) t.ok(scenariosOf([name], profiles, scenarios).length >= 3, name);
  t.ok(scenariosOf(['quick'], profiles, scenarios).some(({ name }) => name === 'storage/virtio-blk'));
  const both = scenariosOf(['minimal', 'router'], profiles, scenarios);
  t.equal(new Set(both).size, both.length, 'each once');
  t.throws(() => scenariosOf(['ruoter'], profiles, scenarios), /no profile ruoter.*router/);
});

t.test('keep.yaml: who needs a module, with what that needs; the shipped table is valid', async (t) => {
  const { path, remove } = folderOf({
    'bad.yaml': 'version: 1\nkeep:\n  - {modules: ["drivers/[z-a]"], for: x}\n',
  });
  t.teardown(remove);
  const file = join(path, 'keep.yaml');
  writeFileSync(file, 'version: 1\nkeep:\n  - {modules: [raid70], for: servers}\n');
  const keepers = await readKeepers(INDEX, file);
  t.same([...keepers].sort(), [...KEEPERS].sort());
  const wrong = await readKeepers(INDEX, join(path, 'bad.yaml')).catch((error: unknown) => error);
  t.match(wrong, { code: 'E_DOCUMENT', problems: [{ line: 3 }] });
  await t.resolves(readKeepers(INDEX, join(imagesDir, 'keep.yaml')));
});
