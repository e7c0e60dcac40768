import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { BootgateError, describeError } from '../errors.js';
import { scenariosDir } from '../paths.js';
import { ALL_ROWS, rowsOf } from '../vm/devices/index.js';
import { loadScenarios } from './load.js';
import { scenarioEntries } from './payload.js';
import { scenarioJsonSchema } from './schema.js';
import { selectScenarios } from './select.js';

const SIXTEEN = [
  'boot/packaged-vmlinuz',
  ...['btrfs', 'ext4', 'vfat', 'xfs'].map((fs) => `filesystems/${fs}`),
  ...['conntrack', 'iptables', 'nft-filter', 'nft-nat'].map((name) => `netfilter/${name}`),
  ...['e1000e-tcp', 'virtio-net-dhcp', 'virtio-net-tcp'].map((name) => `network/${name}`),
  ...['ahci', 'nvme', 'virtio-blk', 'virtio-scsi'].map((bus) => `storage/${bus}`),
];

/** A folder of scenario files. */
function folder(t: Test, files: Record<string, string>): string {
  const dir = t.testdir();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** `file:line:col message` of each problem, and its hint. */
async function problemsOf(t: Test, files: Record<string, string>): Promise<string[]> {
  const dir = folder(t, files);
  const error = await loadScenarios(dir).then(
    () => t.fail('it was taken'),
    (error: unknown) => error,
  );
  t.ok(error instanceof BootgateError && error.blame === 'user', 'the blame is the user’s');
  return (error as BootgateError).problems.map(({ file = '', line, column, message, hint }) => {
    const place = `${relative(dir, resolve(file))}:${line}:${column ?? ''}`;
    return `${place} ${message}${hint ? ` [${hint}]` : ''}`;
  });
}

const STEP = 'steps: [{ name: one, run: "true" }]\n';

t.test('the shipped scenarios are valid', async (t) => {
  const scenarios = await loadScenarios(scenariosDir);
  const names = scenarios.map(({ name }) => name);
  t.same(
    SIXTEEN.filter((name) => !names.includes(name)),
    [],
    'the sixteen are there',
  );
  t.same(names, [...names].sort(), 'in order');
  for (const { name, description, steps } of scenarios) {
    t.notMatch(description, /\$\{/, `${name}: its description is filled in`);
    for (const step of steps) t.notMatch(step.name, /\$\{/);
  }
  const named = (pattern: string) => selectScenarios(scenarios, [pattern]).map(({ name }) => name);
  t.same(named('storage/virtio-blk'), ['storage/virtio-blk'], 'a name is that scenario alone');
  t.same(named('ext4'), ['filesystems/ext4']);
  t.ok(named('storage/virtio').length > 3, 'the beginning of a name is all that begin so');
  const ofDisks = scenarios.filter(({ file }) => file.endsWith('storage/disks.yaml'));
  t.ok(ofDisks.length > 12);
  for (const { name, disks } of ofDisks) t.equal(`storage/${disks[0]?.bus}`, name, 'the matrix is filled in');
});

t.test('the quick ones are those of the first day, and every device has a scenario', async (t) => {
  const scenarios = await loadScenarios(scenariosDir);
  const quick = scenarios.filter(({ tags }) => tags?.includes('quick')).map(({ name }) => name);
  t.same(quick, [...SIXTEEN, 'filesystems/9p'].sort());
  const used = new Set(scenarios.flatMap((one) => rowsOf(one).map(({ name }) => name)));
  t.same(
    ALL_ROWS.filter(({ name }) => !used.has(name)).map(({ name }) => name),
    [],
    'no row of the device table is without proof',
  );
});

/** What a step's words or a tool need of a kernel; one symbol that matches is enough. Without it the scenario fails where it should be skipped. */
const KERNEL_FOR: readonly [RegExp, RegExp][] = [
  [/\b(?:routed_network|two_hosts|bridged_hosts)\b|type veth/, /^CONFIG_VETH$/],
  [/\bbridged_hosts\b/, /^CONFIG_BRIDGE/],
  [/\b(?:dm_make|dm_node)\b/, /CONFIG_(?:BLK_DEV_)?DM/],
  [/\bmd_make\b/, /^CONFIG_BLK_DEV_MD$/],
  [/\b(?:nft|watch_packets) /, /CONFIG_NFT?_/],
  [/\biptables /, /^CONFIG_NFT_COMPAT$/],
  [/\btc qdisc add .* ingress/, /^CONFIG_NET_SCH_INGRESS$/],
  [/\btc filter add .* flower/, /^CONFIG_NET_CLS_FLOWER$/],
  [/\bip tuntap\b/, /^CONFIG_TUN$/],
];

t.test('a scenario says what its helpers and tools need of the kernel', async (t) => {
  const silent = (await loadScenarios(scenariosDir)).flatMap(({ name, steps, needs = [] }) => {
    const text = steps.map(({ run }) => run).join('\n');
    return KERNEL_FOR.filter(
      ([words, symbol]) => words.test(text) && !needs.some((need) => symbol.test(need)),
    ).map(([words, symbol]) => `${name} does ${words.source} and needs no ${symbol.source}`);
  });
  t.same(silent, []);
});

t.test('scenarios/schema.json is what the schema says', async (t) => {
  const file = join(scenariosDir, 'schema.json');
  if (process.env.BOOTGATE_UPDATE) writeFileSync(file, scenarioJsonSchema());
  t.equal(
    readFileSync(file, 'utf8'),
    scenarioJsonSchema(),
    'fresh; BOOTGATE_UPDATE=1 writes it anew when this test runs',
  );
  const text = scenarioJsonSchema();
  const undescribed = Object.entries(JSON.parse(text).properties).filter(
    ([name, value]) =>
      !(value as { description?: string }).description && !['disks', 'nics', 'steps'].includes(name),
  );
  t.same(undescribed, [], 'every field is described');
});

t.test('defaults, sizes and addresses', async (t) => {
  const dir = folder(t, {
    'area/plain.yaml': `description: d\nnics: [{ model: e1000e }, { model: virtio-net, far-end: true }]\n${STEP}`,
  });
  const [plain] = await loadScenarios(dir);
  t.match(plain, {
    name: 'area/plain',
    area: 'area',
    line: 1,
    cpus: 1,
    memoryMiB: 512,
    boot: 'direct',
    disks: [],
    tools: [],
    cmdline: '',
    nics: [
      { model: 'e1000e', mac: '52:54:00:62:67:00', farEnd: false },
      { model: 'virtio-net', mac: '52:54:00:62:67:01', farEnd: true },
    ],
    steps: [{ name: 'one', run: 'true', timeout: 20 }],
  });
});

t.test('a matrix makes one scenario of each row', async (t) => {
  const dir = folder(t, {
    'a/m.yaml': `name: a/\${bus}-\${n}
description: \${bus}
matrix:
  - { bus: nvme, n: 1 }
  - { bus: ahci, n: 2 }
disks: [{ serial: 'x\${n}', bus: '\${bus}', size: '\${n}GiB' }]
timeout: 7
steps:
  - name: on \${bus}
    run: echo \${bus} \${HOME} "\${x:-\${n}}"
    timeout: 3
  - { name: two, run: 'true' }
`,
  });
  const scenarios = await loadScenarios(dir);
  t.same(
    scenarios.map(({ name, description, disks, steps }) => ({ name, description, disks, steps })),
    [
      {
        name: 'a/ahci-2',
        description: 'ahci',
        disks: [{ serial: 'x2', bus: 'ahci', sizeMiB: 2048, verifyPattern: false }],
        steps: [
          { name: 'on ahci', run: `echo ahci \${HOME} "\${x:-2}"`, timeout: 3 },
          { name: 'two', run: 'true', timeout: 7 },
        ],
      },
      {
        name: 'a/nvme-1',
        description: 'nvme',
        disks: [{ serial: 'x1', bus: 'nvme', sizeMiB: 1024, verifyPattern: false }],
        steps: [
          { name: 'on nvme', run: `echo nvme \${HOME} "\${x:-1}"`, timeout: 3 },
          { name: 'two', run: 'true', timeout: 7 },
        ],
      },
    ],
  );
});

t.test('all that is wrong is said at once, with its place', async (t) => {
  const problems = await problemsOf(t, {
    'a/bus.yaml': `description: d
disks:
  - { serial: data, bus: virtio-blkk, size: 64MiB }
  - { serial: data, bus: nvme, size: 64 }
  - { serial: 'a b', bus: nvme, size: 64MB }
nics: [{ model: e1000f }]
tools: [mkfs.ext3]
${STEP}`,
    'a/fit.yaml': `description: d
machine: q36
tags: [quick, wide]
needs: [CONFIG_NF_NAT, veth|CONFIG_VETH, config_x y]
disks:
  - { serial: one, bus: ide, size: 1MiB }
  - { serial: two, bus: sdhci, size: 48MiB }
  - { serial: three, bus: sdhci, size: 64MiB }
devices: [virtio-rgn]
${STEP}`,
    'a/helper.yaml': `description: d
steps:
  - name: one
    run: |
      need_disc data
      # need_nothing is only a comment
      if within 3 expect_opne x; then echo need_not; fi
      own_helper() { true; }
      own_helper && modprobe -q virtio_blk
  - name: one
    run: if true; then
`,
    'a/negated.yaml': `description: d
steps:
  - name: one
    run: |
      ! grep -q x /proc/mounts
      ! grep -q y /proc/mounts || fail y
      if ! grep -q z /proc/mounts; then echo z; fi
`,
    'a/keys.yaml': `description: d\nstep: []\n${STEP}`,
    'a/matrix.yaml': `description: \${buss}\nmatrix:\n  - { bus: a }\n  - { bos: a }\n${STEP}`,
    'a/yaml.yaml': `description: [d\n${STEP}`,
    'top.yaml': `description: d\n${STEP}`,
    'a/bus2.yaml': `name: a/helper\ndescription: d\n${STEP}`,
  });
  const expected = [
    /^a\/bus\.yaml:3:\d+ disks\[0\]\.bus: unknown bus virtio-blkk \(did you mean virtio-blk\?\) \[known: virtio-blk, /,
    /^a\/bus\.yaml:4:\d+ disks\[1\]\.serial: two disks have the serial data/,
    /^a\/bus\.yaml:4:\d+ disks\[1\]\.size: expected a size .* not 64$/,
    /^a\/bus\.yaml:5:\d+ disks\[2\]\.serial: expected 1 to 20 letters/,
    /^a\/bus\.yaml:5:\d+ disks\[2\]\.size: .* not 64MB$/,
    /^a\/bus\.yaml:6:\d+ nics\[0\]\.model: unknown network card e1000f \(did you mean e1000, e1000e/,
    /^a\/bus\.yaml:7:\d+ tools\[0\]: unknown tool mkfs\.ext3 \(did you mean mkfs\.ext4/,
    /^a\/fit\.yaml:2:\d+ machine: unknown machine q36 \(did you mean q35/,
    /^a\/fit\.yaml:4:\d+ needs\[2\]: expected CONFIG_SYMBOL or the name of a module, not config_x y/,
    /^a\/fit\.yaml:6:\d+ disks\[0\]\.bus: ide needs machine: pc/,
    /^a\/fit\.yaml:7:\d+ disks\[1\]\.bus: 2 of sdhci: a guest can have 1/,
    /^a\/fit\.yaml:7:\d+ disks\[1\]\.size: sdhci takes only sizes that are powers of two, not 48MiB/,
    /^a\/fit\.yaml:9:\d+ devices\[0\]: unknown device virtio-rgn \(did you mean virtio-rng/,
    /^a\/helper\.yaml:4:\d+ steps\[0\]\.run: unknown helper need_disc \(did you mean need_disk/,
    /^a\/helper\.yaml:4:\d+ steps\[0\]\.run: unknown helper expect_opne \(did you mean expect_open, expect_ping\?\)/,
    /^a\/helper\.yaml:10:\d+ steps\[1\]\.name: two steps are named one/,
    /^a\/helper\.yaml:11:\d+ steps\[1\]\.run: sh cannot read this: /,
    /^a\/negated\.yaml:4:\d+ steps\[0\]\.run: set -e ignores a command after !: ! grep -q x \/proc\/mounts \[write/,
    /^a\/keys\.yaml:2:1 step: unknown key \(did you mean steps\?\)/,
    /^a\/matrix\.yaml:1:\d+ description: \$\{buss\} is not a word of the matrix \(did you mean bus/,
    /^a\/matrix\.yaml:3:\d+ matrix\[0\]: this row has no bos/,
    /^a\/matrix\.yaml:4:\d+ matrix\[1\]: this row has no bus/,
    /^a\/yaml\.yaml:\d+:\d+ /,
    /^top\.yaml:1:1 name: expected AREA\/NAME/,
    /a second scenario is named a\/helper/,
    /a second scenario is named a\/matrix/,
  ];
  for (const pattern of expected)
    t.ok(
      problems.some((line) => pattern.test(line)),
      `${pattern}`,
    );
  const surplus = problems.filter((line) => !expected.some((pattern) => pattern.test(line)));
  t.same(surplus, [], 'and nothing else');
});

t.test('a folder that cannot be read, or holds no scenario', async (t) => {
  await t.rejects(loadScenarios('/nonexistent/x'), { code: 'E_SCENARIOS', blame: 'user' });
  await t.rejects(loadScenarios(t.testdir({})), { code: 'E_SCENARIOS', message: /no scenario/ });
});

t.test('selection', async (t) => {
  const all = SIXTEEN.map((name) => ({ name }));
  const pick = (...patterns: string[]) =>
    selectScenarios(all, patterns)
      .map(({ name }) => name)
      .join(' ');
  t.equal(pick('*'), SIXTEEN.join(' '));
  t.equal(pick(), SIXTEEN.join(' '), 'no pattern: everything');
  t.equal(pick('storage/nvme', 'boot'), 'boot/packaged-vmlinuz storage/nvme', 'in their own order');
  t.equal(pick('storage/virtio'), 'storage/virtio-blk storage/virtio-scsi', 'up to a part of a name');
  t.equal(pick('ext4'), 'filesystems/ext4');
  t.equal(
    pick('*/virtio-*'),
    'network/virtio-net-dhcp network/virtio-net-tcp storage/virtio-blk storage/virtio-scsi',
  );
  t.equal(pick('storage', '!storage/virtio'), 'storage/ahci storage/nvme');
  t.equal(
    pick('!n*', '!filesystems'),
    'boot/packaged-vmlinuz storage/ahci storage/nvme storage/virtio-blk storage/virtio-scsi',
  );
  t.throws(() => pick('storage/nvm', 'boot'), { code: 'E_NO_SUCH_SCENARIO', blame: 'user' });
  for (const [wrong, right] of [
    ['storage/nvmee', 'storage/nvme'],
    ['stroage', 'storage'],
    ['exti4', 'ext4'],
  ]) {
    try {
      pick(wrong ?? '');
      t.fail('it was taken');
    } catch (error) {
      t.match(describeError(error), new RegExp(`did you mean .*${right}`));
    }
  }
  t.equal(pick('storage/*', 'storage/[ahci]*'), pick('storage'), 'brackets are harmless');
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (pattern) => {
      try {
        selectScenarios(all, [pattern]);
      } catch (error) {
        return error instanceof BootgateError;
      }
      return true;
    }),
  );
});

t.test('the input of a guest', async (t) => {
  const scenarios = await loadScenarios(scenariosDir);
  const [tcp] = selectScenarios(scenarios, ['network/e1000e-tcp']);
  if (!tcp) return t.fail('no network/e1000e-tcp');
  const entries = scenarioEntries(tcp, { nonce: 'n1', seed: 's1' });
  const files = new Map(
    entries.map((entry) => [entry.path, 'data' in entry ? Buffer.from(entry.data).toString() : '']),
  );
  t.equal(
    files.get('bootgate/scenario/env'),
    `nonce n1
seed s1
scenario network/e1000e-tcp
nic nic0 52:54:00:62:67:00
step 0 20 the card is there, driven by e1000e
step 1 20 it gets an address by DHCP
step 2 40 two MiB go to the far end, and two come back
`,
  );
  t.equal(files.get('bootgate/scenario/step-1.sh'), 'cd /; dhcp nic0\n');
  t.equal(files.size, 4);
  for (const [path, text] of files) if (!path.endsWith('/env')) t.notMatch(text, 'n1');
});
