import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parseStringPromise } from 'xml2js';
import type { BootRequest } from '../boot/request.js';
import { requireSameBytes } from '../boot/same-bytes.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { DISK_BUSES, diskRow, NIC_MODELS, OTHER_DEVICES } from '../vm/devices/index.js';
import type { Machine } from '../vm/machine.js';
import type { Capsule } from './capsule.js';
import { domainXml } from './domain-xml.js';
import { encoded, expectationOf } from './expectation.js';
import { lacksOf } from './lacks.js';
import { runCapsule } from './open-capsule.js';
import { isSameOutcome, outcomeOf } from './outcome.js';
import { capsuleReadme } from './readme.js';
import { farEndScript, runScript } from './runscript.js';
import { type TarFile, writeTarZst } from './tar.js';

const work = mkdtempSync(join(tmpdir(), 'bootgate-repro-'));
t.teardown(() => rmSync(work, { recursive: true, force: true }));

const request = {
  schema: 'bootgate/boot@1',
  scenario: {
    name: 'network/a',
    area: 'network',
    description: '',
    file: 'a.yaml',
    line: 1,
    cpus: 1,
    memoryMiB: 512,
    boot: 'direct',
    disks: [{ serial: 'data', bus: 'virtio-blk', sizeMiB: 8, verifyPattern: false }],
    nics: [{ model: 'virtio-net', mac: '52:54:00:00:00:01', farEnd: true }],
    tools: [],
    cmdline: `it's "quoted" $HOME`,
    steps: [{ name: 'a step, 50 % of it', run: 'true', timeout: 10 }],
  },
  kernel: { release: '6.1', arch: 'x86_64', digest: 'sha256:k', content: 'vmlinux:k', boot: 'direct' },
  set: { tree: 'sha256:t', digest: 'sha256:s', modules: ['ext4'] },
  userland: { tools: [] },
  delivery: 'archive',
  initramfs: {
    segments: [{ kind: 'userland', bytes: 1, digest: 'sha256:u' }],
    bytes: 1,
    digest: 'sha256:0123456789abcdef',
  },
  window: null,
  memoryMiB: 512,
  nonce: '0123456789abcdef',
  seed: 'fedcba9876543210',
} as unknown as BootRequest;

const result = (more: Partial<ScenarioResult>) =>
  ({ verdict: 'fail', phase: 'steps', steps: [], findings: [], reason: '', ...more }) as ScenarioResult;
const capsuleOf = (one: ScenarioResult): Capsule => ({
  schema: 'bootgate/capsule@1',
  request,
  recorded: {
    scenario: 'network/a',
    verdict: one.verdict,
    phase: one.phase,
    reason: one.reason,
    seconds: 1,
    accelerator: 'tcg',
  },
  expectation: expectationOf(one),
  window: null,
});

const failed = result({
  reason: 'the step "a step, 50 % of it" failed: 7',
  steps: [{ name: 'a step, 50 % of it', ok: false, seconds: 1 }],
});
const seal = (...records: string[]) =>
  records.map((record, at) => `\n@bg2 ${at + 1} 0123456789abcdef ${record}\n`).join('');
const phases = [
  'hello release=6.1',
  'phase name=modules up=1',
  'phase name=devices up=2',
  'phase name=steps up=3',
];
const name = `name=${encoded('a step, 50 % of it')}`;
const begun = [...phases, `step-start ${name} up=3`];

/** A QEMU that says what it is told: run.sh keeps the guest's logs in $work. */
function ranWith(
  one: ScenarioResult,
  { control = '', console: said = '', runs = false, status = 0 },
): { status: number | null; stdout: string; stderr: string; args: string[] } {
  const folder = mkdtempSync(join(work, 'ran-'));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(folder, 'control'), control);
  writeFileSync(join(folder, 'console'), said);
  const program = (file: string, text: string) => {
    writeFileSync(join(bin, file), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, file), 0o755);
  };
  // The pidfile comes last; `sleep 1` of the script is a moment here.
  program(
    'qemu-system-x86_64',
    `for last; do :; done; cp "$FAKE/control" "$work/control.log"; cp "$FAKE/console" "$work/console.log"
printf '%s\\n' "$@" > "$FAKE/args"; ${runs ? 'echo $$ > "$last"; exec /bin/sleep 1000' : `echo of QEMU >&2; exit ${status}`}`,
  );
  program('sleep', 'exec /bin/sleep 0.02');
  const script = join(folder, 'run.sh');
  writeFileSync(script, runScript(capsuleOf(one)), { mode: 0o755 });
  const ran = spawnSync(script, [], {
    encoding: 'utf8',
    env: { PATH: `${bin}:/usr/bin:/bin`, FAKE: folder, ACCEL: 'tcg', TMPDIR: folder },
  });
  const args = runs ? [] : readFileSync(join(folder, 'args'), 'utf8').split('\n');
  return { ...ran, args };
}

t.test('run.sh tells the recorded end from any other', async (t) => {
  const done = (status: number) =>
    seal(...begun, `step-end ${name} status=${status} timedOut=0 seconds=1.0`, 'end records=9');
  const crash = result({
    verdict: 'crash',
    reason: 'kernel BUG',
    findings: [
      {
        kind: 'kernel-report',
        evidence: '[    1.234567] BUG: unable to handle page fault for address: ffff8880deadbeef',
        hint: '',
      },
    ],
  });
  const hang = result({
    verdict: 'hang',
    reason: 'the steps did not finish within 1 s',
    steps: failed.steps,
  });
  const early = result({
    verdict: 'hang',
    phase: 'kernel',
    reason: 'the kernel did not start init within 1 s',
  });
  const lost = result({ verdict: 'crash', reason: 'the guest ended in the phase steps' });
  const outside = result({
    steps: [{ name: 'the disk', ok: false, seconds: 0, where: 'outside' }],
    reason: 'x',
  });
  const pass = result({ verdict: 'pass' });
  const bug = '[    9.876543] BUG: unable to handle page fault for address: ffff8880cafebabe\n';
  const cases: [string, number, ScenarioResult, Parameters<typeof ranWith>[1]][] = [
    ['the step fails again', 0, failed, { control: done(1) }],
    ['the step passes', 1, failed, { control: done(0) }],
    ['another step fails', 1, failed, { control: done(1).replaceAll(name, 'name=other') }],
    ['records on the console', 0, failed, { console: done(2).replaceAll('@bg2', '[    3.2] @bg2') }],
    ['the report is there, with another address', 0, crash, { console: bug }],
    ['no report', 1, crash, { control: done(0), console: '[    1.0] nothing\n' }],
    ['it hangs in that step', 0, hang, { control: seal(...begun), runs: true }],
    ['it hangs before it', 1, hang, { control: seal(...phases), runs: true }],
    ['it hangs in the kernel', 0, early, { console: '[    0.0] Linux\n', runs: true }],
    ['it does not hang', 1, hang, { control: done(0) }],
    ['it ends without an end record', 0, lost, { control: seal(...begun) }],
    ['it ends with one', 1, lost, { control: done(0) }],
    ['it passes', 0, pass, { control: done(0) }],
    ['it does not pass', 1, pass, { control: done(1) }],
    ['only the host could tell', 3, outside, { control: done(0) }],
    ['QEMU does not start', 3, failed, { status: 1 }],
  ];
  for (const [what, status, one, guest] of cases) {
    const ran = ranWith(one, guest);
    t.equal(ran.status, status, `${what}: ${ran.stdout}${ran.stderr}`);
  }
  const { stderr, args } = ranWith(failed, { status: 1 });
  t.match(stderr, /QEMU ended with status 1:\nof QEMU/);
  const given = (option: string) => args[args.indexOf(option) + 1];
  t.equal(given('-accel'), 'tcg');
  t.match(given('-append'), `it's "quoted" $HOME`, 'nothing is expanded');
  t.match(given('-netdev'), '-cmd:sh farend.sh');
});

t.test('names are written as records have them', async (t) => {
  fc.assert(fc.property(fc.string(), (text) => decodeURIComponent(encoded(text)) === text));
  t.equal(encoded('50 % = ä'), '50%20%25%20%3D%20%C3%A4');
});

t.test('outcomes: numbers do not make another one, steps and verdicts do', async (t) => {
  const same = (a: ScenarioResult, b: ScenarioResult) => isSameOutcome(outcomeOf(a), outcomeOf(b));
  t.ok(same(failed, { ...failed, reason: 'the step "a step, 50 % of it" failed: 8', seconds: 9 }));
  t.notOk(same(failed, { ...failed, verdict: 'pass' }));
  t.notOk(same(failed, { ...failed, steps: [{ name: 'other', ok: false, seconds: 1 }] }));
  t.notOk(same(failed, { ...failed, reason: 'the step "a step, 50 % of it" failed: it is gone' }));
  t.notOk(same(failed, { ...failed, phase: 'devices' }));
  const known = {
    ...failed,
    verdict: 'pass',
    reason: '',
    knownIssue: { was: 'fail', wasReason: failed.reason },
  };
  t.ok(same(failed, known as ScenarioResult), 'a known issue is what it was');
});

t.test('bytes that would differ are named', async (t) => {
  requireSameBytes(request, structuredClone(request));
  const other = structuredClone(request);
  other.kernel.digest = 'sha256:other';
  other.memoryMiB = 1024;
  (other.initramfs.segments[0] as { digest: string }).digest = 'sha256:v';
  t.throws(() => requireSameBytes(request, other), {
    code: 'E_OTHER_BYTES',
    problems: [{ message: /the kernel/ }, { message: /programs or libraries/ }, { message: /1024 MiB/ }],
  });
});

t.test('what the set lacks, by name and by plain alias', async (t) => {
  const modules = new Map(
    ['ext4', 'nls_cp437', 'crc32c_generic'].map((one) => [one, { name: one, path: `kernel/${one}.ko` }]),
  );
  const image = {
    index: {
      modules,
      texts: {
        alias:
          '# made by depmod\nalias fs-ext4 ext4\nalias crypto-crc32c crc32c-generic\nalias pci:v*d* crc32c_generic\n',
      },
    },
    set: { names: ['ext4'], excludedBy: new Map([['nls_cp437', { file: 'p.yaml', line: 7, text: '' }]]) },
    split: null,
  } as unknown as Parameters<typeof lacksOf>[0];
  t.equal(
    lacksOf(image),
    'module\tnls_cp437\tkernel/nls_cp437.ko\tp.yaml:7\nmodule\tcrc32c_generic\tkernel/crc32c_generic.ko\t\nalias\tcrypto-crc32c\tcrc32c_generic',
  );
  const placement = new Map([
    ['nls_cp437', { package: 'extras', rule: { file: 's.yaml', line: 3, text: '' } }],
  ]);
  t.match(lacksOf({ ...image, split: { placement } } as typeof image), 'package extras, s.yaml:3');
});

t.test('an archive is read by tar, and is the same bytes each time', async (t) => {
  const file = join(work, 'plain');
  writeFileSync(file, 'x'.repeat(1000));
  const files: TarFile[] = [
    { name: 'a/z', from: { path: file } },
    { name: 'a/run.sh', from: { data: Buffer.from('#!/bin/sh\n') }, executable: true },
  ];
  const made = [];
  for (const order of [files, [...files].reverse()]) {
    const path = join(work, `tar-${made.length}.tar.zst`);
    await writeTarZst(path, order);
    made.push(readFileSync(path));
  }
  t.ok(made[0]?.equals(made[1] ?? Buffer.alloc(0)));
  const { stdout } = spawnSync('sh', ['-c', `zstd -dcq ${join(work, 'tar-0.tar.zst')} | tar -tvf -`], {
    encoding: 'utf8',
  });
  t.match(stdout, /^-rwxr-xr-x 0\/0 +10 .* a\/run\.sh\n-rw-r--r-- 0\/0 +1000 .* a\/z\n$/);
  await t.rejects(writeTarZst('/no/such/folder/x.tar.zst', files), { code: 'E_TOOL_FAILED', blame: 'host' });
});

t.test('a script that bootgate has not written is not started', async (t) => {
  const capsule = capsuleOf(failed);
  const pack = async (more: Record<string, string>) => {
    const path = join(work, `stranger-${Object.keys(more).join('-')}.tar.zst`);
    const files = {
      'capsule.json': JSON.stringify(capsule),
      'run.sh': runScript(capsule),
      'farend.sh': farEndScript().toString(),
      ...more,
    };
    await writeTarZst(
      path,
      Object.entries(files).map(([file, text]) => ({ name: `c/${file}`, from: { data: Buffer.from(text) } })),
    );
    return path;
  };
  for (const [file, text] of [
    ['run.sh', `${runScript(capsule)}touch ${work}/started\n`],
    ['farend.sh', 'true\n'],
    ['capsule.json', '{"schema":"bootgate/capsule@1"}'],
    ['capsule.json', 'nothing'],
  ] as const)
    await t.rejects(runCapsule(await pack({ [file]: text }), {}), { code: 'E_CAPSULE', blame: 'user' }, file);
  const folder = join(work, 'linked/c');
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries({
    'capsule.json': JSON.stringify(capsule),
    'run.sh': runScript(capsule),
  }))
    writeFileSync(join(folder, file), text);
  symlinkSync('/etc/passwd', join(folder, 'vmlinux'));
  const linked = join(work, 'linked.tar.zst');
  spawnSync('sh', ['-c', `tar -cf - -C ${work}/linked c | zstd -q -o ${linked}`]);
  await t.rejects(runCapsule(linked, {}), { code: 'E_CAPSULE', message: /vmlinux is not a plain file/ });
});

t.test('the README of a capsule stays text', async (t) => {
  const hostile = capsuleOf(result({ ...failed, reason: 'red \x1b[31m\nline' }));
  t.notMatch(capsuleReadme(hostile), /\x1b/);
  t.notMatch(runScript(hostile), /\x1b/);
  t.match(capsuleReadme(hostile), /1\. a step, 50 % of it\n {5}true\n/);
});

t.test('every machine of the device table is a domain that libvirt accepts', async (t) => {
  const validates = spawnSync('virt-xml-validate', ['--version']).error === undefined;
  if (!validates) t.comment('virt-xml-validate is not installed: read back only');
  const machine = (more: Partial<Machine>): Machine => ({
    arch: 'x86_64',
    cpus: 2,
    memoryMiB: 512,
    boot: 'packaged',
    kernel: '/CAPSULE/vmlinuz',
    initramfs: '/CAPSULE/initramfs.cpio',
    cmdline: 'quiet <&>',
    window: null,
    disks: [],
    nics: [],
    ...more,
  });
  const mac = (at: number) => `52:54:00:00:00:0${at}`;
  const buses = DISK_BUSES.filter((bus) => !diskRow(bus)?.boards);
  const machines = [
    ...[buses.slice(0, 6), buses.slice(6)].map((some) =>
      machine({ disks: some.map((bus, at) => ({ serial: `d${at}`, bus, file: `/CAPSULE/d${at}.img` })) }),
    ),
    machine({ board: 'pc', disks: [{ serial: 'd', bus: 'ide', file: '/CAPSULE/d.img' }] }),
    ...[NIC_MODELS.slice(0, 4), NIC_MODELS.slice(4, 8), NIC_MODELS.slice(8)].map((some) =>
      machine({ nics: some.map((model, at) => ({ model, mac: mac(at), farEndPort: null })) }),
    ),
    machine({ devices: [...OTHER_DEVICES], shares: [{ tag: 'host', folder: '/CAPSULE/share-host' }] }),
  ];
  for (const [at, one] of machines.entries()) {
    const xml = await domainXml({
      name: 'a',
      machine: one,
      accelerator: at % 2 ? 'kvm' : 'tcg',
      description: 'x',
    });
    const { domain } = await parseStringPromise(xml);
    t.match(domain.os[0].cmdline[0], /quiet <&>$/);
    if (!validates) continue;
    const file = join(work, `domain-${at}.xml`);
    writeFileSync(file, xml);
    const { status, stdout, stderr } = spawnSync('virt-xml-validate', [file, 'domain'], { encoding: 'utf8' });
    t.equal(status, 0, `${stdout}${stderr}${xml}`);
  }
});
