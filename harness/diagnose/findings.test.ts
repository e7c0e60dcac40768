import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { exec } from '../exec.js';
import { parseKernelConfig } from '../kernel/config.js';
import { resolveKernel } from '../kernel/resolve.js';
import type { ModuleDetail } from '../modules/details.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { setFromNames, wholeTree } from '../modules/set.js';
import { emptyReport, type GuestReport } from '../vm/records.js';
import { banOf, readBlacklist } from './blacklist.js';
import { badStep, evidence, OUTSIDE_OK, okStep, SCENARIO, setOf } from './fixtures/evidence.js';
import { golden } from './fixtures/golden.js';
import { judge } from './judge.js';
import { optionFor } from './options.js';
import { type ReferenceFacts, referenceFacts } from './reference-facts.js';

const failing = { steps: [okStep('find'), badStep('mount', 'mount: unknown filesystem type')] };

t.test('a request that the full module tree answers and the set does not', async (t) => {
  const { findings } = judge(
    evidence({
      report: {
        ...failing,
        requests: [
          { name: 'crypto-crc32c', status: 1, step: '' },
          { name: 'unix', status: 1, step: 'mount' },
          { name: 'crypto-foo-all', status: 1, step: 'mount' },
          { name: 'fs-xfs', status: 1, step: 'mount' },
          { name: 'fs-xfs', status: 1, step: 'mount' },
          { name: 'fs-ext4', status: 0, step: 'mount' },
        ],
      },
    }),
  );
  t.same(
    findings.map((one) => [one.kind, one.module, one.bytes, one.rule]),
    [
      ['missing-module', 'xfs', 2048 * 1024 + 4096, 'images/policies/test.yaml:31'],
      ['missing-module', 'crc32c_generic', 9000, undefined],
    ],
    'those of the failing step first, each once; built-in, answered and unknown ones not at all',
  );
  t.match(findings[0]?.evidence, /fs-xfs during the step "mount"/);
  t.match(
    findings[0]?.hint,
    /^add xfs to the set \(\+2\.0 MiB with libcrc32c\), which "exclude: fs\/xfs\/\*\*" leaves out$/,
  );
  t.same(findings[1]?.alternatives, ['crc32c_intel']);
});

t.test('the device of a lost disk comes before what the step asked for', async (t) => {
  const { findings } = judge(
    evidence({
      set: setOf('ext4', 'jbd2', 'mbcache'),
      report: {
        ...failing,
        devices: [{ kind: 'disk', id: 'BG-1', node: '' }],
        requests: [{ name: 'fs-xfs', status: 1, step: 'mount' }],
        unbound: [
          { modalias: 'virtio:d00000002v00001AF4', device: 'devices/pci0000:00/0000:00:03.0/virtio0' },
        ],
      },
    }),
  );
  t.same(
    findings.map((one) => one.module),
    ['virtio_blk', 'xfs'],
  );
  const found = judge(
    evidence({
      set: setOf('ext4', 'jbd2', 'mbcache'),
      report: {
        ...failing,
        devices: [{ kind: 'disk', id: 'BG-1', node: '/dev/vda' }],
        requests: [{ name: 'fs-xfs', status: 1, step: 'mount' }],
        unbound: [{ modalias: 'virtio:d00000002v00001AF4', device: 'x' }],
      },
    }),
  ).findings;
  t.same(
    found.map((one) => one.module),
    ['xfs'],
    'a device that nobody waits for is noise beside a real lack',
  );
  t.match(findings[0]?.evidence, /virtio:d00000002v00001AF4 \(\/sys\/devices\/pci0000:00/);
});

t.test('a module of the set whose own needs are not in it', async (t) => {
  const { findings } = judge(
    evidence({
      set: setOf('ext4', 'mbcache', 'virtio_blk'),
      console:
        '[    2.0] ext4: Unknown symbol jbd2_journal_start (err -2)\n[    2.1] ext4: Unknown symbol other (err -2)\n',
      report: { ...failing, requests: [{ name: 'fs-ext4', status: 1, step: 'mount' }] },
    }),
  );
  t.same(
    findings.map((one) => [one.kind, one.module]),
    [
      ['missing-module', 'jbd2'],
      ['kernel-warning', undefined],
    ],
    'the symbol that jbd2 exports is explained, the other is not',
  );
});

t.test('present and refused, not built, nothing to say', async (t) => {
  const refused = judge(
    evidence({
      report: {
        ...failing,
        requests: [{ name: 'fs-ext4', status: 1, step: 'mount' }],
        loadErrors: ["modprobe: ERROR: could not insert 'ext4': Exec format error"],
      },
    }),
  ).findings;
  t.same(
    refused.map((one) => [one.kind, one.module]),
    [['module-refused', 'ext4']],
  );
  t.match(refused[0]?.hint, /built for another kernel/);

  const report = { ...failing, requests: [{ name: 'fs-zfs', status: 1, step: 'mount' }] };
  t.same(
    judge(evidence({ report })).findings.map((one) => one.kind),
    ['not-built'],
  );
  const other = { ...report, steps: [okStep('find'), badStep('mount', 'checksum differs')] };
  t.same(
    judge(evidence({ report: other })).findings.map((one) => one.kind),
    ['step-failed'],
    'no missing module explains this',
  );
});

t.test('kernel reports, warnings, outside checks', async (t) => {
  const crash = judge(
    evidence({ console: golden('init-exit.log').log, report: { ...failing, ended: false } }),
  ).findings;
  t.equal(crash[0]?.kind, 'init-died');
  t.match(crash[0]?.evidence, /Attempted to kill init! exitcode=0x00000300\nCPU: 0 PID: 1/);
  t.match(crash[0]?.evidence, /\(3 more lines in console\.log\)$/);
  const pass = judge(
    evidence({
      console: golden('warning.log').log,
      report: { requests: [{ name: 'fs-xfs', status: 1, step: '' }] },
    }),
  );
  t.equal(pass.verdict, 'pass', 'a warning does not fail a scenario');
  t.same(
    pass.findings.map((one) => one.kind),
    ['kernel-warning', 'kernel-warning', 'kernel-warning'],
    'and a pass has nothing but warnings',
  );
  const outside = judge(evidence({ outside: [{ ...OUTSIDE_OK, ok: false, message: 'block 3 is empty' }] }));
  t.same(
    outside.findings.map((one) => one.kind),
    ['outside-check'],
  );
  const both = judge(
    evidence({
      report: { ...failing, requests: [{ name: 'fs-xfs', status: 1, step: 'mount' }] },
      outside: [{ ...OUTSIDE_OK, ok: false, message: 'block 3 is empty' }],
    }),
  );
  t.same(
    both.findings.map((one) => one.kind),
    ['missing-module'],
    'what was never written cannot be there',
  );
  t.same(
    judge(evidence({ ending: { kind: 'infra', message: 'no' }, console: golden('warning.log').log }))
      .findings,
    [],
  );
});

t.test('the package comes from the split where there is one', async (t) => {
  const given = evidence({
    report: { ...failing, requests: [{ name: 'fs-xfs', status: 1, step: 'mount' }] },
  });
  const packageOf = (name: string) => ({ package: `for-${name}`, rule: 'images/splits/x.yaml:12' });
  const [finding] = judge({ ...given, packageOf }).findings;
  t.match(finding, { package: 'for-xfs', rule: 'images/splits/x.yaml:12' });
  t.match(finding?.hint, /from the package for-xfs/);
});

t.test("on a distribution's tree the module named is the one that modprobe would load", async (t) => {
  const cache = new Cache();
  const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
  const tree = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  // Where such modules lie; depmod reads them, and modprobe what depmod wrote.
  const places =
    /^kernel\/(fs\/xfs|drivers\/block|drivers\/scsi|drivers\/net\/veth|net\/netfilter|net\/ipv4)\b/;
  const root = t.testdir({ lib: { modules: { [kernel.release]: {} } }, 'depmod.conf': '' });
  for (const { path } of tree.modules.values()) {
    if (!places.test(path)) continue;
    const link = join(root, 'lib', 'modules', kernel.release, path);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(tree.dir, path), link);
  }
  await exec('depmod', ['-C', join(root, 'depmod.conf'), '-b', root, kernel.release]);
  const asked = [
    'fs-xfs',
    'virtio:d00000002v00001AF4',
    'nfnetlink-subsys-10',
    'scsi:t-0x00',
    'nft-chain-2-nat',
    'veth',
  ];
  for (const request of asked) {
    const { stdout } = await exec('modprobe', ['-d', root, '-S', kernel.release, '-R', request], {
      okCodes: [0, 1],
    });
    const oracle = stdout
      .trim()
      .split('\n')
      .map((name) => name.replaceAll('-', '_'));
    t.ok(oracle[0], `modprobe knows ${request}`);
    const users = wholeTree(tree).names.filter((name) => !closureHas(tree, name, oracle));
    const { findings } = judge({
      ...evidence({ report: { ...failing, requests: [{ name: request, status: 1, step: 'mount' }] } }),
      set: setFromNames(tree, users, 'all but what answers, and what needs it'),
      tree,
    });
    t.ok(oracle.includes(findings[0]?.module ?? ''), `${request}: ${findings[0]?.module} of ${oracle}`);
    t.equal(findings.length, 1);
  }
});

/** Whether a module is one of these or needs one of them. */
function closureHas(tree: ModuleIndex, name: string, wanted: readonly string[]): boolean {
  return (
    wanted.includes(name) || (tree.modules.get(name)?.depends ?? []).some((need) => wanted.includes(need))
  );
}

// --- what else is known ---------------------------------------------------------------------------------------

const asked = (...names: string[]) => names.map((name) => ({ name, status: 1, step: 'mount' }));

t.test('the chain from what was asked for to what decided', async (t) => {
  const [disk] = judge(
    evidence({
      set: setOf('ext4', 'jbd2', 'mbcache'),
      report: {
        ...failing,
        devices: [{ kind: 'disk', id: 'BG-1', node: '' }],
        unbound: [{ modalias: 'virtio:d00000002v00001AF4', device: 'x' }],
      },
    }),
  ).findings;
  t.equal(
    disk?.chain,
    "the disk BG-1's `virtio:d00000002v00001AF4` → virtio_blk → not in the set",
    'a device is the one that the scenario declares',
  );
  const [request] = judge(evidence({ report: { ...failing, requests: asked('fs-xfs') } })).findings;
  t.equal(request?.chain, 'the step "mount"\'s `fs-xfs` → xfs → dropped by images/policies/test.yaml:31');
  t.same(request?.brings, ['libcrc32c', 'xfs'], 'the whole closure, in load order');
  const [through] = judge(
    evidence({ set: setOf('ext4', 'mbcache'), report: { ...failing, requests: asked('fs-ext4') } }),
  ).findings;
  t.equal(through?.chain, 'the step "mount"\'s `fs-ext4` → ext4 → jbd2 → not in the set');
  const both = judge(
    evidence({ set: setOf(), report: { ...failing, requests: asked('fs-ext4', 'jbd2', 'fs-xfs') } }),
  ).findings;
  t.same(
    both.map((one) => one.module),
    ['ext4', 'xfs'],
    'what comes with a likelier remedy is not told again',
  );
  const packageOf = () => ({ package: 'extra', rule: 'splits/x.yaml:12' });
  const [split] = judge(
    evidence({ report: { ...failing, requests: asked('fs-xfs') }, background: { packageOf } }),
  ).findings;
  t.match(split?.chain, /→ xfs → in the package extra, placed there by splits\/x\.yaml:12$/);
});

t.test('the reference boot folds away what it lacks too, and puts first what it was given', async (t) => {
  const report = {
    ...failing,
    requests: asked('fs-ext4', 'fs-xfs', 'crypto-crc32c'),
    unbound: [{ modalias: 'virtio:d00000002v00001AF4', device: 'x' }],
  };
  const facts = {
    verdict: 'pass' as const,
    answered: ['crypto-crc32c'],
    unanswered: ['fs-xfs'],
    unbound: [],
    modulesLoaded: ['crc32c_generic', 'ext4', 'virtio_blk', 'xfs'],
  };
  const modules = (reference: typeof facts) =>
    judge(evidence({ set: setOf(), report, background: { reference } })).findings.map((one) => one.module);
  t.same(modules({ ...facts, answered: [], unanswered: [] }), ['ext4', 'xfs', 'crc32c_generic']);
  t.same(modules(facts), ['crc32c_generic', 'ext4']);
  t.same(modules({ ...facts, unanswered: ['fs-xfs', 'fs-ext4', 'crypto-crc32c'], answered: [] }), [
    'virtio_blk',
  ]);
  const silent = judge(
    evidence({
      report: { ...failing, requests: [] },
      background: { reference: { ...facts, modulesLoaded: ['ext4', 'libcrc32c', 'xfs'] } },
    }),
  ).findings;
  t.same(
    silent.map((one) => [one.kind, one.module]),
    [['missing-module', 'xfs']],
    'what the reference loaded and nobody asked for here is the last resort',
  );
  const told = (reference: Partial<ReferenceFacts>, report: Partial<GuestReport> = failing) =>
    judge(evidence({ report, background: { reference: { ...facts, ...reference } } })).findings;
  t.match(
    told({ modulesLoaded: ['ext4', 'crc32c_generic', 'xfs', 'libcrc32c'] }),
    [{ kind: 'reference-difference', evidence: /passes, and loaded: crc32c_generic, xfs, libcrc32c/ }],
    'of several, which the guest never named, none is blamed',
  );
  t.same(
    told({ modulesLoaded: ['virtio_blk'] }, { ...failing, requests: asked('fs-xfs') }).map(
      ({ kind }) => kind,
    ),
    ['step-failed'],
    'a missing module that the reference did without as well is noise',
  );
  t.equal(
    told(
      { modulesLoaded: ['crc32c_intel', 'virtio_blk'], unanswered: [] },
      { ...failing, requests: asked('crypto-crc32c') },
    )[0]?.kind,
    'missing-module',
    'one of two that answer was loaded there',
  );
  const beyond = { verdict: 'crash' as const, unanswered: ['fs-xfs'], modulesLoaded: [] };
  t.match(
    told(beyond, { ...failing, requests: asked('fs-xfs') }),
    [{ kind: 'missing-module', module: 'xfs' }],
    'a reference that fails as well takes nothing away',
  );
  const bystander = { unbound: [{ modalias: 'virtio:d00000002v00001AF4', device: 'x' }] };
  const blamed = (verdict: ReferenceFacts['verdict']) =>
    judge(
      evidence({
        set: setOf(),
        report: { ...failing, ...bystander },
        background: { reference: { ...facts, verdict } },
      }),
    ).findings.map(({ module }) => module);
  t.same(blamed('pass'), ['virtio_blk']);
  t.same(
    blamed('fail'),
    [undefined],
    'a device that nobody declared is not why the full module tree fails too',
  );
  const failed = { ...facts, verdict: 'fail' as const, modulesLoaded: ['ext4', 'xfs'] };
  t.same(
    judge(evidence({ report: failing, background: { reference: failed } })).findings.map((one) => one.kind),
    ['step-failed'],
    'a reference that fails as well shows nothing',
  );
  const again = [
    { name: 'fs-xfs', status: 1, step: 'mount' },
    { name: 'fs-xfs', status: 0, step: 'mount' },
    { name: 'crypto-foo-all', status: 1, step: 'mount' },
  ];
  t.same(
    judge(evidence({ report: { ...failing, requests: again } })).findings.map((one) => one.kind),
    ['step-failed'],
    'asked for again and answered, or asked for on the off chance, is no lack',
  );
});

t.test('the facts of a reference are those of its agent', async (t) => {
  const request = (name: string, status: number) => ({ name, status, step: 'mount' });
  const facts = referenceFacts('pass', {
    ...emptyReport(),
    requests: [request('a', 1), request('b', 0), request('a', 0), request('c', 1), request('c', 1)],
    unbound: [
      { modalias: 'pci:2', device: 'y' },
      { modalias: 'pci:1', device: 'x' },
      { modalias: 'pci:2', device: 'z' },
    ],
    modulesLoaded: [{ name: 'ext4', bytes: 1 }],
  });
  t.same(facts, {
    verdict: 'pass',
    answered: ['a', 'b'],
    unanswered: ['c'],
    unbound: ['pci:1', 'pci:2'],
    modulesLoaded: ['ext4'],
  });
});

t.test('forbidden: by modprobe.d for aliases, by install and the kernel for names too', async (t) => {
  const files = [
    {
      file: '/etc/modprobe.d/a.conf',
      text: '# x\nblacklist ext4\ninstall xfs /bin/false\ninstall jbd2 /sbin/y',
    },
  ];
  const blacklist = readBlacklist(files, 'quiet modprobe.blacklist=virtio-blk,foo module_blacklist=mbcache');
  t.same(
    [...blacklist].map(([name, ban]) => [name, ban.by, ban.where]),
    [
      ['ext4', 'blacklist', '/etc/modprobe.d/a.conf:2'],
      ['xfs', 'install', '/etc/modprobe.d/a.conf:3'],
      ['virtio_blk', 'blacklist', 'the kernel command line'],
      ['foo', 'blacklist', 'the kernel command line'],
      ['mbcache', 'kernel', 'the kernel command line'],
    ],
  );
  t.ok(banOf('fs-ext4', 'ext4', blacklist), 'an alias is kept out');
  t.notOk(banOf('ext4', 'ext4', blacklist), 'its own name is not');
  t.ok(banOf('xfs', 'xfs', blacklist));
  const [one] = judge(
    evidence({ report: { ...failing, requests: asked('fs-ext4') }, background: { blacklist } }),
  ).findings;
  t.match(one, { kind: 'blacklisted', module: 'ext4', rule: '/etc/modprobe.d/a.conf:2' });
  const half = judge(
    evidence({
      set: setOf('crc32c_generic', 'crc32c_intel'),
      report: { ...failing, requests: asked('crypto-crc32c') },
      background: { blacklist: readBlacklist([], 'modprobe.blacklist=crc32c_intel') },
    }),
  ).findings;
  t.equal(half[0]?.kind, 'module-refused', 'one of two that answer is forbidden: that explains nothing');
  const cmdline = judge(
    evidence({
      scenario: { ...SCENARIO, cmdline: 'modprobe.blacklist=ext4' },
      report: { ...failing, requests: asked('fs-ext4') },
    }),
  ).findings;
  t.equal(cmdline[0]?.kind, 'blacklisted', "the scenario's own command line is read");
});

t.test('present and refused: each with its reason', async (t) => {
  const refused = (loadError: string, more: Partial<Parameters<typeof evidence>[0]> = {}) =>
    judge(
      evidence({
        ...more,
        report: { ...failing, requests: asked('fs-ext4'), loadErrors: [loadError], ...more.report },
      }),
    ).findings.find((one) => one.kind === 'module-refused');
  const format = "modprobe: ERROR: could not insert 'ext4': Exec format error";
  const detail = (more: Partial<ModuleDetail>) => () => ({ ...DETAIL, ...more });
  const cases: [string, ReturnType<typeof refused>, RegExp][] = [
    [
      'another release',
      refused(format, { background: { detailOf: detail({ vermagic: '6.1.0-99 SMP' }) } }),
      /built for 6\.1\.0-99, but this kernel is 6\.1\.0-test/,
    ],
    [
      'damaged',
      refused(format, { background: { detailOf: detail({ broken: 'cut short' }) } }),
      /damaged \(cut/,
    ],
    [
      'CRC',
      refused(format, { console: golden('mod-crc.log').log.replaceAll('minix', 'ext4') }),
      /another module_layout/,
    ],
    [
      'stripped',
      refused("could not insert 'ext4': Key was rejected by service", {
        background: { detailOf: detail({ signed: false }) },
      }),
      /carries no signature/,
    ],
    ['foreign key', refused("could not insert 'ext4': Key was rejected by service"), /signature is invalid/],
    [
      'nameless words of the kernel',
      refused(format, { console: golden('mod-cut.log').log }),
      /a module file is invalid: the file is cut short/,
    ],
    [
      'a parameter',
      refused("could not insert 'ext4': Invalid argument", {
        console: golden('mod-param-bad.log').log.replaceAll('evil', 'ext4'),
      }),
      /does not take "abc" for its parameter number/,
    ],
    ['no memory', refused("could not insert 'ext4': Cannot allocate memory"), /not enough memory/],
  ];
  for (const [name, finding, hint] of cases) {
    t.equal(finding?.module, 'ext4', name);
    t.match(finding?.hint, hint, name);
  }
  const once = judge(
    evidence({
      console: golden('mod-crc.log').log.replaceAll('minix', 'ext4') + golden('warning.log').log,
      report: { ...failing, requests: asked('fs-ext4'), loadErrors: [format] },
    }),
  ).findings;
  t.equal(once[0]?.kind, 'module-refused');
  t.notOk(
    once.slice(1).some((one) => one.evidence.includes('disagrees')),
    'what it quotes is not told again as a warning',
  );
  t.ok(once.length > 1, 'other warnings are');
  const unasked = judge(
    evidence({
      report: { ...failing, loadErrors: [format, "could not insert 'virtio_blk': No such device"] },
    }),
  ).findings;
  t.same(
    unasked.map((one) => [one.kind, one.module]),
    [['module-refused', 'ext4']],
    'a module that would not load is told, one without a device is not',
  );
});

t.test('built in, not built, and firmware', async (t) => {
  const config = parseKernelConfig(
    'CONFIG_EXT4_FS=m\nCONFIG_UNIX=y\nCONFIG_OVERLAY_FS=m\n# CONFIG_9P_FS is not set\n',
  );
  const one = (name: string) =>
    judge(
      evidence({
        report: { ...failing, requests: asked(name) },
        background: { ...(config ? { config } : {}) },
      }),
    ).findings[0];
  t.match(one('fs-9p'), { kind: 'not-built', option: 'CONFIG_9P_FS' });
  t.match(one('fs-9p')?.hint, /CONFIG_9P_FS is not set$/);
  t.equal(one('fs-overlay')?.kind, 'not-packaged', 'it was built');
  t.match(one('fs-overlay')?.hint, /CONFIG_OVERLAY_FS=m: it was built, but no package given for this kernel/);
  t.match(one('unix'), { kind: 'built-in' });
  t.match(one('fs-nobodyknows')?.hint, /this kernel was built without it$/);
  t.match(one('fs-jbd2'), { kind: 'module-refused', module: 'jbd2' }, 'the file is there and names no alias');
  const unknown = judge(evidence({ report: { ...failing, requests: asked('fs-9p') } })).findings[0];
  t.match(unknown?.hint, /it needs CONFIG_9P_FS$/, 'without a configuration nothing is claimed of it');
  t.notOk(unknown?.option);

  const lost = judge(
    evidence({
      console: '[    4.0] virtio_blk 0000:00:05.0: firmware: failed to load x/y.bin (-2)\n',
      report: { ...failing, devices: [{ kind: 'disk', id: 'BG-1', node: '' }] },
    }),
  ).findings;
  t.match(lost[0], { kind: 'firmware-missing', module: 'virtio_blk' });
  t.match(lost[0]?.chain, /^virtio_blk → its firmware x\/y\.bin → not in the initramfs$/);
});

t.test("every option named is one of the kernel's", async (t) => {
  const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache: new Cache() });
  const text = readFileSync(kernel.config ?? '', 'utf8');
  const requests = [
    'virtio:d00000002v00001AF4',
    'pci:v00001AF4d00001001sv0',
    'pci:v00001B36d00000010sv*bc01sc08i02',
    'scsi:t-0x00',
    ...[
      'ext4',
      'xfs',
      'btrfs',
      'vfat',
      'iso9660',
      'squashfs',
      'overlay',
      '9p',
      'nfs4',
      'virtiofs',
      'efivarfs',
      'cramfs',
    ].map((name) => `fs-${name}`),
    ...[
      'nls_cp437',
      'nls_iso8859-1',
      'nls_ascii',
      'nls_utf8',
      '9p-virtio',
      'crypto-crc32c',
      'crypto-xts(aes)',
    ],
    ...[
      'nfnetlink-subsys-10',
      'nft-chain-2-nat',
      'nft-expr-2-match',
      'xt_MASQUERADE',
      'ip_tables',
      'xt_conntrack',
    ],
    ...[
      'net-pf-40',
      'rtnl-link-vxlan',
      'rtnl-link-vlan',
      'sch_netem',
      'md-level-5',
      'dm-crypt',
      'tcp_bbr',
      'loop',
    ],
  ];
  for (const request of requests) {
    const option = optionFor(request);
    t.ok(option && new RegExp(`^(# )?CONFIG_${option}[ =]`, 'm').test(text), `${request}: ${option}`);
  }
  t.equal(optionFor('fs-nobodyknows'), undefined);
});

const DETAIL: ModuleDetail = {
  exports: [],
  needs: [],
  firmware: [],
  vermagic: '6.1.0-test SMP',
  srcversion: null,
  license: 'GPL',
  info: [],
  signed: true,
  broken: null,
};
