import t from 'tap';
import type { ModuleIndex, ModuleSet } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import { withoutUntouched } from './matching.js';

const paths: Record<string, string> = {
  virtio_blk: 'kernel/drivers/block/virtio_blk.ko',
  ext4: 'kernel/fs/ext4/ext4.ko',
  nls_utf8: 'kernel/fs/nls/nls_utf8.ko',
  virtio_net: 'kernel/drivers/net/virtio_net.ko',
  '9pnet': 'kernel/net/9p/9pnet.ko',
  nf_tables: 'kernel/net/netfilter/nf_tables.ko',
  nf_nat: 'kernel/net/ipv4/netfilter/nf_nat.ko',
};
const index = { modules: new Map(Object.entries(paths).map(([name, path]) => [name, { path }])) };
const areas = ['boot', 'storage', 'filesystems', 'network', 'netfilter', 'mine'];
const boots = areas.map((area) => ({ name: `${area}/x`, area }) as Scenario);

const booted = (names: string[], added: string[] = []) => {
  const set = { names, additions: added.map((module) => ({ module })) } as unknown as ModuleSet;
  const plan = withoutUntouched({ boots, skips: [] }, [{ set, index: index as unknown as ModuleIndex }]);
  return { areas: plan.boots.map(({ area }) => area), skips: plan.skips };
};

t.test('areas that the set names no module of are skipped, each with the reason', async (t) => {
  const { areas: kept, skips } = booted(['virtio_blk', 'ext4']);
  t.same(kept, ['boot', 'storage', 'filesystems', 'mine']);
  t.same(
    skips.map(({ scenario, reason }) => `${scenario.name}: ${reason}`),
    [
      'network/x: the set names no module of network (--matching)',
      'netfilter/x: the set names no module of netfilter (--matching)',
    ],
  );
});

t.test('what each module claims', async (t) => {
  t.same(booted(['nls_utf8', '9pnet']).areas, ['boot', 'mine'], 'a code page and a transport are no area');
  t.same(booted(['virtio_net']).areas, ['boot', 'network', 'mine']);
  t.same(booted(['nf_nat']).areas, ['boot', 'netfilter', 'mine']);
  t.same(booted(['nf_tables']).areas, ['boot', 'netfilter', 'mine']);
  t.same(
    booted(['ext4', 'virtio_net'], ['virtio_net']).areas,
    ['boot', 'filesystems', 'mine'],
    'a dependency',
  );
});
