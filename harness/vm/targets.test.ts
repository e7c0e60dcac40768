import { join } from 'node:path';
import t from 'tap';
import { ARCHITECTURES } from '../arch/index.js';
import { findCommand } from '../initramfs/host-programs.js';
import { type Launch, qemuArgv } from './argv.js';
import { createDisk } from './disks.js';
import type { Machine } from './machine.js';
import { Qemu } from './qemu.js';
import { onChannel } from './slots.js';

const launch: Launch = {
  accelerator: 'tcg',
  firmware: null,
  console: { backend: 'null' },
  control: { backend: 'null' },
  qmp: { backend: 'socket', fd: 3 },
};

const machineOf = (arch: Machine['arch'], file: string, folder: string): Machine => ({
  arch,
  cpus: 2,
  memoryMiB: 512,
  boot: 'direct',
  kernel: '/dev/null',
  initramfs: '',
  cmdline: '',
  window: null,
  disks: [
    { serial: 'one', bus: 'virtio-blk', file },
    { serial: 'two', bus: 'virtio-scsi', file },
  ],
  nics: [{ model: 'virtio-net', mac: '52:54:00:00:00:01', farEndPort: null }],
  shares: [{ tag: 'host', folder }],
  devices: ['virtio-rng', 'virtio-balloon'],
});

t.test('devices on channels: the same virtio device, no ROM, all else as it is', async (t) => {
  t.equal(onChannel('virtio-net-pci,devno=fe.0.0010,mac=1,romfile='), 'virtio-net-ccw,devno=fe.0.0010,mac=1');
  t.equal(onChannel('virtio-blk-pci'), 'virtio-blk-ccw');
  t.equal(
    onChannel('scsi-hd,bus=controller1.0,serial=virtio-blk-pci'),
    'scsi-hd,bus=controller1.0,serial=virtio-blk-pci',
  );
  const args = qemuArgv(machineOf('s390x', '/d', '/s'), launch).join(' ');
  t.match(args, '-device virtio-blk-ccw,devno=fe.0.0004,drive=disk0,serial=one ');
  t.match(args, '-device virtio-scsi-ccw,id=controller1,devno=fe.0.0005 -device scsi-hd,bus=controller1.0');
  t.notMatch(args, /pci|bootgate\.control|id=control,/, 'no port for records: they go into the kernel log');
});

t.test('where the records go on each machine', async (t) => {
  const args = (arch: Machine['arch']) => qemuArgv(machineOf(arch, '/d', '/s'), launch).join(' ');
  t.match(
    args('aarch64'),
    /bootgate\.control=ttyS0 .*-serial chardev:console .*-device pci-serial,chardev=control,bus=pcie\.0,addr=0x1 /,
  );
  t.match(args('riscv64'), /bootgate\.control=ttyS1 .*-device pci-serial,chardev=control/);
  t.match(args('ppc64le'), /bootgate\.control=hvc1 .*-serial chardev:console .*-serial chardev:control/);
});

for (const { arch, boot } of ARCHITECTURES) {
  const program = boot ? await findCommand(boot.qemu) : null;
  t.test(
    `QEMU itself takes the machine of ${arch}`,
    { skip: program ? false : `${boot?.qemu} is not here` },
    async (t) => {
      const folder = t.testdir({ share: {} });
      const file = join(folder, 'disk.img');
      await createDisk(file, 1);
      const { disks, ...machine } = machineOf(arch, file, join(folder, 'share'));
      const args = qemuArgv({ ...machine, disks: disks.slice(0, 1) }, launch);
      const paused = args.filter(
        (word, at) =>
          !['-kernel', '-append'].includes(word) && !['-kernel', '-append'].includes(args[at - 1] ?? ''),
      );
      const qemu = Qemu.start(program ?? '', paused, folder, () => {});
      const early = qemu.exited.then(({ stderr }) => stderr || 'QEMU ended');
      t.equal(await Promise.race([qemu.qmp.ready, early]), undefined, 'QEMU starts and greets');
      const tree = String(await qemu.qmp.execute('human-monitor-command', { 'command-line': 'info qtree' }));
      t.match(tree, /serial = "one"/);
      t.match(await qemu.stop(), { status: 0, signal: null });
    },
  );
}
