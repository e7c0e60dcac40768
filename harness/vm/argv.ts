import { type ArchitectureTable, architectureOf } from './arch/index.js';
import { checkMachine } from './check-machine.js';
import type { Accelerator, Disk, Machine, Nic, Share } from './machine.js';

/** How this start of a machine is done: what is the host's choice and not the machine's. */
export interface Launch {
  accelerator: Accelerator;
  /** For a direct boot; null: the machine's own. */
  firmware: string | null;
  /** Chardev backends: `{ backend: 'file', path: 'console.log' }`, `{ backend: 'stdio' }`. */
  console: Chardev;
  control: Chardev;
  /** With one the machine waits to be begun, so that no event is missed, and at its end until its CPU time was read. */
  qmp: Chardev | null;
  /** False where QEMU has no seccomp. */
  sandbox?: boolean;
  /** How the window's file is opened: properties of memory-backend-file. */
  windowAccess?: Record<string, string>;
}

export interface Chardev {
  backend: 'file' | 'stdio' | 'null' | 'socket';
  [option: string]: string | number | undefined;
}

const MIB = 1024 * 1024;
/** Value of -sandbox: no program is started, no right gained, no old system call made. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';
/** Slots of the root bus. Below are the host bridge and the board's own, 0x1f is the ISA bridge. */
const SHARE_SLOT = 0x02;
const DISK_SLOT = 0x04;
const NIC_SLOT = 0x10;
/** Where the far end answers inside QEMU's user network (10.0.2.0/24). */
export const FAR_END = { address: '10.0.2.100', port: 9000 } as const;

/**
 * The arguments (without the program) that make this machine. Pure: same machine, same arguments.
 * @throws user error E_MACHINE for a machine that QEMU would not build as it is meant.
 */
export function qemuArgv(machine: Machine, launch: Launch): string[] {
  checkMachine(machine);
  const table = architectureOf(machine.arch);
  const { qmp } = launch;
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', ...(qmp ? ['-S', '-no-shutdown'] : [])],
    ...(launch.sandbox === false ? [] : ['-sandbox', SANDBOX]),
    ...['-display', 'none', '-machine', table.machine],
    ...['-accel', launch.accelerator, '-cpu', table.cpu[launch.accelerator], '-smp', `${machine.cpus}`],
    ...memoryArgs(machine, table, launch.windowAccess),
    ...(machine.boot === 'direct' && launch.firmware ? ['-bios', launch.firmware] : []),
    ...['-kernel', machine.kernel, ...(machine.initramfs ? ['-initrd', machine.initramfs] : [])],
    ...['-append', commandLine(machine, table)],
    ...['-chardev', chardev('console', launch.console), '-serial', 'chardev:console'],
    ...['-chardev', chardev('control', launch.control), '-serial', 'chardev:control'],
    ...(qmp ? ['-chardev', chardev('qmp', qmp), '-mon', 'chardev=qmp,mode=control'] : []),
    ...machine.disks.flatMap((disk, index) => diskArgs(disk, index, table)),
    ...machine.nics.flatMap((nic, index) => nicArgs(nic, index, table)),
    ...(machine.shares ?? []).flatMap((share, index) => shareArgs(share, index, table)),
  ];
}

/** The kernel's whole command line: the architecture's part, the window's, then the machine's own. */
export function commandLine(
  machine: Machine,
  table: ArchitectureTable = architectureOf(machine.arch),
): string {
  const parts = [table.cmdline, `bootgate.control=${table.control}`];
  if (machine.window && table.window) {
    const layout = table.window.layout(machine.memoryMiB);
    parts.push(table.window.cmdline(layout, machine.window.bytes), `bootgate.window=${layout.base}`);
  }
  return [...parts, machine.cmdline.trim()].filter(Boolean).join(' ');
}

/**
 * With a window, memory is three NUMA nodes: below it, the window's file (private, so that a guest that writes
 * there changes nothing), above it. Guests that map one file share its pages.
 */
function memoryArgs(machine: Machine, table: ArchitectureTable, access: Launch['windowAccess']): string[] {
  if (!machine.window || !table.window) return ['-m', `${machine.memoryMiB}M`];
  const { low, high } = table.window.layout(machine.memoryMiB);
  const { file, bytes } = machine.window;
  const nodes = [
    ['low', options('memory-backend-ram', { id: 'low', size: low })],
    [
      'window',
      options('memory-backend-file', {
        id: 'window',
        size: bytes,
        'mem-path': file,
        share: 'off',
        ...access,
      }),
    ],
    ['high', options('memory-backend-ram', { id: 'high', size: high })],
  ] as const;
  return [
    ...['-m', `${(low + bytes + high) / MIB}M`],
    ...nodes.flatMap(([, object]) => ['-object', object]),
    ...nodes.flatMap(([id], nodeid) => ['-numa', options('node', { nodeid, memdev: id })]),
  ];
}

/** The disk's file and the device on it. No flush reaches the host: the file need not outlive a power cut. */
function diskArgs(disk: Disk, index: number, table: ArchitectureTable): string[] {
  const drive = `disk${index}`;
  const controller = `controller${index}`;
  const slot = { bus: table.pciBus, addr: hex(DISK_SLOT + index) };
  const onDrive = { drive, serial: disk.serial };
  const devices = {
    'virtio-blk': [options('virtio-blk-pci', { ...slot, ...onDrive })],
    'virtio-scsi': [
      options('virtio-scsi-pci', { id: controller, ...slot }),
      options('scsi-hd', { bus: `${controller}.0`, ...onDrive }),
    ],
    nvme: [options('nvme', { ...slot, ...onDrive })],
    ahci: [
      options('ich9-ahci', { id: controller, ...slot }),
      options('ide-hd', { bus: `${controller}.0`, ...onDrive }),
    ],
  }[disk.bus];
  return [
    '-blockdev',
    options('raw', {
      'node-name': drive,
      discard: 'unmap',
      'file.driver': 'file',
      'file.filename': disk.file,
      'file.discard': 'unmap',
      'cache.no-flush': 'on',
    }),
    ...devices.flatMap((device) => ['-device', device]),
  ];
}

/**
 * A folder over virtio 9p. Owners, modes, links and devices that the guest makes are notes in .virtfs_metadata: on the host
 * there are plain files of QEMU's user, without a set-user-ID bit, and nothing that can be followed.
 */
function shareArgs({ tag, folder }: Share, index: number, table: ArchitectureTable): string[] {
  const slot = { bus: table.pciBus, addr: hex(SHARE_SLOT + index) };
  return [
    '-fsdev',
    options('local', { id: `share${index}`, path: folder, security_model: 'mapped-file' }),
    '-device',
    options('virtio-9p-pci', { ...slot, fsdev: `share${index}`, mount_tag: tag }),
  ];
}

/** A NIC on a network of its own, which reaches nothing but QEMU's DHCP and, if there is one, the far end. */
function nicArgs(nic: Nic, index: number, table: ArchitectureTable): string[] {
  const id = `net${index}`;
  const model = { 'virtio-net': 'virtio-net-pci', e1000e: 'e1000e' }[nic.model];
  const farEnd =
    nic.farEndPort === null
      ? {}
      : { guestfwd: `tcp:${FAR_END.address}:${FAR_END.port}-tcp:127.0.0.1:${nic.farEndPort}` };
  return [
    ...['-netdev', options('user', { id, restrict: 'on', ...farEnd })],
    '-device',
    options(model, { bus: table.pciBus, addr: hex(NIC_SLOT + index), netdev: id, mac: nic.mac, romfile: '' }),
  ];
}

function chardev(id: string, { backend, ...more }: Chardev): string {
  return options(backend, { id, ...more });
}

/** `name,key=value,...` as QEMU's option parser reads it: a comma inside a value is written twice. */
function options(name: string, values: Record<string, string | number | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined);
  return [name, ...pairs.map(([key, value]) => `${key}=${String(value).replaceAll(',', ',,')}`)].join(',');
}

function hex(slot: number): string {
  return `0x${slot.toString(16)}`;
}

/** The same command for a person's shell. */
export function shellLine(program: string, args: readonly string[]): string {
  const quote = (word: string) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
  const lines = args.map(quote).reduce<string[]>((rows, word) => {
    if (word.startsWith('-') || rows.length === 0) rows.push(word);
    else rows[rows.length - 1] += ` ${word}`;
    return rows;
  }, []);
  return [program, ...lines].join(' \\\n  ');
}
