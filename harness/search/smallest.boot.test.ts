import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Executor } from '../boot/executor.js';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { closure } from '../modules/closure.js';
import { exactSet } from '../modules/set.js';
import { makeRunFolder } from '../results/folder.js';
import { loadScenarios } from '../scenarios/load.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { bisect } from './bisect.js';
import { minimize } from './minimize.js';
import { Trials, withoutModules } from './trial.js';

/** The searches with real guests, with BOOTGATE_ALL=1; the README's own minimize is always run. */
const all = process.env.BOOTGATE_ALL === '1';
const cache = new Cache();
const folder = mkdtempSync(join(tmpdir(), 'bootgate-smallest-test-'));
const scenarios = await loadScenarios();
const whole = await prepareImage(await loadImage('debian'), { cache });
const accelerator = await chooseAccelerator('auto', { kernel: whole.kernel, vmlinux: whole.vmlinux, cache });
const common = { accelerator, cache, jobs: 1 };

const imageWith = async (modules: string) => prepareImage(await loadImage('debian', { modules }), { cache });

async function minimized(names: string[], earlier?: string, portable = false) {
  return minimize({
    ...common,
    prepared: whole,
    scenarios: scenarios.filter(({ name }) => names.includes(name)),
    folder: (await makeRunFolder(folder, 'minimize')).path,
    earlier,
    portable,
  });
}

t.test(
  'minimize: the smallest set, by brute force too, and again from what was written down',
  { skip: !all, timeout: 600_000 },
  async (t) => {
    const done = await minimized(['storage/virtio-blk']);
    t.ok(done.verified);
    t.ok(done.names.includes('virtio_blk') && done.names.length < 12, done.names.join(', '));
    t.same(closure(whole.index, done.names).sort(), done.names, 'closed');
    const asked = new Map(done.scenarios[0]?.modules.map((one) => [one.module, one.asked]));
    t.same(asked.get('virtio_blk'), { by: 'device', request: 'virtio:d00000002v00001AF4' });

    // Not by the search's own trials: every module, also those that others need.
    const small = { ...whole, set: exactSet(whole.index, done.names, 'smallest') };
    const trials = new Trials(new Executor(common), join(folder, 'without'));
    const scenario = scenarios.find(({ name }) => name === 'storage/virtio-blk');
    if (!scenario) return t.fail('no scenario');
    for (const name of done.names) {
      const { verdict } = await trials.boot(withoutModules(small, [name]), scenario);
      t.not(verdict, 'pass', `fails without ${name}`);
    }

    const again = await minimized(['storage/virtio-blk'], done.folder);
    t.same(
      [again.names, again.verified, again.boots],
      [done.names, true, 0],
      'resumed: nothing is booted twice',
    );
    const file = join(done.folder, 'trials.jsonl');
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    writeFileSync(file, `${lines.slice(0, -1).join('\n')}\n${lines.at(-1)?.slice(0, 20)}`);
    const torn = await minimized(['storage/virtio-blk'], done.folder);
    t.same([torn.names, torn.verified, torn.boots], [done.names, true, 1], 'what was cut off is booted');
  },
);

t.test('minimize: the portable one of two that answer alike', { skip: !all, timeout: 600_000 }, async (t) => {
  const done = await minimized(['filesystems/ext4'], undefined, true);
  t.ok(done.verified);
  t.ok(done.names.includes('crc32c_generic') && !done.names.includes('crc32c_intel'), done.names.join(', '));
});

t.test(
  'bisect: finds the module that one of two lists lacks',
  { skip: !all, timeout: 600_000 },
  async (t) => {
    const [list, without] = [join(folder, 'good.txt'), join(folder, 'bad.txt')];
    writeFileSync(list, 'virtio_pci\nvirtio-blk\next4\nxfs\nbtrfs\n');
    writeFileSync(without, 'virtio_pci\nvirtio-blk\next4\n-virtio-blk\n');
    const [good, bad] = [await imageWith(list), await imageWith(without)];
    const scenario = scenarios.find(({ name }) => name === 'storage/virtio-blk');
    if (!scenario) return t.fail('no scenario');
    const { path } = await makeRunFolder(folder, 'bisect');
    const done = await bisect({ good, bad, scenario, accelerator, cache, folder: path });
    t.same(
      [done.outcome, done.guilty.map(({ module, kind }) => [module, kind])],
      ['found', [['virtio_blk', 'add']]],
    );
    t.match(done.guilty[0]?.bad, { line: 4, text: '-virtio-blk' });
    t.ok(done.trials <= 2 * Math.log2(done.differ) + 4, `${done.trials} trials for ${done.differ}`);
    t.match(done.proof, { bad: { verdict: 'pass' }, good: { verdict: 'fail' } });
  },
);
