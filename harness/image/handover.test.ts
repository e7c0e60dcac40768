import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { StoredRun } from '../results/read.js';
import type { ImageRecipe, RunResult } from '../results/run-result.js';
import { packageFor } from '../search/patch.js';
import { absentSource, storedVariants } from './handover.js';
import type { PreparedImage } from './prepare.js';

const module = (name: string, depends: string[] = []) =>
  [name, { name, path: `kernel/${name}.ko`, bytes: 10, depends }] as const;
const index = {
  digest: 'tree',
  modules: new Map([module('nvme', ['nvme_core']), module('nvme_core'), module('xfs')]),
  builtins: new Set(),
};
const whole = { image: { name: 'mine' }, index } as unknown as PreparedImage;
const recipe = (modules: ImageRecipe['modules']): ImageRecipe => ({
  file: '',
  kernel: [],
  modules,
  delivery: 'window',
});

t.test('the set of a run whose policy is not here, with the rules that left modules out', async (t) => {
  const folder = t.testdir({
    'modules.txt': 'nvme # 10\nnvme_core # 10\n',
    'rules.json': JSON.stringify({
      schema: 'bootgate/rules@1',
      tree: 'tree',
      rules: [{ file: 'p.yaml', line: 3, text: 'fs/**' }],
      out: { xfs: 0 },
    }),
  });
  const policy = recipe({ kind: 'policy', file: join(folder, 'p.yaml') });
  t.equal(absentSource(policy), join(folder, 'p.yaml'));
  const [one, ...others] = await storedVariants({ folder, result: {} as RunResult }, whole, policy);
  t.same(others, []);
  t.same(one.set.names, ['nvme', 'nvme_core']);
  t.match(one.set.excludedBy.get('xfs'), { file: 'p.yaml', line: 3 });
  t.same([one.split, one.installSet, one.image.modules], [null, null, policy.modules]);
  writeFileSync(join(folder, 'p.yaml'), '');
  t.equal(absentSource(policy), undefined, 'it is here');
  t.equal(absentSource(recipe({ kind: 'list', file: '-' })), 'standard input');
  t.equal(absentSource(recipe({ kind: 'all' })), undefined);
});

t.test('of a split: each install set, and the package that holds a module', async (t) => {
  const folder = t.testdir({
    'rules.json': JSON.stringify({
      schema: 'bootgate/rules@1',
      tree: 'tree',
      rules: [{ file: 's.yaml', line: 7, text: 'xfs' }],
      out: {},
      placed: { nvme: ['core', null], nvme_core: ['core', null], xfs: ['extra', 0] },
    }),
  });
  for (const [name, text] of [
    ['core', 'nvme # 10 core\nnvme_core # 10 core\n'],
    ['core,extra', 'xfs # 10 extra\n'],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'modules.txt'), text);
  }
  const installSets = [
    { name: 'core', packages: ['core'] },
    { name: 'core,extra', packages: ['core', 'extra'] },
  ];
  const run = { folder, result: { installSets } } as unknown as StoredRun;
  const variants = await storedVariants(
    run,
    whole,
    recipe({ kind: 'split', file: '/no/such/s.yaml', format: undefined, install: ['each'] }),
  );
  t.same(
    variants.map(({ installSet, set }) => [installSet?.name, set.names]),
    [
      ['core', ['nvme', 'nvme_core']],
      ['core,extra', ['xfs']],
    ],
  );
  t.match(variants[0].split?.placement.get('xfs'), { package: 'extra', rule: { line: 7 } });
  t.equal(packageFor(variants[0], 'xfs'), 'core', 'where it has to go for that install set');
});
