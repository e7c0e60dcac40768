import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { canBootDirectly } from '../arch/index.js';
import { ConsoleWatch } from '../diagnose/watch.js';
import type { BootgateError } from '../errors.js';
import { exec } from '../exec.js';
import { type Launch, qemuArgv, shellLine } from './argv.js';
import { CappedBuffer } from './console.js';
import { phaseLimits } from './deadlines.js';
import { createDisk, patternBlock, patternOffset, verifyPattern } from './disks.js';
import { startFarEnd } from './farend.js';
import { Follower } from './follow.js';
import { hostFactor } from './hostfactor.js';
import type { Ending, Machine } from './machine.js';
import { type GuestEvent, Monitor } from './monitor.js';
import { Qemu } from './qemu.js';
import { Qmp } from './qmp.js';
import { readRecording, writeRecording } from './recording.js';
import { RecordReader } from './records.js';
import { type SealKey, sealKey, sealOf } from './seal.js';
import { Standstill } from './standstill.js';
import { Watch } from './watch.js';

const machine: Machine = {
  arch: 'x86_64',
  cpus: 1,
  memoryMiB: 512,
  boot: 'direct',
  kernel: '/k/vmlinux',
  initramfs: '/k/initramfs.cpio',
  cmdline: '',
  window: null,
  disks: [],
  nics: [],
};
const launch: Launch = {
  accelerator: 'tcg',
  firmware: '/f/qboot.rom',
  console: { backend: 'file', path: 'console.log' },
  control: { backend: 'null' },
  qmp: { backend: 'socket', fd: 3 },
};
const hasQemu = await exec('qemu-system-x86_64', ['--version']).then(
  () => true,
  () => false,
);
const needsQemu = hasQemu ? {} : { skip: 'qemu-system-x86_64 is not installed' };

/** The value behind each time that `name` stands in the arguments. */
const valuesOf = (args: string[], name: string) =>
  args.flatMap((word, at) => (word === name ? [args[at + 1] ?? ''] : []));

const folder = mkdtempSync(join(tmpdir(), 'bootgate-vm-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('argv: the machine of a direct boot', async (t) => {
  const args = qemuArgv(machine, launch);
  for (const word of ['-S', '-nodefaults', '-no-user-config', '-no-reboot', '-no-shutdown'])
    t.ok(args.includes(word), word);
  t.same(valuesOf(args, '-bios'), ['/f/qboot.rom']);
  t.same(valuesOf(args, '-m'), ['512M']);
  t.same(valuesOf(args, '-serial'), ['chardev:console', 'chardev:control'], 'console first, control second');
  t.match(valuesOf(args, '-append')[0], /^console=ttyS0 .*panic=-1.* bootgate\.control=ttyS1$/);
  t.match(valuesOf(args, '-sandbox')[0], /^on,.*spawn=deny/);
  t.same(
    valuesOf(qemuArgv({ ...machine, boot: 'packaged' }, { ...launch, firmware: null }), '-bios'),
    [],
    'the usual firmware',
  );
  t.same(valuesOf(qemuArgv({ ...machine, initramfs: '' }, launch), '-initrd'), []);
  const byHand = qemuArgv(machine, { ...launch, qmp: null });
  t.notOk(
    byHand.includes('-S') || byHand.includes('-no-shutdown') || byHand.includes('-mon'),
    'without QMP it ends by itself',
  );
});

t.test('argv: the module window lies between two pieces of memory', async (t) => {
  const MIB = 1024 * 1024;
  const args = qemuArgv({ ...machine, window: { file: '/c/a,b', bytes: 126 * MIB } }, launch);
  t.same(valuesOf(args, '-m'), [`${512 + 126}M`], 'the window is on top of what the guest has');
  t.same(valuesOf(args, '-object'), [
    `memory-backend-ram,id=low,size=${256 * MIB}`,
    `memory-backend-file,id=window,size=${126 * MIB},mem-path=/c/a,,b,share=off`,
    `memory-backend-ram,id=high,size=${256 * MIB}`,
  ]);
  t.same(valuesOf(args, '-numa'), [
    'node,nodeid=0,memdev=low',
    'node,nodeid=1,memdev=window',
    'node,nodeid=2,memdev=high',
  ]);
  t.match(valuesOf(args, '-append')[0], `numa=off memmap=126M$256M bootgate.window=${256 * MIB}`);
});

t.test(
  'argv: a template shares its memory with files, a clone maps them privately and boots nothing',
  async (t) => {
    const MIB = 1024 * 1024;
    const fork = {
      low: '/t/low',
      high: '/t/high',
      trial: { file: '/s/trial', bytes: 16 * MIB },
      state: '/t/state',
    };
    const window = { file: '/c/window', bytes: 126 * MIB };
    const how = { ...launch, windowAccess: { readonly: 'on' }, ramAccess: { rom: 'off' } };
    const template = qemuArgv({ ...machine, window, fork: { ...fork, kind: 'template' } }, how);
    const clone = qemuArgv(
      {
        ...machine,
        window,
        fork: { ...fork, kind: 'clone' },
        disks: [{ serial: 'a', bus: 'virtio-blk', file: '/s/a.img' }],
      },
      how,
    );
    for (const args of [template, clone]) {
      t.same(valuesOf(args, '-m'), [`${512 + 126 + 16}M`]);
      t.same(
        valuesOf(args, '-numa').map((node) => node.replace(/.*memdev=/, '')),
        ['low', 'window', 'trial', 'high'],
      );
    }
    t.match(
      valuesOf(template, '-append')[0],
      `memmap=142M$256M bootgate.window=${256 * MIB} bootgate.trial=${382 * MIB}`,
    );
    for (const object of valuesOf(template, '-object')) t.match(object, /,share=on$/);
    t.same(valuesOf(clone, '-object'), [
      `memory-backend-file,id=low,size=${256 * MIB},mem-path=/t/low,share=off,rom=off`,
      `memory-backend-file,id=window,size=${126 * MIB},mem-path=/c/window,share=off,readonly=on`,
      `memory-backend-file,id=trial,size=${16 * MIB},mem-path=/s/trial,share=off`,
      `memory-backend-file,id=high,size=${256 * MIB},mem-path=/t/high,share=off,rom=off`,
    ]);
    t.same(valuesOf(clone, '-incoming'), ['defer']);
    for (const word of ['-kernel', '-initrd', '-append']) t.notOk(clone.includes(word), word);
    t.match(
      valuesOf(clone, '-device')[0],
      /^virtio-blk-pci,bus=pcie.0,addr=0x4/,
      'in the slot that it has cold',
    );
  },
);

t.test('argv: disks and NICs stand in fixed slots', async (t) => {
  const disks = (['virtio-blk', 'virtio-scsi', 'nvme', 'ahci'] as const).map((bus, number) => ({
    serial: `bg-${number}`,
    bus,
    file: `/d/${bus}, ${number}.img`,
  }));
  const nics = [
    { model: 'virtio-net', mac: '52:54:00:00:00:01', farEndPort: 40001 },
    { model: 'e1000e', mac: '52:54:00:00:00:02', farEndPort: null },
  ] as const;
  const args = qemuArgv({ ...machine, disks, nics: [...nics] }, launch);
  t.same(valuesOf(args, '-device'), [
    'virtio-blk-pci,bus=pcie.0,addr=0x4,drive=disk0,serial=bg-0',
    'virtio-scsi-pci,id=controller1,bus=pcie.0,addr=0x5',
    'scsi-hd,bus=controller1.0,drive=disk1,serial=bg-1',
    'nvme,bus=pcie.0,addr=0x6,drive=disk2,serial=bg-2',
    'ich9-ahci,id=controller3,bus=pcie.0,addr=0x7',
    'ide-hd,bus=controller3.0,drive=disk3,serial=bg-3',
    'virtio-net-pci,bus=pcie.0,addr=0x10,netdev=net0,mac=52:54:00:00:00:01,romfile=',
    'e1000e,bus=pcie.0,addr=0x11,netdev=net1,mac=52:54:00:00:00:02,romfile=',
  ]);
  t.same(valuesOf(args, '-netdev'), [
    'user,id=net0,restrict=on,guestfwd=tcp:10.0.2.100:9000-tcp:127.0.0.1:40001',
    'user,id=net1,restrict=on',
  ]);
  t.match(valuesOf(args, '-blockdev')[3], 'file.filename=/d/ahci,, 3.img,', 'a comma in a path is doubled');
});

t.test('argv: a machine that QEMU would build otherwise is refused, all at once', async (t) => {
  const disk = { serial: 'a', bus: 'nvme', file: '/d' } as const;
  const nic = { model: 'e1000e', mac: '52:54:00:00:00:01', farEndPort: null } as const;
  const MIB2 = 2 * 1024 * 1024;
  const rows: [Partial<Machine>, RegExp][] = [
    [{ cpus: 0 }, /cpus is 0/],
    [{ cpus: 1.5 }, /cpus is 1\.5/],
    [{ memoryMiB: 8 }, /memory is 8 MiB/],
    [{ kernel: 'vmlinux' }, /vmlinux is not an absolute path/],
    [{ cmdline: 'a\nb' }, /line break/],
    [{ disks: [{ ...disk, serial: 'a,b' }] }, /disk serial "a,b"/],
    [{ disks: [{ ...disk, serial: 'x'.repeat(21) }] }, /1 to 20 characters/],
    [{ disks: [{ ...disk, bus: 'floppy' as 'nvme' }] }, /disk bus "floppy" is not one of virtio-blk/],
    [{ disks: [disk, disk] }, /two disks have the serial a/],
    [{ disks: Array.from({ length: 9 }, (_, n) => ({ ...disk, serial: `d${n}` })) }, /9 disks: at most 8/],
    [{ nics: [{ ...nic, mac: '52:54' }] }, /"52:54" is not a MAC address/],
    [{ nics: [{ ...nic, mac: '53:54:00:00:00:01' }] }, /multicast/],
    [{ nics: [{ ...nic, farEndPort: 70000 }] }, /port 70000/],
    [{ nics: [nic, nic] }, /two NICs have the address/],
    [{ memoryMiB: 256, window: { file: '/w', bytes: MIB2 } }, /at least 320 MiB/],
    [{ window: { file: '/w', bytes: 4097 } }, /not a multiple of 2 MiB/],
    [{ window: { file: '/w', bytes: 1282 * 1024 * 1024 } }, /does not fit/],
  ];
  for (const [wrong, expected] of rows) {
    const error = t.throws(() => qemuArgv({ ...machine, ...wrong }, launch), {
      code: 'E_MACHINE',
      blame: 'user',
    });
    t.match((error as BootgateError).problems.map((problem) => problem.message).join('\n'), expected);
  }
  const error = t.throws(() => qemuArgv({ ...machine, cpus: 0, memoryMiB: 8 }, launch)) as BootgateError;
  t.equal(error.problems.length, 2);
  const vmlinux = { path: '/v', bytes: 1, compression: 'xz', pvhEntry: null };
  t.match(canBootDirectly('x86_64', vmlinux), { ok: false, reason: /PVH/ });
  t.ok(canBootDirectly('x86_64', { ...vmlinux, pvhEntry: 0x1000000 }).ok);
});

t.test('argv: QEMU itself takes every machine', needsQemu, async (t) => {
  const files = ['a', 'b', 'c', 'd'].map((name) => join(folder, `disk, ${name}.img`));
  for (const file of files) await createDisk(file, 1);
  const window = join(folder, 'window');
  writeFileSync(window, '');
  truncateSync(window, 4 * 1024 * 1024);
  const whole: Machine = {
    ...machine,
    kernel: '/dev/null',
    initramfs: '',
    window: { file: window, bytes: 4 * 1024 * 1024 },
    disks: (['virtio-blk', 'virtio-scsi', 'nvme', 'ahci'] as const).map((bus, number) => ({
      serial: `bg${number}`,
      bus,
      file: files[number] ?? '',
    })),
    nics: [
      { model: 'virtio-net', mac: '52:54:00:00:00:01', farEndPort: null },
      { model: 'e1000e', mac: '52:54:00:00:00:02', farEndPort: null },
    ],
  };
  const args = qemuArgv(whole, { ...launch, firmware: null, console: { backend: 'null' } });
  const without = args.filter((word, at) => word !== '-kernel' && args[at - 1] !== '-kernel');
  const paused = without.filter((word, at) => word !== '-append' && without[at - 1] !== '-append');
  const qemu = Qemu.start('qemu-system-x86_64', paused, folder, () => {});
  const early = qemu.exited.then(({ stderr }) => stderr || 'QEMU ended');
  t.equal(await Promise.race([qemu.qmp.ready, early]), undefined, 'QEMU starts and greets');
  const tree = String(await qemu.qmp.execute('human-monitor-command', { 'command-line': 'info qtree' }));
  for (const serial of ['bg0', 'bg1', 'bg2', 'bg3']) t.match(tree, `serial = "${serial}"`);
  t.match(tree, /addr = 10\.0/, 'the first NIC is where it should be');
  t.match(await qemu.qmp.registers(), /[ER]IP=/);
  t.match(await qemu.qmp.execute('query-status'), { status: 'prelaunch' }, 'nothing runs before it is begun');
  await qemu.begin(20_000);
  t.match(await qemu.qmp.execute('query-status'), { running: true });
  const group = readFileSync(`/proc/${qemu.pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[2];
  t.equal(group, String(qemu.pid), 'Ctrl+C on the terminal does not reach it');
  await t.rejects(qemu.qmp.execute('no-such-command'), { code: 'E_QMP', message: /no-such-command/ });
  const stopped = performance.now();
  t.match(await qemu.stop(), { status: 0, signal: null }, 'quit by QMP, not by a signal');
  t.ok(performance.now() - stopped < 900, 'at once');
  await t.rejects(qemu.qmp.execute('query-status'), { code: 'E_QMP', message: /has ended/ });
});

t.test('shell line: a shell reads the same words', async (t) => {
  const words = ['-a', "it's", '-append', 'memmap=1M$256M "x" \\ `y`', '-e', '', 'plain', 'new\nline'];
  const { stdout } = await exec('sh', ['-c', shellLine('printf', ['%s\\0', ...words])]);
  t.same(stdout.split('\0').slice(0, -1), words);
});

t.test('console: bounded, head and tail kept', async (t) => {
  const buffer = new CappedBuffer(10, 20);
  const all = Buffer.from(Array.from({ length: 1000 }, (_, at) => 33 + (at % 90)));
  for (let at = 0; at < all.length; at += 7) buffer.push(all.subarray(at, at + 7));
  t.equal(buffer.total, 1000);
  t.ok(buffer.cut);
  const text = buffer.toBuffer().toString();
  t.equal(text, `${all.subarray(0, 10)}\n[bootgate: 970 bytes left out]\n${all.subarray(980)}`);
  const small = new CappedBuffer(10, 20);
  small.push(all.subarray(0, 30));
  t.notOk(small.cut);
  t.equal(small.toBuffer().toString(), all.subarray(0, 30).toString(), 'nothing is missing up to the cap');
});

/** Cuts bytes at the given places (any numbers). */
function cutAt(bytes: Buffer, places: number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, number) => bytes.subarray(at[number], end));
}

const NONCE = 'feedfacefeedface';
/** A record as the agent writes it. */
function record(seq: number, type: string, payload = '', secret = NONCE): string {
  const rest = [type, payload].filter(Boolean).join(' ');
  return `\n@bg2 ${seq} ${sealOf(sealKey(secret) as SealKey, `${seq} ${rest}`)} ${rest}\n`;
}

/** A guest that a test plays: each event with the time at which it happens. */
class FakeGuest {
  readonly phases: string[] = [];
  readonly monitor: Monitor;
  #at = 0;

  constructor(limits = phaseLimits({ accelerator: 'kvm', hostFactor: 1, stepSeconds: 20 })) {
    this.monitor = new Monitor({
      limits,
      records: new RecordReader(NONCE),
      console: new ConsoleWatch(),
      onPhase: (phase) => this.phases.push(phase),
    });
  }

  happens(event: GuestEvent, after = 0): Ending | null {
    this.#at += after;
    return this.monitor.handle(event, this.#at);
  }

  says(text: string, after = 0): Ending | null {
    return this.happens({ kind: 'console', bytes: Buffer.from(text) }, after);
  }

  reports(text: string, after = 0): Ending | null {
    return this.happens({ kind: 'control', bytes: Buffer.from(text) }, after);
  }

  waits(seconds: number): Ending | null {
    return this.happens({ kind: 'tick' }, seconds);
  }

  shutsDown(reason = 'guest-shutdown', guest = true): Ending | null {
    return this.happens({ kind: 'qmp', event: 'SHUTDOWN', data: { guest, reason } });
  }

  exits(status: number | null, signal: string | null = null, stderr = ''): Ending | null {
    return this.happens({ kind: 'exit', status, signal, stderr });
  }
}

t.test('monitor: a guest that goes all the way', async (t) => {
  const guest = new FakeGuest();
  t.equal(guest.waits(9), null);
  t.equal(guest.says('[    0.000000] Linux version 6.1.0\r\n', 0.5), null);
  t.equal(guest.reports(record(1, 'hello', 'channel=uart'), 1), null);
  t.equal(guest.reports(record(2, 'phase', 'name=modules'), 1), null);
  t.equal(guest.reports(record(3, 'phase', 'name=devices'), 1), null);
  t.equal(guest.reports(record(4, 'phase', 'name=steps'), 1), null);
  t.equal(guest.reports(record(5, 'phase', 'name=shutdown'), 1), null);
  t.same(guest.shutsDown(), { kind: 'exit', status: 0, signal: null, shutdown: 'guest-shutdown' });
  t.same(guest.phases, ['kernel', 'init', 'modules', 'devices', 'steps', 'shutdown']);
  t.same(
    guest.monitor.phases.map(({ at }) => at),
    [0, 9.5, 10.5, 11.5, 12.5, 13.5, 14.5],
  );
});

t.test(
  'monitor: phases come from authentic records only, also on the console, and never go back',
  async (t) => {
    const guest = new FakeGuest();
    guest.reports(record(1, 'phase', 'name=steps', 'deadbeefdeadbeef'));
    t.equal(guest.monitor.phase, 'firmware', 'another boot’s record');
    guest.says(`[    1.500000] ${record(1, 'phase', 'name=devices').trim()}\r\n`);
    t.equal(guest.monitor.phase, 'devices');
    guest.says(record(2, 'phase', 'name=modules'));
    t.equal(guest.monitor.phase, 'devices');
  },
);

t.test('monitor: each phase has its own deadline', async (t) => {
  const limits = phaseLimits({ accelerator: 'kvm', hostFactor: 1, stepSeconds: 20 });
  for (const [phase, enter] of [
    ['firmware', () => {}],
    ['kernel', (guest: FakeGuest) => guest.says('[    0.000000] Linux version\n', 3)],
    ['init', (guest: FakeGuest) => guest.reports(record(1, 'hello'), 3)],
    ['steps', (guest: FakeGuest) => guest.reports(record(1, 'phase', 'name=steps'), 3)],
  ] as const) {
    const guest = new FakeGuest();
    enter(guest);
    const limitSeconds = limits.phase[phase];
    t.equal(guest.waits(limitSeconds), null, `${phase}: not yet`);
    t.same(guest.waits(0.1), { kind: 'deadline', phase, limitSeconds });
  }
  t.equal(limits.phase.steps, 30, 'the steps’ own limits and ten seconds');
  const slow = phaseLimits({ accelerator: 'tcg', hostFactor: 2, stepSeconds: 20, scale: 0.5 });
  t.equal(slow.phase.firmware, 10 * 4 * 2 * 0.5);
  t.equal(
    slow.phase.steps,
    10 * 4 * 2 * 0.5 + 20 * 2 * 0.5,
    'the guest’s clock runs with ours under emulation too',
  );
  const chatty = new FakeGuest();
  for (let second = 0; second < 45; second++) chatty.says(`[   ${second}.000000] still here\n`, 1);
  t.match(chatty.waits(0), { kind: 'deadline', phase: 'kernel' }, 'talking is not progress');
});

t.test('monitor: a report is heard out before the guest is ended', async (t) => {
  const guest = new FakeGuest();
  guest.says('[    1.000000] Oops: 0002 [#1] PREEMPT SMP\r\n[    1.1');
  t.equal(guest.waits(4), null);
  t.equal(guest.says('00000] RIP: 0010:f+0x1/0x2\r\n[    1.200000] ---[ end trace 00 ]---\r\n'), null);
  t.equal(guest.waits(0.4), null, 'it may end by itself');
  t.same(guest.waits(0.2), { kind: 'fatal', title: 'oops: Oops in f' });

  const endless = new FakeGuest();
  endless.says('[    1.000000] Kernel panic - not syncing: x\n');
  t.equal(endless.waits(5), null);
  t.same(endless.waits(0.1), { kind: 'fatal', title: 'kernel panic: x' }, 'the grace ends');

  const rebooted = new FakeGuest();
  rebooted.says('[    1.000000] Kernel panic - not syncing: no line end');
  t.same(rebooted.shutsDown('guest-reset'), {
    kind: 'fatal',
    title: 'kernel panic: no line end',
  });

  const dead = new FakeGuest();
  dead.says('[    1.000000] WARNING: CPU: 0 PID: 1 at x.c:1\n[    1.000000] ---[ end trace 00 ]---\n');
  t.equal(dead.waits(6), null, 'a warning ends no guest');
  t.match(dead.shutsDown('guest-reset'), { kind: 'exit', shutdown: 'guest-reset' });
});

t.test('monitor: a report that a step echoes ends no guest', async (t) => {
  const guest = new FakeGuest();
  guest.says('[    0.000000] Linux version 6.1.0\r\n');
  guest.says('step| [    1.000000] BUG: kernel NULL pointer dereference, address: 0\r\n');
  guest.says('Kernel panic - not syncing: a program says so on /dev/console\r\n');
  t.equal(guest.waits(6), null);
  t.match(guest.shutsDown(), { kind: 'exit', shutdown: 'guest-shutdown' });
});

t.test('monitor: a flood ends the guest, on either UART', async (t) => {
  const line = Buffer.from(`${'y'.repeat(63)}\n`.repeat(1024));
  for (const kind of ['console', 'control'] as const) {
    const guest = new FakeGuest();
    let ending: Ending | null = null;
    let heard = 0;
    while (!ending && heard < 64 * 1024 * 1024) {
      ending = guest.happens({ kind, bytes: line }, 0.001);
      heard += line.length;
    }
    t.match(ending, { kind: 'flood', phase: 'firmware' }, kind);
    t.ok(heard < 9 * 1024 * 1024);
  }
  const oops = new FakeGuest();
  oops.says('[    1.000000] Oops: 0002 [#1] PREEMPT SMP\n');
  t.match(
    oops.says('y'.repeat(9 * 1024 * 1024)),
    { kind: 'fatal', title: /^oops/ },
    'a report outranks the flood',
  );
});

t.test('monitor: what is the host’s fault is infra, in QEMU’s own words', async (t) => {
  const message = (ending: Ending | null) =>
    ending?.kind === 'infra' ? ending.message : JSON.stringify(ending);
  t.match(
    message(new FakeGuest().exits(1, null, "qemu-system-x86_64: could not open\x1b 'x'\n")),
    "QEMU ended with status 1: could not open? 'x'",
  );
  t.match(
    message(new FakeGuest().exits(127, null, 'setpriv: no qemu')),
    /could not be started.*no qemu.*doctor/,
  );
  t.match(message(new FakeGuest().exits(null, 'SIGSEGV')), 'QEMU was killed by SIGSEGV');
  t.match(message(new FakeGuest().shutsDown('host-signal', false)), /ended from outside.*host-signal/);
  const full = { operation: 'write', reason: 'No space left on device', nospace: true };
  t.match(
    message(new FakeGuest().happens({ kind: 'qmp', event: 'BLOCK_IO_ERROR', data: full })),
    /could not write a disk file: No space left on device/,
  );
  t.match(message(new FakeGuest().happens({ kind: 'qmp', event: 'STOP', data: {} })), /internal error/);
  t.equal(new FakeGuest().happens({ kind: 'qmp', event: 'RTC_CHANGE', data: {} }), null);
  t.match(message(new FakeGuest().happens({ kind: 'broken', message: 'no greeting' })), 'no greeting');
  t.match(message(new FakeGuest().exits(0)), /ended at once/);
});

t.test('monitor: any chunking of a log comes to the same', async (t) => {
  const logs = [
    `[    0.000000] Linux version 6.1\r\n${record(1, 'hello')}[    1.000000] step| Kernel panic - not syncing: no\r\n${record(2, 'phase', 'name=steps')}`,
    `[    0.000000] Linux version 6.1\r\nx[    2.000000] BUG: kernel NULL pointer dereference\r\n[    2.000000] ---[ end trace 0 ]---\r\n`,
    `garbage\x00\xff\n@bg2 1 ${NONCE} hello\n[    0.000000] ODEBUG: BUG: unable\n`,
  ];
  const play = (chunks: Buffer[]) => {
    const guest = new FakeGuest();
    const endings = chunks.map((bytes) => guest.happens({ kind: 'console', bytes }));
    return JSON.stringify([
      endings.find(Boolean) ?? null,
      guest.waits(2),
      guest.waits(4),
      guest.monitor.phases,
    ]);
  };
  for (const log of logs) {
    const bytes = Buffer.from(log, 'latin1');
    const expected = play([bytes]);
    fc.assert(fc.property(fc.array(fc.nat()), (places) => play(cutAt(bytes, places)) === expected));
    t.equal(play([...bytes].map((byte) => Buffer.from([byte]))), expected, 'byte by byte');
  }
});

t.test('watch: what the guest said is heard before what happens to it', async (t) => {
  const uarts = {
    console: new Follower(join(folder, 'c.log')),
    control: new Follower(join(folder, 'r.log')),
  };
  const guest = new FakeGuest();
  const watch = new Watch(guest.monitor, uarts);
  t.teardown(() => watch.close());
  writeFileSync(join(folder, 'c.log'), '[    1.000000] Kernel panic - not syncing: at last');
  watch.feed({ kind: 'exit', status: 0, signal: null, stderr: '' });
  t.match(await watch.ended, { kind: 'fatal', title: /at last/ });
  watch.close();
  watch.feed({ kind: 'tick' });

  const abort = new AbortController();
  const aborted = new Watch(new FakeGuest().monitor, uarts, abort.signal);
  t.teardown(() => aborted.close());
  abort.abort(new Error('interrupted'));
  await t.rejects(aborted.ended, { message: 'interrupted' });
});

t.test('standstill: neither a stopped QEMU nor a watch that did not run has used up a limit', async (t) => {
  let state = 'S';
  const still = new Standstill(() => state);
  const pass = (from: number, to: number) => {
    for (let now = from; now <= to; now += 0.05) still.tick(now);
  };
  pass(0, 10);
  t.equal(still.seconds, 0);
  state = 'T';
  pass(10, 14);
  state = 'R';
  pass(14, 20);
  t.ok(still.stopped > 3 && still.stopped < 5, `${still.stopped} s stopped`);
  pass(320, 321);
  t.ok(still.gap > 299 && still.gap < 301, `${still.gap} s without a tick`);
});

t.test('follow: reads on, and the file is cut down to what was kept', async (t) => {
  const path = join(folder, 'follow.log');
  const follower = new Follower(path);
  t.equal(follower.read(), null);
  writeFileSync(path, 'one', { flag: 'a' });
  t.equal(String(follower.read()), 'one');
  writeFileSync(path, Buffer.alloc(3 * 1024 * 1024, 'x'), { flag: 'a' });
  t.equal(follower.read()?.length, 1024 * 1024, 'a bounded piece at once');
  const kept = await follower.close();
  t.equal(follower.kept.total, 3 + 3 * 1024 * 1024, 'all of it was read in the end');
  t.equal(statSync(path).size, kept.length);
  t.ok(kept.length < 1.3 * 1024 * 1024);
});

t.test('recording: written and read back', async (t) => {
  const { console, control } = { console: Buffer.from([0, 255, 10]), control: Buffer.from('c') };
  writeFileSync(join(folder, 'console.log'), console);
  writeFileSync(join(folder, 'control.log'), control);
  const recording = {
    nonce: NONCE,
    console,
    control,
    ending: { kind: 'fatal', title: 'x' } as const,
    phases: [{ phase: 'firmware' as const, at: 0 }],
    seconds: 1.5,
    cpuSeconds: 1.25,
  };
  await writeRecording(folder, recording);
  t.same(await readRecording(folder), recording);
  t.notMatch(
    readFileSync(join(folder, 'recording.json'), 'utf8'),
    /"console"|"control"/,
    'the bytes are not kept twice',
  );
  await t.rejects(readRecording(join(folder, 'none')), { code: 'E_RECORDING', blame: 'user' });
});

t.test('host factor: between 1 and 8, and it grows with the load', async (t) => {
  const idle = hostFactor(0, 4);
  t.ok(idle >= 1 && idle <= 8);
  t.equal(hostFactor(8, 4), Math.min(8, idle * 2));
  t.equal(hostFactor(1000, 1), 8);
});

t.test('qmp: replies find their command, and an end fails what waits', async (t) => {
  const toUs = new PassThrough();
  const sent: Record<string, unknown>[] = [];
  const stream = Duplex.from({
    readable: toUs,
    writable: new PassThrough().on('data', (bytes) => sent.push(JSON.parse(String(bytes)))),
  });
  const events: string[] = [];
  const qmp = new Qmp(stream, ({ event }) => events.push(event));
  const say = (value: unknown) =>
    toUs.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\r\n`);
  const settled = () => new Promise((resolve) => setTimeout(resolve, 10));
  say({ QMP: { version: {}, capabilities: [] } });
  await settled();
  t.match(sent[0], { execute: 'qmp_capabilities' });
  say({ return: {}, id: sent[0]?.id });
  await qmp.ready;
  const [first, second] = [qmp.execute('one'), qmp.execute('two')];
  await settled();
  say('this is no JSON');
  say(null);
  say('{"event": "SHUT');
  toUs.write('');
  say({ return: 2, id: sent[2]?.id });
  say({ event: 'RESUME' });
  say({ error: { class: 'GenericError', desc: 'no' }, id: sent[1]?.id });
  t.equal(await second, 2);
  await t.rejects(first, { code: 'E_QMP', message: /no/ });
  t.same(events, ['RESUME']);
  await t.rejects(qmp.execute('slow', {}, 20), { code: 'E_QMP', message: /did not answer slow/ });
  const waiting = qmp.execute('three');
  toUs.end();
  await t.rejects(waiting, { code: 'E_QMP', message: /has ended/ });
});

t.test('qemu: a program that is not there is an exit with words', async (t) => {
  const qemu = Qemu.start('no-such-qemu', [], folder, () => {});
  t.match(await qemu.exited, { status: /^12[67]$/, stderr: /no-such-qemu/ });
  t.match(await qemu.stop(), { signal: null });
});

t.test('disks: sparse, and the pattern is looked for in every block', async (t) => {
  const path = join(folder, 'pattern.img');
  await createDisk(path, 64);
  t.equal(statSync(path).size, 64 * 1024 * 1024);
  t.ok(statSync(path).blocks < 100, 'takes no space');
  await t.rejects(createDisk(path, 64), { code: 'EEXIST' });
  t.match(await verifyPattern(path, 64, 'seed'), { ok: false, message: /64 of 64 blocks/ });
  const file = await open(path, 'r+');
  for (let number = 0; number < 64; number++)
    await file.write(patternBlock('seed', number), 0, 4096, patternOffset(64, number));
  t.match(await verifyPattern(path, 64, 'seed'), { ok: true });
  t.match(await verifyPattern(path, 64, 'other'), { ok: false }, 'another boot’s pattern');
  t.match(await verifyPattern(path, 32, 'seed'), { ok: false, message: /bytes instead of/ });
  await file.write(Buffer.from([1]), 0, 1, patternOffset(64, 63) + 4095);
  await file.close();
  t.match(await verifyPattern(path, 64, 'seed'), { ok: false, message: /1 of 64 blocks .*\(63\)/ });
  t.match(await verifyPattern(join(folder, 'none.img'), 64, 'seed'), {
    ok: false,
    message: /cannot be read/,
  });
});

t.test('far end: bytes both ways, checked, several commands on one connection', async (t) => {
  const farEnd = await startFarEnd();
  const socket = connect(farEnd.port, '127.0.0.1');
  let got = Buffer.alloc(0);
  let heard = () => {};
  socket.on('data', (bytes: Buffer) => {
    got = Buffer.concat([got, bytes]);
    heard();
  });
  const take = async (length: number) => {
    while (got.length < length) await new Promise<void>((resolve) => (heard = resolve));
    const taken = got.subarray(0, length);
    got = got.subarray(length);
    return taken;
  };
  const line = async () => {
    let end = got.indexOf(10);
    for (; end < 0; end = got.indexOf(10)) await new Promise<void>((resolve) => (heard = resolve));
    return String(await take(end + 1)).trim();
  };
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

  socket.write('PING one\nPI');
  t.equal(await line(), 'PONG one');
  socket.write('NG two\n');
  t.equal(await line(), 'PONG two');
  const sent = Buffer.alloc(3 * 1024 * 1024, 'bootgate\n');
  socket.write(`PUT ${sent.length} ${sha256(sent)}\n`);
  socket.write(sent);
  const [ok, bytes, digest] = (await line()).split(' ');
  t.same([ok, bytes], ['OK', String(sent.length)]);
  t.equal(sha256(await take(sent.length)), digest);
  socket.write(`PUT 5 ${sha256(Buffer.from('hello'))}\nhellO`);
  t.match(await line(), /^BAD digest/);
  socket.write(`PUT 5 ${sha256(Buffer.from('hello'))}\nhelloPING at-once\n`);
  t.match(await line(), /^OK 5 /);
  await take(5);
  t.equal(await line(), 'PONG at-once', 'what follows in the same packet is the next command');
  socket.write('nonsense\n');
  t.match(await line(), /^BAD command/);
  socket.write(`PUT 999999999999 ${sha256(sent)}\n`);
  t.match(await line(), /^BAD size/);
  socket.write(`PUT 0 ${sha256(Buffer.alloc(0))}\nPING three\n`);
  t.match(await line(), /^OK 0 /);
  t.equal(await line(), 'PONG three', 'the connection has survived all that');
  t.same(
    farEnd.received.map((exchange) => exchange.ok),
    [true, false, true, true],
  );
  await farEnd.close();
  t.ok(socket.destroyed || (await new Promise((resolve) => socket.once('close', () => resolve(true)))));
});
