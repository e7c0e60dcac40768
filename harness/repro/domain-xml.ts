import { boardOf, bootSupport } from '../arch/index.js';
import { commandLine } from '../vm/argv.js';
import { diskRow, guestSerial, nicRow, otherRow } from '../vm/devices/index.js';
import type { Accelerator, Machine } from '../vm/machine.js';
import { slotOf } from '../vm/slots.js';

export interface DomainOptions {
  name: string;
  machine: Machine;
  accelerator: Accelerator;
  description: string;
}

type Element = Record<string, unknown>;

/**
 * The machine as a libvirt domain. What libvirt has no element for (NVMe, SD, UAS, the other devices) is in qemu:commandline. The guest's
 * modules must be in its archive: libvirt cannot map a file into its memory.
 */
export async function domainXml({ name, machine, accelerator, description }: DomainOptions): Promise<string> {
  const { Builder } = await import('xml2js');
  const support = bootSupport(machine.arch);
  const board = boardOf(machine.arch, machine.board);
  const { disks, rest } = disksOf(machine);
  const interfaces = machine.nics.map(({ model, mac }) => ({
    $: { type: 'user' },
    mac: { $: { address: mac } },
    model: { $: { type: nicRow(model)?.libvirt[0] } },
  }));
  const args = [...rest, ...otherDevices(machine, board.pciBus)];
  const controllers = [
    ...new Set(machine.disks.flatMap(({ bus }) => diskRow(bus)?.libvirt?.controllers?.[0] ?? [])),
  ].map((model, index) => ({ $: { type: 'scsi', index: String(index), model } }));
  const domain: Element = {
    $: {
      type: accelerator === 'kvm' ? 'kvm' : 'qemu',
      ...(args.length > 0 ? { 'xmlns:qemu': 'http://libvirt.org/schemas/domain/qemu/1.0' } : {}),
    },
    name,
    description,
    memory: { $: { unit: 'MiB' }, _: String(machine.memoryMiB) },
    vcpu: String(machine.cpus),
    os: {
      type: { $: { arch: machine.arch, machine: board.machine.split(',')[0] }, _: 'hvm' },
      kernel: machine.kernel,
      initrd: machine.initramfs,
      cmdline: commandLine(machine, support),
    },
    features: { acpi: '', apic: '' },
    cpu: { $: { mode: accelerator === 'kvm' ? 'host-passthrough' : 'maximum' } },
    on_poweroff: 'destroy',
    on_reboot: 'destroy',
    on_crash: 'destroy',
    devices: {
      disk: disks,
      controller: controllers,
      filesystem: (machine.shares ?? []).map(({ tag, folder }) => ({
        $: { type: 'mount', accessmode: 'mapped' },
        source: { $: { dir: folder } },
        target: { $: { dir: tag } },
      })),
      interface: interfaces,
      serial: [
        { $: { type: 'pty' }, target: { $: { port: '0' } } },
        { $: { type: 'null' }, target: { $: { port: '1' } } },
      ],
      console: { $: { type: 'pty' }, target: { $: { type: 'serial', port: '0' } } },
      memballoon: { $: { model: 'none' } },
    },
    ...(args.length > 0
      ? { 'qemu:commandline': { 'qemu:arg': args.map((value) => ({ $: { value } })) } }
      : {}),
  };
  return `${new Builder({ rootName: 'domain', headless: true, renderOpts: { pretty: true, indent: '  ', newline: '\n' } }).buildObject(domain)}\n`;
}

function disksOf(machine: Machine): { disks: Element[]; rest: string[] } {
  const counts: Record<string, number> = {};
  const disks: Element[] = [];
  const rest: string[] = [];
  const { pciBus } = boardOf(machine.arch, machine.board);
  for (const [index, disk] of machine.disks.entries()) {
    const { bus, dev } = diskRow(disk.bus)?.libvirt ?? {};
    if (dev) {
      const letter = String.fromCharCode(97 + (counts[dev] ?? 0));
      counts[dev] = (counts[dev] ?? 0) + 1;
      disks.push({
        $: { type: 'file', device: 'disk' },
        driver: { $: { name: 'qemu', type: 'raw', cache: 'unsafe', discard: 'unmap' } },
        source: { $: { file: disk.file } },
        target: { $: { dev: `${dev}${letter}`, bus } },
        serial: guestSerial(disk),
      });
      continue;
    }
    const nth = machine.disks.slice(0, index).filter(({ bus }) => bus === disk.bus).length;
    const drive = `bootgate-disk${index}`;
    rest.push('-blockdev', `raw,node-name=${drive},file.driver=file,file.filename=${disk.file}`);
    const place = {
      slot: slotOf('disks', index, { pciBus }),
      controller: `bootgate-controller${index}`,
      drive,
      serial: disk.serial,
      nth,
    };
    for (const device of diskRow(disk.bus)?.devices(place) ?? []) rest.push('-device', device);
  }
  return { disks, rest };
}

function otherDevices(machine: Machine, pciBus: string): string[] {
  return (machine.devices ?? []).flatMap((name, index) =>
    (otherRow(name)?.devices({ slot: slotOf('devices', index, { pciBus }) }) ?? []).flatMap((device) => [
      '-device',
      device,
    ]),
  );
}
