/**
 * A machine in which /dev/kvm works, for hosts where it does not: level 1 is a QEMU that emulates a processor together with AMD's SVM,
 * so that the KVM of its kernel is a real one. It sees this machine's file system read-only with a layer in memory above it. Slow and true.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say } from '../cli/output.js';
import { hostError } from '../errors.js';
import { writeCpio } from '../initramfs/cpio.js';
import type { Entry } from '../initramfs/initramfs.js';
import type { Kernel } from '../kernel/kernel.js';
import { loadOrder } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';

export interface LabOptions {
  /** What level 1 boots: any kernel with KVM for AMD, 9p and overlayfs. */
  kernel: Kernel;
  index: ModuleIndex;
  /** Absolute; what the command writes to /out is here afterwards. */
  out: string;
  cores: number;
  memoryMiB: number;
  /** The machine is ended after so long. */
  seconds: number;
}

const STATUS = 'lab: status ';
const NEEDED = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'kvm-amd'];

/**
 * Runs a command as root in the lab, its output on our standard error, and returns its exit status.
 * @throws BootgateError blame `host`, E_LAB, when the machine ends before the command does.
 */
export async function runInLab(command: readonly string[], options: LabOptions): Promise<number> {
  const { kernel, out, cores, memoryMiB, seconds } = options;
  const folder = await mkdtemp(join(tmpdir(), 'bootgate-lab-'));
  try {
    await mkdir(out, { recursive: true });
    const archive = join(folder, 'initramfs.cpio');
    await writeCpio(await entriesOf(command, options), archive);
    const share = (id: string, path: string, more: string) => [
      '-fsdev',
      `local,id=${id},path=${path.replaceAll(',', ',,')},security_model=none,multidevs=remap${more}`,
      '-device',
      `virtio-9p-pci,fsdev=${id},mount_tag=${id}`,
    ];
    const args = [
      ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-machine', 'q35'],
      ...['-accel', 'tcg,thread=multi', '-cpu', 'Opteron_G3,+npt', '-smp', `${cores}`, '-m', `${memoryMiB}`],
      ...['-kernel', kernel.vmlinuz, '-initrd', archive, '-serial', 'stdio'],
      ...['-append', 'console=ttyS0 panic=-1 quiet loglevel=1'],
      ...share('host', '/', ',readonly=on'),
      ...share('out', out, ''),
    ];
    const status = await listen('qemu-system-x86_64', args, seconds);
    if (status === null)
      throw hostError('E_LAB', `the lab's machine ended, or its ${seconds} s did, before the command`);
    return status;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function entriesOf(command: readonly string[], { index }: LabOptions): Promise<Entry[]> {
  const files = new Map<string, string>();
  for (const name of NEEDED)
    for (const step of loadOrder(index, name.replaceAll('-', '_')))
      if (step.kind === 'insmod') files.set(step.module.name, join(index.dir, step.module.path));
  const modules = [...files].map(([name, source]) => ({ path: `mods/${name}.ko`, source }));
  const copied = await Promise.all(
    [{ path: 'bin/busybox', source: '/bin/busybox' }, ...modules].map(
      async ({ path, source }): Promise<Entry> => ({
        path,
        type: 'file',
        mode: 0o755,
        source,
        bytes: (await stat(source)).size,
      }),
    ),
  );
  const folders = ['proc', 'sys', 'dev', 'host', 'rw', 'new'];
  const file = (path: string, text: string): Entry => ({
    path,
    type: 'file',
    mode: 0o755,
    data: Buffer.from(text),
  });
  return [
    ...folders.map((path): Entry => ({ path, type: 'directory' })),
    ...copied,
    file('init', init([...files.keys()])),
    file('command', `cd ${quoted(process.cwd())}\n${command.map(quoted).join(' ')}\n`),
  ];
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

const init = (modules: readonly string[]): string => `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for name in ${modules.join(' ')}; do insmod /mods/$name.ko || echo "lab: $name does not load"; done
nine=trans=virtio,version=9p2000.L,msize=524288
mount -t 9p -o $nine,ro,cache=loose host /host
mount -t tmpfs -o size=75% rw /rw; mkdir -p /rw/up /rw/work
mount -t overlay -o lowerdir=/host,upperdir=/rw/up,workdir=/rw/work,xino=off root /new
mount -t proc proc /new/proc; mount -t sysfs sysfs /new/sys; mount --bind /dev /new/dev
mkdir -p /new/dev/shm /new/out /new/run; mount -t tmpfs shm /new/dev/shm
[ -e /new/dev/fd ] || ln -s /proc/self/fd /new/dev/fd
mount -t 9p -o $nine out /new/out
ifconfig lo 127.0.0.1 up
cp /command /new/run/lab-command
export HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
chroot /new /bin/sh /run/lab-command < /dev/null
printf '\\n${STATUS}%s\\n' $?
/bin/sync; /bin/poweroff -f
`;

/** The status that the machine prints at its end; null where it does not get there. */
async function listen(program: string, args: readonly string[], seconds: number): Promise<number | null> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
  });
  let partial = '';
  let status: number | null = null;
  child.stdout.on('data', (bytes: Buffer) => {
    const lines = (partial + bytes.toString('latin1').replaceAll('\r', '')).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines)
      if (line.startsWith(STATUS)) status = Number(line.slice(STATUS.length));
      else say(line);
  });
  await new Promise<void>((resolve, reject) => child.on('close', () => resolve()).on('error', reject));
  return status;
}
