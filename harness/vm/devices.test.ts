import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ARCHITECTURES, boardOf } from '../arch/index.js';
import { SCENARIO } from '../limits.js';
import { packageRoot } from '../paths.js';
import { type Launch, qemuArgv } from './argv.js';
import { misfitsOf, sizeProblem } from './devices/fit.js';
import {
  ALL_ROWS,
  configFor,
  configOf,
  DISK_BUSES,
  type DiskBus,
  diskRow,
  guestSerial,
  leadsTo,
  NIC_MODELS,
  nicRow,
  OTHER_DEVICES,
  otherRow,
  rowsOf,
} from './devices/index.js';
import { createDisk } from './disks.js';
import type { Machine } from './machine.js';
import { parseModels, qemuModels } from './models.js';
import { Qemu } from './qemu.js';
import { SLOTS, slotOf } from './slots.js';

const QEMU = 'qemu-system-x86_64';
const models = await qemuModels(QEMU);
const needsQemu = models ? {} : { skip: `${QEMU} is not installed` };
const folder = mkdtempSync(join(tmpdir(), 'bootgate-devices-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

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
  firmware: null,
  console: { backend: 'null' },
  control: { backend: 'null' },
  qmp: { backend: 'socket', fd: 3 },
};
const mac = (number: number) => `52:54:00:00:00:0${number}`;

t.test('argv: what the first devices had before there was a table, to the byte', async (t) => {
  const disks = (['virtio-blk', 'virtio-scsi', 'nvme', 'ahci'] as const).map((bus, number) => ({
    serial: `s${number}`,
    bus,
    file: `/d/${number}`,
  }));
  const args = qemuArgv(
    {
      ...machine,
      disks,
      nics: [
        { model: 'virtio-net', mac: mac(1), farEndPort: 40001 },
        { model: 'e1000e', mac: mac(2), farEndPort: null },
      ],
      shares: [{ tag: 'host', folder: '/s' }],
    },
    { ...launch, firmware: '/f/qboot.rom', console: { backend: 'file', path: 'console.log' } },
  );
  // As printed by the version before the table, commit 5420081; shares are mapped-file since 4378a1b.
  const drive = (n: number) =>
    `-blockdev raw,node-name=disk${n},discard=unmap,file.driver=file,file.filename=/d/${n},file.discard=unmap,cache.no-flush=on`;
  t.equal(
    args.join(' '),
    [
      '-nodefaults -no-user-config -no-reboot -S -no-shutdown',
      '-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
      '-display none -machine q35,sata=off,smbus=off,vmport=off -accel tcg -cpu max -smp 1 -m 512M -bios /f/qboot.rom',
      '-kernel /k/vmlinux -initrd /k/initramfs.cpio',
      '-append console=ttyS0 loglevel=6 panic=-1 no_timer_check i8042.nokbd i8042.noaux sysrq_always_enabled unknown_nmi_panic bootgate.control=ttyS1',
      '-chardev file,id=console,path=console.log -serial chardev:console',
      '-chardev null,id=control -serial chardev:control',
      '-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control',
      `${drive(0)} -device virtio-blk-pci,bus=pcie.0,addr=0x4,drive=disk0,serial=s0`,
      `${drive(1)} -device virtio-scsi-pci,id=controller1,bus=pcie.0,addr=0x5 -device scsi-hd,bus=controller1.0,drive=disk1,serial=s1`,
      `${drive(2)} -device nvme,bus=pcie.0,addr=0x6,drive=disk2,serial=s2`,
      `${drive(3)} -device ich9-ahci,id=controller3,bus=pcie.0,addr=0x7 -device ide-hd,bus=controller3.0,drive=disk3,serial=s3`,
      '-netdev user,id=net0,restrict=on,guestfwd=tcp:10.0.2.100:9000-tcp:127.0.0.1:40001',
      `-device virtio-net-pci,bus=pcie.0,addr=0x10,netdev=net0,mac=${mac(1)},romfile=`,
      '-netdev user,id=net1,restrict=on',
      `-device e1000e,bus=pcie.0,addr=0x11,netdev=net1,mac=${mac(2)},romfile=`,
      '-fsdev local,id=share0,path=/s,security_model=mapped-file',
      '-device virtio-9p-pci,bus=pcie.0,addr=0x2,fsdev=share0,mount_tag=host',
    ].join(' '),
  );
});

t.test('every row is complete, and has one name', async (t) => {
  const names = ALL_ROWS.map(({ name }) => name);
  t.equal(names.length, DISK_BUSES.length + NIC_MODELS.length + OTHER_DEVICES.length);
  t.equal(new Set(names).size, names.length, 'no name stands for two');
  const boards = new Set(ARCHITECTURES.flatMap(({ boot }) => Object.keys(boot?.boards ?? {})));
  for (const { name, models, levels, boards: own = [] } of ALL_ROWS) {
    t.match(name, /^[a-z0-9][a-z0-9-]*$/, `${name} can be part of a scenario's name`);
    t.ok(models.length > 0 && levels.length > 0, name);
    for (const { aliases, modules, config } of levels)
      t.ok(aliases.length > 0 && modules.length > 0 && /^[A-Z0-9_|]+$/.test(config), name);
    for (const board of own) t.ok(boards.has(board), `${name}: there is a machine ${board}`);
  }
});

t.test('slots: each kind has room for as many as the limit says, and none is given twice', async (t) => {
  const taken = Object.keys(SLOTS).flatMap((kind) =>
    Array.from(
      { length: SCENARIO[kind as 'disks'] },
      (_, at) => slotOf(kind as 'disks', at, { pciBus: 'b' }).addr,
    ),
  );
  t.equal(new Set(taken).size, taken.length);
  t.ok(
    taken.every((addr) => Number(addr) > 1 && Number(addr) < 0x1f),
    "not those of the board's own",
  );
  t.throws(() => slotOf('nics', SCENARIO.nics, { pciBus: 'b' }), RangeError);
});

t.test('what leads to a device', async (t) => {
  const rows: [name: string, modalias: string, leads: boolean][] = [
    ['virtio-blk', 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00', true],
    ['virtio-blk', 'pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00', true],
    ['virtio-blk', 'virtio:d00000002v00001AF4', true],
    ['virtio-blk', 'virtio:d00000001v00001AF4', false],
    ['virtio-blk-modern', 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00', false],
    ['virtio-scsi', 'scsi:t-0x00', true],
    ['virtio-scsi', 'scsi:t-0x05', false],
    ['usb-storage', 'pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30', true],
    ['usb-storage', 'usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00', true],
    ['usb-storage', 'usb:v46F4p0003d0000dc00dsc00dp00ic08isc06ip62in00', false],
    ['sdhci', 'mmc:block', true],
    ['e1000', 'pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00', false],
  ];
  for (const [name, modalias, expected] of rows) {
    const row = diskRow(name) ?? nicRow(name) ?? otherRow(name);
    t.equal(row && leadsTo(row, modalias), expected, `${name} ${modalias}`);
  }
});

t.test('which option builds the driver', async (t) => {
  t.equal(
    configFor('pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00'),
    'E1000E',
    'whoever made the board',
  );
  t.equal(configFor('scsi:t-0x00'), 'BLK_DEV_SD');
  t.equal(configFor('virtio:d00000099v00001AF4'), undefined);
  const row = diskRow('usb-storage');
  t.same(row && configOf(row), ['USB_XHCI_PCI', 'USB_STORAGE', 'BLK_DEV_SD']);
});

t.test('what a guest cannot have', async (t) => {
  const ide = { disks: Array.from({ length: 5 }, () => ({ bus: 'ide' })), nics: [] };
  t.same(
    misfitsOf(ide, undefined).map(({ message }) => message),
    ['ide needs machine: pc', '5 of ide: a guest can have 4'],
  );
  t.same(misfitsOf({ ...ide, disks: ide.disks.slice(1) }, 'pc'), []);
  t.match(sizeProblem('sdhci', 48), /powers of two/);
  t.equal(sizeProblem('sdhci', 64), undefined);
  t.equal(sizeProblem('nvme', 48), undefined);
  t.equal(guestSerial({ bus: 'sdhci', serial: 'x' }), '0xdeadbeef');
  t.equal(guestSerial({ bus: 'nvme', serial: 'x' }), 'x');
  t.same(rowsOf({ disks: [{ bus: 'nvme' }, { bus: 'nvme' }], nics: [{ model: 'none' }] }).length, 1);
});

t.test('models: as QEMU lists them', async (t) => {
  t.same(
    [...parseModels('Storage devices:\nname "lsi53c895a", bus PCI, alias "lsi"\n\nname "nvme", bus PCI\n')],
    ['lsi53c895a', 'nvme'],
  );
  t.equal(await qemuModels('qemu-system-nowhere'), null);
});

/** Rows that this QEMU has and that the board has. */
const here = (names: readonly string[], board: string) =>
  names.filter((name) => {
    const row = diskRow(name) ?? nicRow(name) ?? otherRow(name);
    return row?.models.every((model) => models?.has(model)) && (row.boards?.includes(board) ?? true);
  });

t.test('argv: QEMU itself takes every row of the table, on each board', needsQemu, async (t) => {
  const file = (name: string) => join(folder, `${name}.img`);
  for (const bus of DISK_BUSES) await createDisk(file(bus), 64);
  for (const board of Object.keys(ARCHITECTURES[0]?.boot?.boards ?? {})) {
    const buses = here(DISK_BUSES, board) as DiskBus[];
    const nics = here(NIC_MODELS, board) as Machine['nics'][number]['model'][];
    t.ok(buses.length > 4 && nics.length > 2, `${buses.length} buses, ${nics.length} NICs on ${board}`);
    // As many guests as are needed to have all of them.
    for (let round = 0; round * SCENARIO.nics < Math.max(buses.length, nics.length); round++) {
      const part = <T>(row: readonly T[]) => row.slice(round * SCENARIO.nics, (round + 1) * SCENARIO.nics);
      const whole: Machine = {
        ...machine,
        board,
        kernel: '/dev/null',
        initramfs: '',
        disks: part(buses).map((bus) => ({ serial: `s-${bus}`.slice(0, 20), bus, file: file(bus) })),
        nics: part(nics).map((model, at) => ({ model, mac: mac(at), farEndPort: null })),
        devices: here(OTHER_DEVICES, board) as Machine['devices'],
      };
      const args = qemuArgv(whole, launch);
      const out = new Set(['-kernel', '-append']);
      const paused = args.filter((word, at) => !out.has(word) && !out.has(args[at - 1] ?? ''));
      const qemu = Qemu.start(QEMU, paused, folder, () => {});
      const early = qemu.exited.then(({ stderr }) => stderr || 'QEMU ended');
      const what = [...whole.disks.map(({ bus }) => bus), ...whole.nics.map(({ model }) => model)].join(' ');
      t.equal(await Promise.race([qemu.qmp.ready, early]), undefined, `${board}: ${what}`);
      const { 'blocked-reasons': blocked = [] } = (await qemu.qmp.execute('query-migrate')) as {
        'blocked-reasons'?: string[];
      };
      const unmigratable = rowsOf(whole).filter((row) => row.unmigratable);
      t.equal(blocked.length, unmigratable.length, `not migratable: ${blocked}`);
      await qemu.stop();
    }
  }
});

t.test('hot-plug: QEMU plugs in what the table says, and refuses nothing else', needsQemu, async (t) => {
  const file = join(folder, 'plugged.img');
  await createDisk(file, 64);
  const rows = [
    ...(here(DISK_BUSES, 'q35') as string[]),
    ...here(NIC_MODELS, 'q35'),
    ...here(OTHER_DEVICES, 'q35'),
  ];
  for (const name of rows) {
    const { machine: value } = boardOf('x86_64');
    const args = [
      ...['-nodefaults', '-no-user-config', '-S', '-no-shutdown', '-display', 'none', '-machine', value],
      ...['-device', 'pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1', '-netdev', 'user,id=net0'],
      ...['-blockdev', `raw,node-name=disk0,file.driver=file,file.filename=${file}`],
      ...['-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control'],
    ];
    const qemu = Qemu.start(QEMU, args, folder, () => {});
    await qemu.qmp.ready;
    await qemu.begin(60_000);
    const slot = { bus: 'rp0', addr: '0x0' };
    const disk = { slot, controller: 'c0', drive: 'disk0', serial: 's', nth: 0 };
    const nic = { slot, controller: 'c0', netdev: 'net0', mac: mac(1) };
    const devices =
      diskRow(name)?.devices(disk) ?? nicRow(name)?.devices(nic) ?? otherRow(name)?.devices({ slot }) ?? [];
    const refused: string[] = [];
    for (const device of devices) {
      const [driver = '', ...options] = device.split(',');
      const values = Object.fromEntries(options.map((option) => option.split('=')));
      await qemu.qmp.execute('device_add', { driver, ...values }).catch((error: Error) => {
        refused.push(error.message);
      });
    }
    const row = ALL_ROWS.find((one) => one.name === name);
    t.equal(refused.length === 0, row?.hotplug, `${name}${refused.length > 0 ? `: ${refused}` : ''}`);
    await qemu.stop();
  }
});

t.test('no other file knows devices by name', async (t) => {
  const harness = join(packageRoot, 'harness');
  const quoted = new RegExp(`'(?:${[...DISK_BUSES, ...NIC_MODELS].join('|')})'`);
  const knowing = readdirSync(harness, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      /(?<!\.test)\.ts$/.test(file) &&
      !/^vm\/devices\/|^bench\/|fixtures/.test(file) &&
      quoted.test(readFileSync(join(harness, file), 'utf8')),
  );
  // The recogniser's literal is a word of console messages.
  t.same(knowing, ['diagnose/recognisers/storage.ts']);
});
