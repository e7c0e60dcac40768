import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { loadScenarios } from '../scenarios/load.js';
import { floorsOf } from './floors.js';
import type { MinimizedScenario } from './minimize.js';
import { rightSize } from './rightsize.js';

/** Remembers floors in memory; anything else is the host's cache. What is not remembered would have to be booted. */
class RememberingCache extends Cache {
  readonly asked: string[] = [];
  next = '';

  override async recall(kind: string, key: string): Promise<string | null> {
    if (!kind.startsWith('floor')) return super.recall(kind, key);
    this.asked.push(`${kind} ${key}`);
    return kind === 'floor-proof' ? 'pass' : this.next;
  }
}

const floorOf = (scenario: string, names: string[]): MinimizedScenario => ({
  scenario,
  modules: names.map((module) => ({
    module,
    bytes: 0,
    asked: { by: 'unknown', request: '' },
    without: null,
    alternatives: [],
  })),
  proven: true,
  flaky: false,
  trials: 5,
  notes: [],
});
const BLOCK = [
  'virtio',
  'virtio_blk',
  'virtio_pci',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_ring',
];

t.test(
  'floors that were proven once are not searched again, for the same kernel, scenario and set',
  { timeout: 120_000 },
  async (t) => {
    const cache = new RememberingCache();
    const folder = mkdtempSync(join(tmpdir(), 'bootgate-floors-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const prepared = await prepareImage(await loadImage('debian-2014'), { cache });
    const all = await loadScenarios();
    const scenarioOf = (name: string) => all.filter((one) => one.name === name);
    const accelerator = { requested: 'tcg', used: 'tcg', reason: '' } as const;
    const options = { prepared, accelerator, cache, folder, jobs: 1 };

    cache.next = JSON.stringify(floorOf('storage/virtio-blk', BLOCK));
    const floors = await floorsOf({ ...options, scenarios: scenarioOf('storage/virtio-blk') });
    t.same([floors.names, floors.boots, floors.without, floors.unproven], [BLOCK, 0, [], []]);
    const keys = [...cache.asked];
    cache.asked.length = 0;
    const whole = await prepareImage(await loadImage('debian'), { cache });
    await floorsOf({ ...options, prepared: whole, scenarios: scenarioOf('storage/virtio-blk') });
    t.same(cache.asked, keys, "the floor is the tree's, whatever set is asked about");
    cache.asked.length = 0;
    cache.next = JSON.stringify(floorOf('storage/nvme', ['nvme', 'nvme_core']));
    await floorsOf({ ...options, scenarios: scenarioOf('storage/nvme') });
    t.notOk(
      cache.asked.some((key) => keys.includes(key)),
      'another scenario has another floor and another proof',
    );

    cache.next = JSON.stringify(floorOf('storage/virtio-blk', BLOCK));
    const scenarios = scenarioOf('storage/virtio-blk');
    const answer = await rightSize({ ...options, variants: [prepared], scenarios, initramfs: 1000 });
    const [set] = answer.sets;
    t.same([set?.passes, set?.missing], [['storage/virtio-blk'], []]);
    t.equal(answer.floor.total, answer.vmlinuz + 1000 + answer.floor.bytes);
    const names = set?.between.groups.map(({ subsystem }) => subsystem) ?? [];
    t.ok(
      names.includes('drivers/gpu/drm/amd') && !names.includes('drivers/infiniband'),
      'of the set, not of the tree',
    );
    t.ok(set?.between.kept.some((one) => /RAID/.test(one.for)));
    t.ok(set?.worthIt && set.saving > answer.threshold);
    t.same(set?.curve.at(-1)?.scenarios, ['storage/virtio-blk'], 'the last thing to go');
  },
);
