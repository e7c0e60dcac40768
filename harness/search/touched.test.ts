import { join } from 'node:path';
import t from 'tap';
import type { Reference } from '../boot/reference.js';
import { loadScenarios } from '../scenarios/load.js';
import type { Scenario } from '../scenarios/scenario.js';
import { folderOf, treeOf } from '../splits/fixtures/tree.js';
import { needsOf, needsText, readNeeds, shippedNeeds } from './needs-table.js';
import type { Rebase } from './rebase.js';
import { changedModules, touchedBy } from './touched.js';

const OLD = treeOf({
  dep: 'kernel/fs/ext4.ko: kernel/fs/jbd2.ko\nkernel/fs/jbd2.ko:\nkernel/fs/xfs.ko:',
  aliases: { 'fs-ext4': 'ext4', 'fs-xfs': 'xfs' },
});
const NEW = treeOf({
  dep: 'kernel/fs/ext4.ko: kernel/lib/crc16.ko\nkernel/lib/crc16.ko:\nkernel/fs/xfs.ko:',
  aliases: { 'fs-ext4': 'ext4', 'fs-xfs': 'xfs' },
});
const scenarios = ['fs/ext4', 'fs/xfs', 'fs/new'].map(
  (name) => ({ name, disks: [], nics: [], devices: [] }) as unknown as Scenario,
);
const referenceOf = (loaded: string[], asked: string[]) =>
  ({ verdict: 'pass', modulesLoaded: loaded, askedBySteps: asked }) as unknown as Reference;

t.test('needs are recorded with what they are for, written and read back', async (t) => {
  const [ext4, xfs] = scenarios;
  if (!ext4 || !xfs) return t.fail();
  const table = {
    version: 1 as const,
    kernel: '6.1.0',
    scenarios: {
      'fs/ext4': needsOf(ext4, referenceOf(['ext4', 'jbd2', 'xfs'], ['fs-ext4']), OLD),
      'fs/xfs': needsOf(xfs, referenceOf(['xfs'], ['fs-xfs']), OLD),
    },
  };
  t.same(table.scenarios['fs/ext4'], {
    requests: ['fs-ext4'],
    modules: { ext4: 'step fs-ext4', jbd2: 'needed by ext4' },
  });
  const { path, remove } = folderOf({
    '6.1.yaml': needsText(table),
    '6.12.yaml': needsText({ ...table, kernel: '6.12' }),
  });
  t.teardown(remove);
  t.same(await readNeeds(join(path, '6.1.yaml')), table);
  for (const [release, kernel] of [
    ['6.1.0-56-amd64', '6.1.0'],
    ['6.9.1', '6.1.0'],
    ['7.2.0', '6.12'],
    ['5.10.0', '6.1.0'],
  ] as const)
    t.equal((await shippedNeeds(release, path))?.kernel, kernel, release);

  const nothing = {
    changes: {
      arrived: [],
      gone: [],
      renamed: [],
      moved: [],
      builtIn: [],
      modular: [],
      dependencies: [],
      grown: [],
    },
    rehomed: [],
    unplaced: [],
    broken: [],
  } as unknown as Rebase;
  const touched = (part: Partial<Rebase['changes']>) =>
    touchedBy(
      changedModules({ ...nothing, changes: { ...nothing.changes, ...part } }),
      scenarios,
      table,
      NEW,
    );
  const unknown = { scenario: 'fs/new', modules: [] };
  t.same(touched({}), [unknown], 'nothing is recorded of it');
  t.same(touched({ gone: ['jbd2'] }), [{ scenario: 'fs/ext4', modules: ['jbd2'] }, unknown], 'needed before');
  t.same(
    touched({ arrived: ['crc16'] }),
    [{ scenario: 'fs/ext4', modules: ['crc16'] }, unknown],
    'needed now',
  );
  t.same(touched({ renamed: [{ from: 'xfs', to: 'xfs2', sharedAliases: 1 }] })[0]?.scenario, 'fs/xfs');
});

t.test('the shipped table is of scenarios that there are', async (t) => {
  const table = await shippedNeeds('6.1.0');
  const names = new Set((await loadScenarios()).map(({ name }) => name));
  t.same(
    Object.keys(table?.scenarios ?? {}).filter((name) => !names.has(name)),
    [],
  );
});
