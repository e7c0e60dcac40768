import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Cache } from '../cache.js';
import { exec } from '../exec.js';
import { resolveKernel } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { Module, ModuleIndex, ModuleSet, Resolution } from '../modules/module.js';
import { exactSet, setFromNames, wholeTree } from '../modules/set.js';
import { packageRoot } from '../paths.js';
import type { StepResult } from '../report/result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Ending, Phase, Recording } from '../vm/machine.js';
import { emptyReport, type GuestReport } from '../vm/records.js';
import { type ConsoleReport, scanConsole } from './console.js';
import { type Evidence, judge } from './judge.js';
import { RECOGNISERS } from './recognisers/table.js';
import { RULES } from './verdicts.js';

const fixtures = join(packageRoot, 'harness', 'diagnose', 'fixtures');
const logs = readdirSync(fixtures).filter((name) => name.endsWith('.log'));

/** A golden log: `#: expect:` lines, each `SEVERITY KIND | TITLE | N lines [| N times] [| truncated]`, then the log itself. */
function golden(name: string): { expected: string[]; log: string } {
  const lines = readFileSync(join(fixtures, name), 'utf8').split('\n');
  const expected = lines.filter((line) => line.startsWith('#: expect: ')).map((line) => line.slice(11));
  return { expected, log: lines.filter((line) => !line.startsWith('#: ')).join('\n') };
}

function told(report: ConsoleReport): string {
  const parts = [
    `${report.severity} ${report.kind}`,
    report.title,
    `${report.text.split('\n').length} lines`,
  ];
  if (report.count > 1) parts.push(`${report.count} times`);
  if (report.truncated) parts.push('truncated');
  return parts.join(' | ');
}

t.test('golden logs: what stands on a console is recognised, and nothing else', async (t) => {
  const seen = new Set<string>();
  for (const name of logs) {
    const { expected, log } = golden(name);
    const reports = scanConsole(log);
    for (const report of reports) seen.add(report.kind);
    t.same(reports.map(told), expected, name);
    t.match(
      readFileSync(join(fixtures, name), 'utf8'),
      /^#: origin: (captured|written)/,
      `${name} says where it is from`,
    );
  }
  t.ok(logs.filter((name) => name.startsWith('benign')).length >= 3, 'harmless logs are among them');
  const unseen = RECOGNISERS.map((rule) => rule.kind).filter((kind) => !seen.has(kind));
  t.same(unseen, [], 'every recogniser has a log');
});

t.test('a recogniser finds its own literal: a rule that can never match is rot', async (t) => {
  for (const rule of RECOGNISERS) {
    t.ok(rule.literal.length >= 3, `${rule.kind}: the literal is worth looking for`);
    const groups = new RegExp(`${rule.pattern.source}|`).exec('')?.length ?? 1;
    for (const [, digit] of rule.title.matchAll(/\$(\d)/g))
      t.ok(Number(digit) < groups, `${rule.kind}: ${rule.title}`);
  }
});

t.test('prefixes, line ends and colours change nothing', async (t) => {
  const log = golden('oops-null.log').log;
  const plain = scanConsole(log).map(told);
  const dressed: [string, (line: string) => string][] = [
    ['CRLF', (line) => `${line}\r`],
    ['colours', (line) => `\x1b[1m${line}\x1b[0m`],
    ['levels', (line) => `<4>${line}`],
    ['callers', (line) => line.replace(/^(\[.*?\]) /, '$1[    T1] ')],
    ['no timestamps', (line) => line.replace(/^\[.*?\] /, '')],
    ['dmesg -T', (line) => line.replace(/^\[.*?\] /, '[Mon Nov 23 01:02:03 2026] ')],
    ['journalctl', (line) => line.replace(/^\[.*?\] /, 'Nov 23 01:02:03 guest kernel: ')],
    ['ISO', (line) => line.replace(/^\[.*?\] /, '2026-11-23T01:02:03,123456+00:00 ')],
  ];
  for (const [name, dress] of dressed) {
    t.same(scanConsole(log.split('\n').map(dress).join('\n')).map(told), plain, name);
  }
});

t.test('any text is scanned without an error, and quickly', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.constantFrom(...RECOGNISERS.map((rule) => rule.literal)))),
      (parts) => {
        scanConsole(parts.join('\n'));
      },
    ),
  );
  const { log } = golden('benign-whole-boot.log');
  const big = log.repeat(Math.ceil(10e6 / log.length)) + golden('panic-sysrq.log').log;
  const start = performance.now();
  const reports = scanConsole(big);
  t.equal(reports.length, 1);
  t.ok(
    performance.now() - start < 3000,
    `10 MB in ${Math.round(performance.now() - start)} ms (about 300 on an idle machine)`,
  );
});

// --- verdicts -------------------------------------------------------------------------------------------------

const module = (name: string, bytes: number, depends: string[] = []): Module => ({
  name,
  path: `kernel/${name}.ko`,
  bytes,
  depends,
  softPre: [],
  softPost: [],
  weak: [],
});

/** A tree of five modules, by hand. */
const TREE: ModuleIndex = (() => {
  const all = [
    module('xfs', 2048 * 1024, ['libcrc32c']),
    module('libcrc32c', 4096),
    module('virtio_blk', 40960),
    module('crc32c_intel', 1000),
    module('crc32c_generic', 9000),
    module('ext4', 900000, ['jbd2', 'mbcache']),
    module('jbd2', 200000),
    module('mbcache', 30000),
  ];
  const aliases: [RegExp, string[]][] = [
    [/^fs-xfs$/, ['xfs']],
    [/^fs-ext4$/, ['ext4']],
    [/^virtio:d00000002v/, ['virtio_blk']],
    [/^crypto-crc32c$/, ['crc32c_intel', 'crc32c_generic']],
    [/^symbol:jbd2_/, ['jbd2']],
  ];
  return {
    release: '6.1.0-test',
    dir: '/nowhere',
    digest: 'sha256:0',
    modules: new Map(all.map((one) => [one.name, one])),
    builtins: new Map([['unix', 'kernel/net/unix/unix.ko']]),
    bytes: 0,
    texts: { dir: '', alias: '', symbols: '', softdep: '', weakdep: '', builtin: '', modinfo: '' },
    resolve: (request, within): Resolution => {
      if (request === 'unix') return { kind: 'builtin', names: ['unix'] };
      const names = all.some((one) => one.name === request)
        ? [request]
        : (aliases.find(([pattern]) => pattern.test(request))?.[1] ?? []);
      const left = names.filter((name) => !within || within.has(name));
      return left.length > 0 ? { kind: 'modules', names: left } : { kind: 'none' };
    },
  };
})();

const setOf = (...names: string[]): ModuleSet => ({
  ...exactSet(TREE, names, 'test'),
  excludedBy: new Map([['xfs', { file: 'images/policies/test.yaml', line: 31, text: 'exclude: fs/xfs/**' }]]),
});

const SCENARIO: Scenario = {
  name: 'filesystems/xfs',
  area: 'filesystems',
  description: '',
  file: 'scenarios/filesystems/xfs.yaml',
  line: 1,
  cpus: 1,
  memoryMiB: 512,
  boot: 'direct',
  disks: [{ serial: 'BG-1', bus: 'virtio-blk', sizeMiB: 64, verifyPattern: true }],
  nics: [],
  tools: [],
  cmdline: '',
  steps: [
    { name: 'find', run: '', timeout: 10 },
    { name: 'mount', run: '', timeout: 20 },
  ],
};

const EXIT: Ending = { kind: 'exit', status: 0, signal: null };
const okStep = (name: string) => ({ name, ok: true, status: 0, timedOut: false, seconds: 1, output: '' });
const badStep = (name: string, output: string) => ({ ...okStep(name), ok: false, status: 1, output });
const OUTSIDE_OK: StepResult = { name: 'pattern', ok: true, seconds: 0, where: 'outside' };
const PANIC =
  '[    1.0] Kernel panic - not syncing: sysrq triggered crash\r\n[    1.1] Kernel Offset: disabled\r\n';

interface Case {
  report?: Partial<GuestReport>;
  console?: string;
  ending?: Ending;
  phase?: Phase;
  outside?: StepResult[];
  set?: ModuleSet;
}

function evidence(given: Case): Evidence {
  const complete = { hello: true, ended: true, steps: [okStep('find'), okStep('mount')] };
  const recording: Recording = {
    nonce: 'abc',
    console: Buffer.from(given.console ?? ''),
    control: Buffer.alloc(0),
    ending: given.ending ?? EXIT,
    phases: [
      { phase: 'firmware', at: 0 },
      { phase: given.phase ?? 'shutdown', at: 1 },
    ],
    seconds: 5,
    cpuSeconds: 4,
  };
  return {
    scenario: SCENARIO,
    recording,
    report: { ...emptyReport(), ...complete, ...given.report },
    outside: given.outside ?? [OUTSIDE_OK],
    set: given.set ?? setOf('ext4', 'jbd2', 'mbcache', 'virtio_blk'),
    tree: TREE,
  };
}

const ROWS: [string, Case, { verdict: string; phase?: string; reason: RegExp }][] = [
  ['everything reported and ended', {}, { verdict: 'pass', phase: 'shutdown', reason: /^$/ }],
  [
    'a panic although every step was ok',
    { console: PANIC },
    { verdict: 'crash', reason: /^kernel panic: sysrq triggered crash$/ },
  ],
  [
    'a failed step and a panic: the panic is said first',
    { console: PANIC, report: { ended: false, steps: [okStep('find'), badStep('mount', 'mount failed')] } },
    { verdict: 'crash', reason: /^kernel panic: .*; the step "mount" had failed$/ },
  ],
  [
    'a panic in a step that was running',
    {
      console: PANIC,
      phase: 'steps',
      report: { ended: false, steps: [okStep('find')], unfinishedStep: 'mount' },
    },
    { verdict: 'crash', phase: 'steps', reason: /; the step "mount" was running$/ },
  ],
  [
    'a kernel report outranks a lost QEMU',
    { console: PANIC, ending: { kind: 'infra', message: 'QEMU died' } },
    { verdict: 'crash', reason: /^kernel panic/ },
  ],
  [
    'a kernel report outranks a deadline',
    { console: PANIC, ending: { kind: 'deadline', phase: 'init', limitSeconds: 60 } },
    { verdict: 'crash', reason: /^kernel panic/ },
  ],
  [
    'a report that only the monitor saw',
    { ending: { kind: 'fatal', title: 'Kernel panic' }, report: { ended: false } },
    { verdict: 'crash', reason: /^Kernel panic$/ },
  ],
  [
    'QEMU would not start',
    {
      ending: { kind: 'infra', message: 'qemu: cannot set up guest memory' },
      report: emptyReport(),
      phase: 'firmware',
    },
    { verdict: 'infra', phase: 'firmware', reason: /cannot set up guest memory/ },
  ],
  [
    'the host killed QEMU after a step had failed',
    {
      ending: { kind: 'infra', message: 'disk full' },
      report: { steps: [badStep('find', 'I/O error')], ended: false },
    },
    { verdict: 'infra', reason: /disk full/ },
  ],
  [
    'QEMU ended by a signal, everything reported',
    { ending: { kind: 'exit', status: null, signal: 'SIGKILL' } },
    { verdict: 'infra', reason: /SIGKILL/ },
  ],
  [
    'QEMU ended with a status',
    { ending: { kind: 'exit', status: 1, signal: null }, report: emptyReport() },
    { verdict: 'infra', reason: /status 1/ },
  ],
  [
    'a step said no',
    { report: { steps: [okStep('find'), badStep('mount', 'first\nmount: No such device\n')] } },
    { verdict: 'fail', phase: 'steps', reason: /^the step "mount" failed: mount: No such device$/ },
  ],
  [
    'a step said no without a word',
    { report: { steps: [{ ...badStep('find', ''), status: 3 }], notRun: ['mount'] } },
    { verdict: 'fail', reason: /exit status 3/ },
  ],
  [
    'a step said no, and then the guest hung',
    {
      report: { steps: [badStep('find', 'no disk')], ended: false },
      ending: { kind: 'deadline', phase: 'shutdown', limitSeconds: 60 },
    },
    { verdict: 'fail', reason: /no disk/ },
  ],
  [
    'a step ran out of guest time',
    { report: { steps: [okStep('find'), { ...badStep('mount', ''), timedOut: true, status: 124 }] } },
    { verdict: 'hang', phase: 'steps', reason: /"mount" did not end within its 20 s of guest time/ },
  ],
  [
    'no kernel line in time',
    {
      report: emptyReport(),
      phase: 'firmware',
      ending: { kind: 'deadline', phase: 'firmware', limitSeconds: 40 },
    },
    { verdict: 'hang', phase: 'firmware', reason: /printed nothing within 40 s/ },
  ],
  [
    'init never spoke (init=/bin/sleep)',
    { report: emptyReport(), phase: 'init', ending: { kind: 'deadline', phase: 'init', limitSeconds: 80 } },
    { verdict: 'hang', phase: 'init', reason: /init did not/ },
  ],
  [
    'a step never ended',
    {
      report: { ended: false, steps: [okStep('find')], unfinishedStep: 'mount' },
      ending: { kind: 'deadline', phase: 'steps', limitSeconds: 160 },
    },
    { verdict: 'hang', phase: 'steps', reason: /the step "mount" was running/ },
  ],
  [
    'everything reported, and no power-off',
    { ending: { kind: 'deadline', phase: 'shutdown', limitSeconds: 60 } },
    { verdict: 'hang', phase: 'shutdown', reason: /did not power off/ },
  ],
  [
    'a console that floods',
    { report: { ended: false, steps: [] }, ending: { kind: 'flood', bytes: 9 << 20, phase: 'devices' } },
    { verdict: 'hang', phase: 'devices', reason: /flooded \(9.0 MiB\) in the phase devices/ },
  ],
  [
    'ended before the agent said anything',
    { report: emptyReport(), phase: 'kernel' },
    { verdict: 'crash', phase: 'kernel', reason: /before its agent said anything/ },
  ],
  [
    'no end record, every step ok',
    { report: { ended: false }, phase: 'steps' },
    { verdict: 'crash', reason: /without an end record/ },
  ],
  [
    'powered off in a step',
    { report: { ended: false, steps: [okStep('find')], unfinishedStep: 'mount' }, phase: 'steps' },
    { verdict: 'crash', reason: /in the step "mount"/ },
  ],
  ['records were lost', { report: { missing: 2 } }, { verdict: 'crash', reason: /2 of the agent's records/ }],
  [
    'a declared step was never reported',
    { report: { steps: [okStep('find')] } },
    { verdict: 'crash', phase: 'steps', reason: /without a word about the step "mount"/ },
  ],
  [
    'the check from outside says no',
    { outside: [{ ...OUTSIDE_OK, ok: false, message: 'block 3 is empty' }] },
    { verdict: 'fail', phase: 'shutdown', reason: /^pattern: block 3 is empty$/ },
  ],
];

t.test('verdicts, row by row', async (t) => {
  const used = new Set<string>();
  for (const [name, given, expected] of ROWS) {
    const one = judge(evidence(given));
    t.equal(one.verdict, expected.verdict, name);
    t.match(one.reason, expected.reason, `${name}: reason`);
    if (expected.phase) t.equal(one.phase, expected.phase, `${name}: phase`);
    t.equal(one.verdict === 'pass', one.reason === '', `${name}: only a pass has no reason`);
    used.add(`${one.verdict} ${one.reason}`);
  }
  t.ok(used.size >= RULES.length, 'every rule has a row');
});

t.test('nothing passes by default: whatever is taken from a pass, it is none', async () => {
  const anything = fc.record({
    hello: fc.boolean(),
    ended: fc.boolean(),
    missing: fc.nat(2),
    steps: fc.subarray([okStep('find'), okStep('mount'), badStep('find', 'x'), badStep('mount', 'y')]),
  });
  const ending = fc.constantFrom<Ending>(
    EXIT,
    { kind: 'exit', status: 1, signal: null },
    { kind: 'fatal', title: 'x' },
  );
  fc.assert(
    fc.property(anything, ending, fc.boolean(), (report, end, held) => {
      const { verdict } = judge(evidence({ report, ending: end, outside: [{ ...OUTSIDE_OK, ok: held }] }));
      const steps = report.steps.map((step) => `${step.name} ${step.ok}`).join();
      const right = report.hello && report.ended && report.missing === 0 && steps === 'find true,mount true';
      return (verdict === 'pass') === (right && end === EXIT && held);
    }),
  );
});

t.test('the judgement as a whole', async (t) => {
  const failed = judge(
    evidence({
      console: '\x1b[31mlast\x1b[0m words\r\n@bg1 abc 1 2 hello\r\n',
      report: {
        steps: [badStep('find', 'no disk')],
        notRun: ['mount'],
        modulesLoaded: [{ name: 'ext4', bytes: 5 }],
        memory: { modulesBytes: 5, usedAfterBootBytes: 6, totalBytes: 7 },
      },
    }),
  );
  t.same(failed.consoleTail, ['last words'], 'without colours and without records');
  t.same(
    failed.steps.map((step) => [step.name, step.ok, step.where, step.ran, step.message]),
    [
      ['find', false, 'guest', undefined, 'no disk'],
      ['mount', false, 'guest', false, 'not run'],
    ],
    'a disk that nobody wrote to is not looked at',
  );
  t.same(judge(evidence({})).steps.at(-1), OUTSIDE_OK);
  t.same(failed.modulesLoaded, ['ext4']);
  t.same(failed.memory, { modulesBytes: 5, usedAfterBootBytes: 6 });
  t.same(judge(evidence({ console: 'hello\n' })).consoleTail, [], 'a pass has no tail');
});

// --- findings -------------------------------------------------------------------------------------------------

const failing = { steps: [okStep('find'), badStep('mount', 'mount: unknown filesystem type')] };

t.test('a request that the whole tree answers and the set does not', async (t) => {
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
    'not a matter of modules',
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
    ['kernel-warning', 'kernel-warning'],
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
