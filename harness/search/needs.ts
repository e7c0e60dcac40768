import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
import type { Reference } from '../run/reference.js';
import type { Scenario } from '../scenarios/scenario.js';

/**
 * Modaliases on the way to a declared device, as QEMU's models have them: the PCI function, the virtio device behind it, the
 * SCSI unit behind that. Ids: OASIS virtio 1.2 sections 4.1.2.1 and 5; hw/nvme/ctrl.c, hw/ide/ich.c, hw/net/e1000e.c of QEMU.
 */
const VIRTIO_PCI = 'pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00';
const DISK = 'scsi:t-0x00';
const ALIASES: Record<string, string[]> = {
  'virtio-blk': [VIRTIO_PCI, 'virtio:d00000002v00001AF4'],
  'virtio-scsi': [VIRTIO_PCI, 'virtio:d00000008v00001AF4', DISK],
  nvme: ['pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02'],
  ahci: ['pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01', DISK],
  'virtio-net': [VIRTIO_PCI, 'virtio:d00000001v00001AF4'],
  e1000e: ['pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00'],
};

/** What a scenario's reference boot loaded, parted by whether the scenario asked for it. */
export interface NeededModules {
  /** For its declared devices and by its steps, with all that these need: sorted. */
  needed: string[];
  /** Loaded for devices that every machine has and this scenario does not use. */
  bystanders: string[];
}

export function neededModules(scenario: Scenario, reference: Reference, index: ModuleIndex): NeededModules {
  const loaded = new Set(reference.modulesLoaded);
  const devices = [...scenario.disks.map(({ bus }) => bus), ...scenario.nics.map(({ model }) => model)];
  const requests = [...devices.flatMap((device) => ALIASES[device] ?? []), ...reference.askedBySteps];
  const roots = requests.flatMap((request) => {
    const found = index.resolve(request);
    return found.kind === 'modules' ? found.names.filter((name) => loaded.has(name)) : [];
  });
  const needed = new Set(closure(index, roots, { soft: true }).filter((name) => loaded.has(name)));
  return {
    needed: [...needed].sort(),
    bystanders: reference.modulesLoaded.filter((name) => !needed.has(name)),
  };
}

/** Requests of a scenario that a module answers, and who else in the tree would answer each. */
export function othersFor(
  module: string,
  reference: Reference,
  index: ModuleIndex,
): { request: string; others: string[] }[] {
  return reference.askedBySteps.flatMap((request) => {
    const found = index.resolve(request);
    if (found.kind !== 'modules' || !found.names.includes(module)) return [];
    return [{ request, others: found.names.filter((name) => name !== module) }];
  });
}
