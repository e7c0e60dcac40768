/** How QEMU is asked, started and ended, with programs that are no QEMU; and the far end against a client that reads nothing. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import t from 'tap';
import { Cache } from '../cache.js';
import { ConsoleWatch } from '../diagnose/watch.js';
import type { Kernel } from '../kernel/kernel.js';
import { chooseAccelerator, knownProbe } from './accelerator.js';
import { qemuEnvironment, runBriefly } from './brief.js';
import { phaseLimits } from './deadlines.js';
import { startFarEnd } from './farend.js';
import { type GuestOptions, runGuest } from './guest.js';
import { handOver } from './handover.js';
import type { Machine } from './machine.js';
import { droppedRights, groupsFor, isRoot } from './privileges.js';
import { Qemu } from './qemu.js';
import { qemuFacts, windowAccess } from './qemu-facts.js';
import { Qmp } from './qmp.js';

const folder = mkdtempSync(join(tmpdir(), 'bootgate-start-'));
chmodSync(folder, 0o755);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const path = process.env.PATH ?? '';

/** Puts a shell script before everything else that is named `qemu-system-x86_64`. */
function fakeQemu(name: string, body: string): string {
  const bin = join(folder, name);
  mkdirSync(bin, { recursive: true });
  const file = join(bin, 'qemu-system-x86_64');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  process.env.PATH = `${bin}${delimiter}${path}`;
  return bin;
}
t.afterEach(() => {
  process.env.PATH = path;
});

const VERSION =
  'for word; do [ "$word" = -version ] && { echo "QEMU emulator version 7.2.0"; exit 0; }; done';

function guest(name: string, more: Partial<GuestOptions> = {}): GuestOptions {
  const kernel = join(folder, 'vmlinux');
  writeFileSync(kernel, 'no kernel');
  const machine: Machine = {
    arch: 'x86_64',
    cpus: 1,
    memoryMiB: 512,
    boot: 'direct',
    kernel,
    initramfs: '',
    cmdline: '',
    window: null,
    disks: [],
    nics: [],
  };
  return {
    machine,
    accelerator: 'tcg',
    folder: join(folder, `guest-${name}`),
    nonce: 'cafe',
    watcher: new ConsoleWatch(),
    stepSeconds: 1,
    ...more,
  };
}

t.test('a QEMU that is none is the host’s trouble', async (t) => {
  fakeQemu('zero', `${VERSION}\nexit 0`);
  t.match((await runGuest(guest('zero'))).ending, {
    kind: 'infra',
    message: /ended at once, before the guest/,
  });

  fakeQemu('nonsense', `${VERSION}\necho "hello, I am no QMP" >&3\nexec sleep 30`);
  const started = performance.now();
  t.match((await runGuest(guest('nonsense'))).ending, {
    kind: 'infra',
    message: /does not speak QMP.*hello, I am/,
  });
  t.ok(performance.now() - started < 10_000, 'it is not waited for');

  fakeQemu('silent', `${VERSION}\nsleep 31417 & sleep 31417`);
  const silent = performance.now();
  t.match((await runGuest(guest('silent', { timeScale: 0.05 }))).ending, {
    kind: 'infra',
    message: /did not answer on QMP/,
  });
  t.ok(performance.now() - silent < 30_000, 'a wrapper that neither execs nor greets holds nobody');
  const { stdout } = await runBriefly('ps', ['-eo', 'args'], 5000);
  t.notMatch(stdout, /^sleep 31417$/m, 'and leaves nothing behind');
});

t.test('what QEMU can do is asked once, and within a limit', async (t) => {
  fakeQemu(
    'plain',
    `case "$*" in *-sandbox*) echo "-sandbox support is not enabled in this QEMU binary" >&2; exit 1;; esac\n${VERSION}`,
  );
  const facts = await qemuFacts('qemu-system-x86_64');
  t.notOk(facts.sandbox);
  t.match(facts.notes[0], /built without seccomp/);
  t.same(facts.version, { major: 7, minor: 2 });
  const notes: string[] = [];
  const args = join(folder, 'args');
  fakeQemu(
    'plain-boot',
    `case "$*" in *-sandbox*) echo no >&2; exit 1;; esac\n${VERSION}\necho "$*" > ${args}\nenv >> ${args}\nexit 1`,
  );
  writeFileSync(args, '');
  chmodSync(args, 0o666);
  process.env.BOOTGATE_TEST_SECRET = 'hunter2';
  await runGuest(guest('plain', { onNote: (note) => notes.push(note) }));
  const seen = readFileSync(args, 'utf8');
  t.match(seen, /-kernel/);
  t.notMatch(seen, /-sandbox/, 'it runs without');
  t.notMatch(seen, /hunter2/, 'nothing of the caller’s environment');
  t.match(notes.join(), /without seccomp/, 'and it is said');

  fakeQemu('none', 'echo "cannot open libfoo.so" >&2; exit 1');
  await t.rejects(qemuFacts('qemu-system-x86_64'), { code: 'E_QEMU', message: /libfoo/ });
  const bin = join(folder, 'no-setpriv');
  mkdirSync(bin);
  symlinkSync('/bin/sh', join(bin, 'sh'));
  process.env.PATH = bin;
  await t.rejects(qemuFacts('qemu-system-x86_64'), {
    code: 'E_SETPRIV',
    message: /setpriv is not installed/,
  });
  await t.rejects(runGuest(guest('no-setpriv')), { code: 'E_SETPRIV' });
  const lost = Qemu.start('qemu-system-x86_64', [], join(folder, 'gone'), () => {});
  t.match(await lost.exited, { status: null, stderr: /gone is gone/ });
  const qemu = Qemu.start('qemu-system-x86_64', [], folder, () => {});
  t.match(await qemu.exited, { status: null, signal: null, stderr: /setpriv is not installed/ });
});

t.test('a program that hangs, and what it leaves behind, does not hold us', async (t) => {
  const started = performance.now();
  t.match(await runBriefly('sh', ['-c', 'sleep 60 & echo x; exit 3'], 20_000), {
    status: 3,
    stdout: 'x\n',
    late: false,
  });
  t.match(await runBriefly('sh', ['-c', 'sleep 60'], 300), { status: null, late: true });
  t.match(await runBriefly('no-such-program', [], 300), { failed: 'ENOENT' });
  t.ok(performance.now() - started < 10_000);
});

t.test('how the window is opened follows from the version', async (t) => {
  const of = (version: { major: number; minor: number } | null) =>
    windowAccess({ version, sandbox: true, drops: true, notes: [] });
  t.same(of({ major: 5, minor: 2 }), {});
  t.same(of({ major: 7, minor: 2 }), { readonly: 'on' });
  t.same(of({ major: 8, minor: 1 }), { readonly: 'on' });
  t.same(of({ major: 8, minor: 2 }), { readonly: 'on', rom: 'off' });
  t.same(of({ major: 10, minor: 0 }), { readonly: 'on', rom: 'off' });
  t.same(of(null), {});
});

t.test('rights: a user of no account, a new one for each guest', async (t) => {
  const uids = new Set(Array.from({ length: 50 }, () => droppedRights().uid));
  t.ok(uids.size > 25);
  for (const uid of uids) t.ok(uid !== null && uid >= 61_184 && uid <= 65_519);
  t.same(groupsFor('tcg'), []);
  const device = join(folder, 'kvm');
  writeFileSync(device, '');
  chmodSync(device, 0o666);
  t.same(groupsFor('kvm', device), []);
  chmodSync(device, 0o600);
  t.match(groupsFor('kvm', device), /accessible only to root/);
  t.notOk('HOME' in qemuEnvironment({ HOME: '/root', PATH: '/bin', TOKEN: 'x' }));
  t.same(qemuEnvironment({ PATH: '/bin', TOKEN: 'x' }), { PATH: '/bin', LC_ALL: 'C' });
});

t.test(
  'files are handed over open',
  { skip: !isRoot() && 'only root has rights to give away' },
  async (t) => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    for (const name of ['disk', 'console.log', 'kernel', 'window']) writeFileSync(join(closed, name), name);
    chmodSync(join(closed, 'kernel'), 0o600);
    mkdirSync(join(closed, 'share'));
    const machine: Machine = {
      ...guest('x').machine,
      kernel: join(closed, 'kernel'),
      window: { file: join(closed, 'window'), bytes: 6 },
      disks: [{ serial: 'a', bus: 'nvme', file: join(closed, 'disk') }],
      shares: [{ tag: 'a', folder: join(closed, 'share') }],
    };
    const handed = handOver(machine, closed, ['console.log'], 61_200);
    t.equal(statSync(join(closed, 'kernel')).uid, 0, 'what is not ours alone stays as it is');
    t.equal(statSync(join(closed, 'window')).uid, 0);
    for (const name of ['disk', 'console.log', 'share'])
      t.equal(statSync(join(closed, name)).uid, 61_200, name);
    const read = (file: string) =>
      runBriefly('setpriv', ['--reuid', '61200', '--regid', '61200', '--clear-groups', 'cat', file], 5000);
    t.not((await read(join(closed, 'disk'))).status, 0, 'by its path nobody else gets at it');
    handed.giveBack();
    t.equal(statSync(join(closed, 'console.log')).uid, 0, 'the log is ours again');
    symlinkSync('/etc/hostname', join(closed, 'link'));
    const linked = { ...machine, disks: [{ serial: 'a', bus: 'nvme' as const, file: join(closed, 'link') }] };
    t.throws(
      () => handOver(linked, closed, [], 61_200),
      { code: 'ELOOP' },
      'no link is followed to give it away',
    );
    chmodSync(join(closed, 'window'), 0o600);
    t.throws(() => handOver(machine, closed, [], 61_200), { message: /not readable by other users/ });

    // Then QEMU runs all the same, and the run says how.
    const args = join(folder, 'who.txt');
    writeFileSync(args, '');
    chmodSync(args, 0o666);
    fakeQemu('who', `${VERSION}\nid -u > ${args}\nexit 1`);
    const notes: string[] = [];
    const window = { file: join(closed, 'window'), bytes: 2 << 20 };
    const base = guest('who', { onNote: (note) => notes.push(note) });
    await runGuest({ ...base, machine: { ...base.machine, window } });
    t.match(notes, [/^QEMU runs as root: .*window is not readable by other users/]);
    t.equal(readFileSync(args, 'utf8').trim(), '0');
    notes.length = 0;
    await runGuest(base);
    t.match(readFileSync(args, 'utf8').trim(), /^6\d{4}$/);
    t.same(notes, []);
  },
);

t.test('the first answers of QEMU have a limit that grows with the host', async (t) => {
  const of = (hostFactor: number) => phaseLimits({ accelerator: 'kvm', hostFactor, stepSeconds: 0 }).begin;
  t.equal(of(8), 8 * of(1));
  t.ok(2 * (of(1) + 2) < 300, 'two tries of a QEMU that is silent');
  const toUs = new PassThrough();
  const stream = Duplex.from({ readable: toUs, writable: new PassThrough() });
  const qmp = new Qmp(stream);
  toUs.write('{"QMP": {}}\r\n');
  const waited = await Promise.race([
    qmp.ready.then(
      () => 'ready',
      (error: Error) => error.message,
    ),
    new Promise((resolve) => setTimeout(() => resolve('still waiting'), 5_500)),
  ]);
  t.equal(waited, 'still waiting', 'qmp_capabilities has no limit of its own');
  qmp.close();
});

t.test('only lasting answers about KVM are kept, and for a while', async (t) => {
  const at = Date.now();
  const text = JSON.stringify({ works: false, seen: 'silent', at });
  t.same(knownProbe(text, at + 60_000), { works: false, seen: 'silent' });
  t.equal(knownProbe(text, at + 7 * 3600_000), undefined, 'too old');
  t.equal(knownProbe(text, at - 60_000), undefined, 'from the future');
  t.equal(knownProbe(null), undefined);
});

t.test(
  'what /dev/kvm lacks for a moment is not remembered',
  { skip: !existsSync('/dev/kvm') && 'no /dev/kvm' },
  async (t) => {
    const cache = new Cache(join(folder, 'cache'));
    const vmlinux = { path: guest('kvm').machine.kernel, bytes: 1, compression: 'none', pvhEntry: 1 };
    const kernel = { arch: 'x86_64', digest: 'sha256:x', vmlinuz: vmlinux.path } as Kernel;
    const context = { kernel, vmlinux, cache };
    const better = join(folder, 'better');
    fakeQemu(
      'short',
      `${VERSION}
[ -e ${better} ] || { echo "ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory" >&2; exit 1; }
for word; do case $word in file,id=console,path=*) echo "Linux version 6.1" > "\${word#*path=}";; esac; done
exec sleep 20`,
    );
    t.match(await chooseAccelerator('auto', context), { used: 'tcg', reason: /Cannot allocate memory/ });
    writeFileSync(better, '');
    t.match(await chooseAccelerator('auto', context), { used: 'kvm' });
  },
);
t.test('far end: a client that reads nothing does not drive memory', async (t) => {
  const farEnd = await startFarEnd();
  t.teardown(() => farEnd.close());
  const socket = connect(farEnd.port, '127.0.0.1');
  socket.pause();
  socket.on('error', () => {});
  const before = process.memoryUsage().rss;
  // A line that is no command is answered with twenty times its length.
  const lines = Buffer.from('x\n'.repeat(512 * 1024));
  let sent = 0;
  let most = before;
  const end = performance.now() + 5000;
  while (performance.now() < end && sent < 256 * lines.length) {
    if (!socket.writableNeedDrain) {
      socket.write(lines);
      sent += lines.length;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    most = Math.max(most, process.memoryUsage().rss);
  }
  t.ok(sent < 64 * 1024 * 1024, `it is read no further: ${sent} bytes`);
  t.ok(most - before < 128 * 1024 * 1024, `${Math.round((most - before) / 1024 / 1024)} MiB more`);
  socket.destroy();

  const many = await Promise.all(
    Array.from({ length: 20 }, () => {
      const one = connect(farEnd.port, '127.0.0.1');
      one.on('error', () => {});
      return new Promise<boolean>((resolve) => {
        one
          .on('connect', () => setTimeout(() => resolve(!one.destroyed), 300))
          .on('close', () => resolve(false));
      }).finally(() => one.destroy());
    }),
  );
  t.ok(many.filter(Boolean).length <= 8, 'nor do many of them');
});
