import t from 'tap';
import { styleOf } from '../report/screen.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { treeOf } from '../splits/fixtures/tree.js';
import { changeOf } from './kernel-change.js';
import { kernelMatrix, type MatrixRun, matrixText } from './matrix.js';

type Row = [scenario: string, verdict: 'pass' | 'fail', loaded: string[], missing?: string];

function runOf(
  release: string,
  tree: { dep: string; builtins?: string[] },
  core: readonly string[],
  rows: readonly Row[],
): MatrixRun {
  const index = treeOf({ ...tree, release });
  const homeOf = (name: string) => (core.includes(name) ? 'core' : 'extra');
  const placement = new Map(
    [...index.modules.keys()].map((name) => [name, { package: homeOf(name), rule: null }]),
  );
  const split = { placement };
  const variant = { index, set: { names: core }, split, installSet: { name: 'core' } };
  const results = rows.map(
    ([scenario, verdict, modulesLoaded, module]) =>
      ({
        scenario,
        installSet: 'core',
        verdict,
        modulesLoaded,
        findings: module ? [{ kind: 'missing-module', module, evidence: '' }] : [],
      }) as unknown as ScenarioResult,
  );
  const failed = rows.some(([, verdict]) => verdict === 'fail');
  const result = { image: { kernel: { release } }, results, verdict: failed ? 'fail' : 'pass' };
  return { release, variants: [variant], result, folder: `results/${release}` } as unknown as MatrixRun;
}

const NET = 'kernel/net/virtio_net.ko:';
const XFS = 'kernel/fs/xfs.ko:';
const P9 = 'kernel/fs/9p.ko:';

t.test('a matrix: one table, and who changed what from one kernel to the next', async (t) => {
  const old = runOf(
    '6.1',
    { dep: `${NET}\n${XFS}\n${P9}` },
    ['virtio_net', 'xfs', '9p'],
    [
      ['network/tcp', 'pass', ['virtio_net']],
      ['filesystems/xfs', 'pass', ['xfs']],
      ['filesystems/9p', 'pass', ['9p']],
    ],
  );
  const builtins = ['kernel/net/virtio_net.ko'];
  const next = runOf(
    '6.12',
    { dep: `${XFS}\n`, builtins },
    [],
    [
      ['network/tcp', 'pass', []],
      ['filesystems/xfs', 'fail', [], 'xfs'],
      ['filesystems/9p', 'fail', [], '9p'],
    ],
  );
  const matrix = kernelMatrix([old, next]);
  t.equal(matrix.verdict, 'fail');
  t.same(matrix.rows[1], { result: 'filesystems/xfs [core]', verdicts: ['pass', 'fail'] });
  t.same(
    matrix.changes[0]?.changes.map(({ by, message }) => [by, message]),
    [
      ['split', 'xfs is a module in core on 6.1 and a module in extra on 6.12'],
      ['kernel', '9p is a module in core on 6.1 and absent on 6.12'],
      ['kernel', 'virtio_net is built in from 6.12 on'],
    ],
  );
  const text = matrixText(matrix, styleOf({ isTTY: false, columns: 80 } as never));
  t.match(text, /^what works on +6\.1 +6\.12$/m);
  t.match(text, /^network\/tcp \[core\] +ok +ok$/m);
  t.match(text, /^the gate +ok +fail$/m);
  t.match(text, /^ {2}split: xfs is a module .*: filesystems\/xfs \[core\]$/m);
  t.match(
    matrixText(kernelMatrix([old, old]), styleOf({ isTTY: false, columns: 80 } as never)),
    /no module explains a difference/,
  );
});

t.test('what a module is on two kernels: nothing is said where nothing changed', async (t) => {
  const side = (tree: { dep: string; builtins?: string[] }, core: string[], release: string) =>
    runOf(release, tree, core, []);
  const [a, b] = [side({ dep: NET }, ['virtio_net'], '6.1'), side({ dep: NET }, ['virtio_net'], '6.12')];
  t.equal(changeOf('virtio_net', a, b, 'core'), undefined);
  t.equal(changeOf('nothing', a, b, 'core'), undefined);
  const modular = side({ dep: '', builtins: ['kernel/net/virtio_net.ko'] }, [], '6.1');
  t.match(changeOf('virtio_net', modular, b, 'core'), {
    by: 'kernel',
    message: 'virtio_net is built in on 6.1 and a module in core on 6.12',
  });
});
