import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { historyIn, historyOf } from './history.js';

const FIXTURE = join(packageRoot, 'harness', 'report', 'fixtures', 'run.json');

const run = (more: object = {}): RunResult =>
  ({
    seconds: 10,
    results: [
      { scenario: 'a/a', seconds: 12 },
      { scenario: 'a/b', installSet: 'core', seconds: 8 },
      { scenario: 'a/skipped', seconds: 0 },
    ],
    ...more,
  }) as RunResult;

t.test('what a run took, by the names of its results', async (t) => {
  const history = historyOf(run());
  t.same(
    [...(history?.seconds ?? [])],
    [
      ['a/a', 12],
      ['a/b [core]', 8],
    ],
  );
  t.equal(history?.guestSecondsPerSecond, 2);
});

t.test('no estimate from a run that tells nothing of its speed', async (t) => {
  t.equal(historyOf(run({ results: [] })), undefined, 'nothing was booted');
  t.equal(historyOf(run({ resumed: { kept: 1 } })), undefined, 'its wall time is that of the rest alone');
  const results = mkdtempSync(join(tmpdir(), 'bootgate-history-'));
  t.equal(await historyIn(results, 'tcg'), undefined, 'there is no run');
  mkdirSync(join(results, 'one'));
  cpSync(FIXTURE, join(results, 'one', 'run.json'));
  symlinkSync('one', join(results, 'latest'));
  t.equal((await historyIn(results, 'tcg'))?.seconds.get('storage/virtio-blk'), 6.1);
  t.equal(await historyIn(results, 'kvm'), undefined, 'it was booted under another accelerator');
});
