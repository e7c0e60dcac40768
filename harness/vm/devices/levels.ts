import type { Level } from './row.js';

/** Subsystem ids that QEMU gives its own models: PCI_SUBVENDOR_ID_REDHAT_QUMRANET, PCI_SUBDEVICE_ID_QEMU. */
const QEMU = 'sv00001AF4sd00001100';

/** A PCI function: `pci('8086', '10D3', '02', '00')`; class, subclass and interface as PCI-SIG assigns them. */
export function pci(
  [vendor, device, code, sub, iface = '00']: [string, string, string, string, string?],
  modules: readonly string[],
  config: string,
  subsystem = QEMU,
): Level {
  const id = (hex: string) => hex.toUpperCase().padStart(8, '0');
  return {
    aliases: [`pci:v${id(vendor)}d${id(device)}${subsystem}bc${code}sc${sub}i${iface}`],
    modules,
    config,
  };
}

/** `sv...sd...` of models that have subsystem ids of their own. */
export function subsystem(vendor: string, device: string): string {
  return `sv${vendor.toUpperCase().padStart(8, '0')}sd${device.toUpperCase().padStart(8, '0')}`;
}

/** Which PCI functions a virtio device may show: of its first specification, of virtio 1, or (`both`) as the bus decides. */
export type VirtioForm = 'both' | 'legacy' | 'modern';

/**
 * A virtio device on PCI: the function, then the device behind it (virtio 1.2, sections 4.1.2.1 and 5).
 * @param device number of its type, such as 2 for a block device
 * @param legacy PCI device id of its transitional form, such as 1001
 */
export function virtio(
  device: number,
  legacy: string,
  [code, sub]: [string, string],
  [module, config]: [string, string],
  form: VirtioForm = 'both',
): Level[] {
  const kind = device.toString(16).toUpperCase().padStart(8, '0');
  const modern = (0x1040 + device).toString(16).toUpperCase().padStart(8, '0');
  const functions = {
    legacy: `pci:v00001AF4d${legacy.padStart(8, '0')}sv00001AF4sd${kind}bc${code}sc${sub}i00`,
    modern: `pci:v00001AF4d${modern}${QEMU}bc${code}sc${sub}i00`,
  };
  return [
    {
      aliases: form === 'both' ? Object.values(functions) : [functions[form]],
      modules: ['virtio_pci'],
      config: form === 'legacy' ? 'VIRTIO_PCI_LEGACY' : 'VIRTIO_PCI',
    },
    { aliases: [`virtio:d${kind}v00001AF4`], modules: [module], config },
  ];
}

/** A disk behind a SCSI or ATA controller: peripheral device type 0 (SPC-4, table 138). */
export const SCSI_DISK: Level = { aliases: ['scsi:t-0x00'], modules: ['sd_mod'], config: 'BLK_DEV_SD' };

/** The controller that every USB device gets for itself. */
export const XHCI: Level = pci(['1B36', '000D', '0C', '03', '30'], ['xhci_pci'], 'USB_XHCI_PCI');

const IDENTITY =
  /^(?:pci:v[0-9A-F]{8}d[0-9A-F]{8}|virtio:d[0-9A-F]{8}|usb:v[0-9A-F]{4}p[0-9A-F]{4}|scsi:t-0x[0-9A-F]{2}$|mmc:\w+)/i;

/** The part of a modalias that says which device it is, without revision, subsystem and class. */
export function identityOf(modalias: string): string {
  return (IDENTITY.exec(modalias)?.[0] ?? modalias).toUpperCase();
}
