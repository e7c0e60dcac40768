import { type BootSupport, boardOf, bootSupport } from '../arch/index.js';
import { checkMachine } from './check-machine.js';
import { diskRow, nicRow, otherRow } from './devices/index.js';
import type { Accelerator, Disk, Machine, Nic, Share } from './machine.js';
import { type MemoryAccess, memoryArgs } from './memory.js';
import { qemuOptions as options } from './qemu-options.js';
import { onChannel, type Slot, slotOf } from './slots.js';

/** How this start of a machine is done: what is the host's choice and not the machine's. */
export interface Launch extends MemoryAccess {
  accelerator: Accelerator;
  /** Null: the machine's own. */
  firmware: string | null;
  /** Chardev backends: `{ backend: 'file', path: 'console.log' }`, `{ backend: 'stdio' }`. */
  console: Chardev;
  control: Chardev;
  /** With one the machine waits to be begun, so that no event is missed, and at its end until its CPU time was read. */
  qmp: Chardev | null;
  /** False where QEMU has no seccomp. */
  sandbox?: boolean;
  /** Where gdb can connect: `tcp:127.0.0.1:1234`. The machine does not wait for it. */
  gdb?: string | undefined;
}

export interface Chardev {
  backend: 'file' | 'stdio' | 'null' | 'socket';
  [option: string]: string | number | undefined;
}

/** Value of -sandbox: no program is started, no right gained, no old system call made. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';
/** Where the far end answers inside QEMU's user network (10.0.2.0/24). */
export const FAR_END = { address: '10.0.2.100', port: 9000 } as const;

/**
 * The arguments (without the program) that make this machine. Pure: same machine, same arguments.
 * @throws user error E_MACHINE for a machine that QEMU would not build as it is meant.
 */
export function qemuArgv(machine: Machine, launch: Launch): string[] {
  checkMachine(machine);
  const support = bootSupport(machine.arch);
  const board = boardOf(machine.arch, machine.board);
  const slot = (kind: Parameters<typeof slotOf>[0], index: number) => slotOf(kind, index, board);
  const { qmp } = launch;
  const args = [
    ...['-nodefaults', '-no-user-config', '-no-reboot', ...(qmp ? ['-S', '-no-shutdown'] : [])],
    ...(launch.sandbox === false ? [] : ['-sandbox', SANDBOX]),
    ...['-display', 'none', '-machine', board.machine],
    ...['-accel', launch.accelerator, '-cpu', support.cpu[launch.accelerator], '-smp', `${machine.cpus}`],
    ...memoryArgs(machine, support, launch),
    ...(launch.firmware ? ['-bios', launch.firmware] : []),
    ...kernelArgs(machine, support),
    ...['-chardev', chardev('console', launch.console), '-serial', 'chardev:console'],
    ...(support.control
      ? ['-chardev', chardev('control', launch.control), ...support.control.args('control')]
      : []),
    ...(qmp ? ['-chardev', chardev('qmp', qmp), '-mon', 'chardev=qmp,mode=control'] : []),
    ...(launch.gdb ? ['-gdb', launch.gdb] : []),
    ...machine.disks.flatMap((disk, index) => diskArgs(machine, disk, index, slot('disks', index))),
    ...machine.nics.flatMap((nic, index) => nicArgs(nic, index, slot('nics', index))),
    ...(machine.shares ?? []).flatMap((share, index) => shareArgs(share, index, slot('shares', index))),
    ...(machine.devices ?? []).flatMap((name, index) =>
      (otherRow(name)?.devices({ slot: slot('devices', index) }) ?? []).flatMap(onDevice),
    ),
  ];
  return board.css === undefined ? args : args.map(onChannel);
}

/** What is booted; a clone goes on where its template stopped. */
function kernelArgs(machine: Machine, support: BootSupport): string[] {
  if (machine.fork?.kind === 'clone') return ['-incoming', 'defer'];
  return [
    ...['-kernel', machine.kernel, ...(machine.initramfs ? ['-initrd', machine.initramfs] : [])],
    ...['-append', commandLine(machine, support)],
  ];
}

/** The kernel's whole command line: the architecture's part, the window's, then the machine's own. */
export function commandLine(machine: Machine, support: BootSupport = bootSupport(machine.arch)): string {
  const parts = [support.cmdline];
  if (support.control) parts.push(`bootgate.control=${support.control.tty}`);
  if (machine.window && support.window) {
    const layout = support.window.layout(machine.memoryMiB);
    const { bytes } = machine.window;
    parts.push(support.window.cmdline(layout, bytes + (machine.fork?.trial.bytes ?? 0)));
    parts.push(`bootgate.window=${layout.base}`);
    if (machine.fork) parts.push(`bootgate.trial=${layout.base + bytes}`);
  }
  return [...parts, machine.cmdline.trim()].filter(Boolean).join(' ');
}

/** The disk's file and the device on it. No flush reaches the host: the file need not outlive a power cut. */
function diskArgs({ disks }: Machine, disk: Disk, index: number, slot: Slot): string[] {
  const drive = `disk${index}`;
  const nth = disks.slice(0, index).filter(({ bus }) => bus === disk.bus).length;
  const place = { slot, controller: `controller${index}`, drive, serial: disk.serial, nth };
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
    ...(diskRow(disk.bus)?.devices(place) ?? []).flatMap(onDevice),
  ];
}

/**
 * A folder over virtio 9p. Owners, modes, links and devices that the guest makes are notes in .virtfs_metadata: on the host
 * there are plain files of QEMU's user, without a set-user-ID bit, and nothing that can be followed.
 */
function shareArgs({ tag, folder }: Share, index: number, slot: Slot): string[] {
  return [
    '-fsdev',
    options('local', { id: `share${index}`, path: folder, security_model: 'mapped-file' }),
    '-device',
    options('virtio-9p-pci', { ...slot, fsdev: `share${index}`, mount_tag: tag }),
  ];
}

/** A NIC on a network of its own, which reaches nothing but QEMU's DHCP and, if there is one, the far end. */
function nicArgs(nic: Nic, index: number, slot: Slot): string[] {
  const netdev = `net${index}`;
  const farEnd =
    nic.farEndPort === null
      ? {}
      : { guestfwd: `tcp:${FAR_END.address}:${FAR_END.port}-tcp:127.0.0.1:${nic.farEndPort}` };
  const place = { slot, controller: `usb${index}`, netdev, mac: nic.mac };
  return [
    ...['-netdev', options('user', { id: netdev, restrict: 'on', ...farEnd })],
    ...(nicRow(nic.model)?.devices(place) ?? []).flatMap(onDevice),
  ];
}

function onDevice(value: string): string[] {
  return ['-device', value];
}

function chardev(id: string, { backend, ...more }: Chardev): string {
  return options(backend, { id, ...more });
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
