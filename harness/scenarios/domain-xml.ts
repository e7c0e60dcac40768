import { userError } from '../errors.js';
import {
  DISK_BUSES,
  type DiskBus,
  diskRow,
  NIC_MODELS,
  type NicModel,
  nicRow,
  OTHER_DEVICES,
  type OtherDevice,
  otherRow,
} from '../vm/devices/index.js';

/** What a libvirt domain says of its machine, in bootgate's words. */
export interface DomainXml {
  name: string;
  board: 'q35' | 'pc';
  cpus: number;
  memoryMiB: number;
  disks: { serial: string; bus: DiskBus }[];
  nics: { model: NicModel; mac: string }[];
  devices: OtherDevice[];
  /** What was left out, a sentence each. */
  notes: string[];
}

/** An element as xml2js gives it: children as lists, attributes in `$`, text in `_`. */
interface Node {
  $?: Record<string, string>;
  _?: string;
  [child: string]: unknown;
}

/** libvirt's own choice on x86 (docs/formatdomain, Controllers). */
const USUAL_SCSI = 'lsilogic';

/** The bus of the device table for one of libvirt's, on SCSI by the controller's model. */
const busFor = (bus: string, controller: string): DiskBus | undefined =>
  DISK_BUSES.find((name) => {
    const { bus: known, controllers } = diskRow(name)?.libvirt ?? {};
    return known === bus && (!controllers || controllers.includes(controller));
  });

/** A disk that is in qemu:commandline, as libvirt has no element for it: by the model that no other disk has. */
const busOfModel = (model: string): DiskBus | undefined =>
  DISK_BUSES.find((name) => {
    const { libvirt, models } = diskRow(name) ?? {};
    if (!libvirt || libvirt.dev || !models) return false;
    const others = DISK_BUSES.filter((other) => other !== name).flatMap(
      (other) => diskRow(other)?.models ?? [],
    );
    return models.find((one) => !others.includes(one)) === model;
  });

/** What a test does not need, or cannot have. */
const LEFT_OUT = ['hostdev', 'redirdev', 'tpm', 'vsock', 'crypto', 'iommu', 'shmem', 'nvram'];

/** @throws BootgateError blame `user`, E_DOMAIN: no XML, no domain, or a machine that bootgate cannot build. */
export async function parseDomain(text: string, file: string): Promise<DomainXml> {
  const { parseStringPromise } = await import('xml2js');
  let root: { domain?: Node } | null;
  try {
    root = (await parseStringPromise(text)) as { domain?: Node } | null;
  } catch (cause) {
    const [why = '', line] = (cause as Error).message.split('\n');
    throw userError('E_DOMAIN', `${file} is not XML: ${why}${line ? ` (${line.toLowerCase()})` : ''}`, {
      cause,
    });
  }
  const domain = root?.domain;
  if (!domain || typeof domain !== 'object')
    throw userError('E_DOMAIN', `${file} is not a libvirt domain: its root is not <domain>`, {
      hint: 'virsh dumpxml NAME > FILE.xml',
    });
  const notes: string[] = [];
  const devices = one(domain, 'devices') ?? {};
  const name = slug(textOf(one(domain, 'name'))) || 'guest';
  for (const kind of LEFT_OUT)
    if (all(devices, kind).length > 0) notes.push(`<${kind}> of the domain is left out`);
  const os = one(domain, 'os');
  if (one(os, 'loader') || os?.$?.firmware === 'efi')
    notes.push('the domain boots through UEFI, the test through SeaBIOS');
  return {
    name,
    board: boardOf(one(os, 'type')?.$?.machine ?? 'pc', file),
    cpus: Number(textOf(one(domain, 'vcpu'))) || 1,
    memoryMiB: memoryOf(one(domain, 'memory')),
    disks: [...disksOf(devices, notes), ...argumentDisks(domain)],
    nics: nicsOf(devices, notes),
    devices: othersOf(devices),
    notes,
  };
}

function boardOf(machine: string, file: string): DomainXml['board'] {
  if (/^(?:pc-)?q35/.test(machine)) return 'q35';
  if (/^(?:pc|pc-i440fx.*|pc-\d.*)$/.test(machine)) return 'pc';
  throw userError('E_DOMAIN', `${file}: bootgate has no machine ${machine}`, {
    hint: 'it has q35 and pc (i440fx)',
  });
}

/** Units of libvirt: KiB unless given; KB is 1000 bytes. */
function memoryOf(memory: Node | undefined): number {
  const unit = memory?.$?.unit ?? 'KiB';
  const scale: Record<string, number> = { k: 1, m: 2, g: 3, t: 4 };
  const power = scale[unit[0]?.toLowerCase() ?? ''] ?? 0;
  const bytes = Number(textOf(memory)) * (/^[kmgt]b$/i.test(unit) ? 1000 : 1024) ** power;
  return Math.max(1, Math.round((bytes || 0) / (1 << 20)));
}

function disksOf(devices: Node, notes: string[]): DomainXml['disks'] {
  const models = new Map(
    all(devices, 'controller')
      .filter(({ $ }) => $?.type === 'scsi')
      .map(({ $ }) => [$?.index ?? '0', $?.model ?? USUAL_SCSI]),
  );
  const taken = new Set<string>();
  return all(devices, 'disk').flatMap((disk): DomainXml['disks'] => {
    const target = one(disk, 'target')?.$ ?? {};
    const device = disk.$?.device ?? 'disk';
    if (device !== 'disk' && device !== 'lun') {
      notes.push(`the ${device} ${target.dev ?? ''} is left out`);
      return [];
    }
    // An NVMe that is passed through has its bus as its type.
    const type = disk.$?.type ?? '';
    const bus = busFor(type, '') ? type : (target.bus ?? busOfName(target.dev ?? ''));
    const controller = one(disk, 'address')?.$?.controller ?? '0';
    const known = busFor(bus, models.get(controller) ?? USUAL_SCSI);
    if (!known) {
      notes.push(`the disk ${target.dev ?? ''} is left out: bootgate has no bus ${bus}`);
      return [];
    }
    return [{ bus: known, serial: unique(textOf(one(disk, 'serial')) || target.dev || 'disk', taken) }];
  });
}

/** libvirt infers the bus from the name where it is not given. */
const busOfName = (dev: string): string =>
  DISK_BUSES.map((name) => diskRow(name)?.libvirt).find((row) => row?.dev === dev.slice(0, 2))?.bus ?? '';

/** Serials are 1 to 20 characters of [A-Za-z0-9-], each once. */
function unique(text: string, taken: Set<string>): string {
  const plain = text.replace(/[^A-Za-z0-9-]+/g, '-').slice(0, 17) || 'disk';
  let serial = plain;
  for (let at = 2; taken.has(serial.toLowerCase()); at++) serial = `${plain}-${at}`;
  taken.add(serial.toLowerCase());
  return serial;
}

function argumentDisks(domain: Node): DomainXml['disks'] {
  const values = all(one(domain, 'qemu:commandline') ?? {}, 'qemu:arg').map(({ $ }) => $?.value ?? '');
  return values.flatMap((value, at) => {
    const bus = busOfModel(value.split(',')[0] ?? '');
    if (!bus || values[at - 1] !== '-device') return [];
    const serial = /(?:^|,)serial=([A-Za-z0-9-]{1,20})/.exec(value)?.[1] ?? `${bus}${at}`.slice(0, 20);
    return [{ bus, serial }];
  });
}

function nicsOf(devices: Node, notes: string[]): DomainXml['nics'] {
  return all(devices, 'interface').flatMap((nic, at): DomainXml['nics'] => {
    if (nic.$?.type === 'hostdev') {
      notes.push('a network card of the host is left out');
      return [];
    }
    const wanted = one(nic, 'model')?.$?.type ?? '';
    const model = NIC_MODELS.find((name) => nicRow(name)?.libvirt.includes(wanted));
    if (!model) {
      notes.push(`a network card is left out: bootgate has no model ${wanted}`);
      return [];
    }
    const mac = one(nic, 'mac')?.$?.address?.toLowerCase();
    return [{ model, mac: mac ?? `52:54:00:00:00:${(at + 1).toString(16).padStart(2, '0')}` }];
  });
}

function othersOf(devices: Node): OtherDevice[] {
  return OTHER_DEVICES.filter((name) => {
    const { element = '', model = '' } = otherRow(name)?.libvirt ?? {};
    return all(devices, element).some(({ $ }) => $?.model?.startsWith(model));
  });
}

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60);

function all(node: Node, child: string): Node[] {
  const found = node[child];
  return Array.isArray(found)
    ? found.map((one) => (typeof one === 'object' && one !== null ? (one as Node) : { _: String(one) }))
    : [];
}

const one = (node: Node | undefined, child: string): Node | undefined =>
  node ? all(node, child)[0] : undefined;

const textOf = (node: Node | undefined): string => node?._?.trim() ?? '';
