import type { Architecture } from '../../arch/index.js';
import type { Slot } from '../slots.js';

/**
 * One step on the way from the root bus to a device, in the order in which drivers bind: the PCI function, the virtio device or
 * USB interface behind it, the SCSI unit behind that.
 */
export interface Level {
  /** Whole modaliases as QEMU's models show them; where there are several, the machine decides which it is. */
  aliases: readonly string[];
  /** Modules of which one drives it, as Linux names them. */
  modules: readonly string[];
  /** The Kconfig symbol without which a kernel cannot drive it; of `A|B` one is enough. */
  config: string;
}

/** A device of QEMU as scenarios name it. Ids and classes are those of QEMU's own models: hw/ and include/hw/pci/pci_ids.h. */
export interface DeviceRow {
  name: string;
  /** What it is, for people. */
  title: string;
  /** Names that `qemu -device help` must list. */
  models: readonly string[];
  /** Boards that have it; any unless given. */
  boards?: readonly string[];
  /** Architectures whose machines have it; any with PCI unless given. */
  arches?: readonly Architecture[];
  /** It is also there on channels (s390x), as the same virtio device behind another bus. */
  ccw?: true;
  levels: readonly Level[];
  /** What device_add plugs into a PCIe root port of a running machine: the whole device with its controller. */
  hotplug: boolean;
  /** QEMU refuses to save or restore a machine that has it (VMStateDescription.unmigratable). */
  unmigratable?: true;
  /** How many one guest can have, where it is fewer than there are slots. */
  most?: number;
}

/** Where a disk goes. Ids are unique for each disk. */
export interface DiskPlace {
  slot: Slot;
  /** Id for the controller. */
  controller: string;
  drive: string;
  serial: string;
  /** How many disks of the same row come before it. */
  nth: number;
}

export interface DiskRow extends DeviceRow {
  /**
   * How a libvirt domain names it: the bus of its target, how the target's name begins, models of its SCSI controller, the one to
   * write first. Without `dev` libvirt has no such disk.
   */
  libvirt?: { bus: string; dev?: string; controllers?: readonly string[] };
  /** Values of -device, in order. */
  devices(place: DiskPlace): string[];
  /** The serial that the guest sees where the model has one of its own. */
  fixedSerial?: string;
  /** The model takes only sizes that are powers of two. */
  powerOfTwo?: true;
}

export interface NicPlace {
  slot: Slot;
  controller: string;
  netdev: string;
  mac: string;
}

export interface NicRow extends DeviceRow {
  /** Models of a libvirt domain that are this one, the one to write first; '' where a domain gives none. */
  libvirt: readonly string[];
  devices(place: NicPlace): string[];
}

/** Neither disk nor NIC: the guest finds it by its driver alone. */
export interface OtherRow extends DeviceRow {
  /** The element of a libvirt domain, and how its model begins. */
  libvirt: { element: string; model: string };
  devices(place: { slot: Slot }): string[];
}
