import type { Reference } from '../boot/reference.js';
import { closure } from '../modules/closure.js';
import type { ModuleIndex } from '../modules/module.js';
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

/** A need of a scenario: modules of which one at least has to be there. */
export interface NeededModules {
  /** Usually one; several where each of them answers the same request, as crc32c_generic and crc32c_intel do. */
  modules: string[];
  /** The request that they answer, where they do; otherwise they are there because others need their symbols. */
  request: string | null;
  /** Only a softdep has loaded them: what named them may do without (btrfs and its other checksums), or not (ext4 and crc32c). */
  soft: boolean;
}

/** What a scenario's reference boot loaded, parted by whether the scenario asked for it. */
export interface Needs {
  needed: NeededModules[];
  /** Loaded for devices that every machine has and this scenario does not use. */
  bystanders: string[];
}

/** What the declared devices and the steps asked for, with all that this needs by its symbols or names in softdeps. */
export function scenarioNeeds(scenario: Scenario, reference: Reference, index: ModuleIndex): Needs {
  const loaded = new Set(reference.modulesLoaded);
  const devices = [...scenario.disks.map(({ bus }) => bus), ...scenario.nics.map(({ model }) => model)];
  const needed = new Map<string, NeededModules>();
  const add = (modules: string[], request: string | null, soft = false) => {
    const key = modules.join(' ');
    if (!needed.has(key)) needed.set(key, { modules, request, soft });
  };
  for (const request of [...devices.flatMap((device) => ALIASES[device] ?? []), ...reference.askedBySteps]) {
    const found = index.resolve(request);
    // Who answers and was not loaded could stand in all the same: it is taken away with the others.
    if (found.kind !== 'modules' || !found.names.some((name) => loaded.has(name))) continue;
    add([...found.names].sort(), request);
    if (found.names.length > 1) continue;
    for (const name of closure(index, found.names))
      if (loaded.has(name) && !found.names.includes(name)) add([name], null);
  }
  // Loaded along with these, so that the kernel never had to ask for them.
  for (const name of [...needed.values()].flatMap(({ modules }) => modules)) {
    const module = index.modules.get(name);
    for (const word of [...(module?.softPre ?? []), ...(module?.softPost ?? [])]) {
      const found = index.resolve(word);
      if (found.kind === 'modules' && found.names.some((one) => loaded.has(one)))
        add([...found.names].sort(), word, true);
    }
  }
  const rows = [...needed.values()].sort((a, b) => (String(a.modules) < String(b.modules) ? -1 : 1));
  const taken = new Set(rows.flatMap(({ modules }) => modules));
  return { needed: rows, bystanders: reference.modulesLoaded.filter((name) => !taken.has(name)) };
}
