import { qemuOptions as options } from '../qemu-options.js';
import { pci, SCSI_DISK, subsystem, virtio, XHCI } from './levels.js';
import type { DiskPlace, DiskRow } from './row.js';

/** A SCSI controller on PCI with one disk behind it. */
const scsiBehind =
  (model: string) =>
  ({ slot, controller, drive, serial }: DiskPlace): string[] => [
    options(model, { id: controller, ...slot }),
    options('scsi-hd', { bus: `${controller}.0`, drive, serial }),
  ];

const virtioBlk =
  (model: string, form: Record<string, string> = {}) =>
  ({ slot, drive, serial }: DiskPlace): string[] => [options(model, { ...slot, drive, serial, ...form })];

export const DISK_ROWS = [
  {
    name: 'virtio-blk',
    title: 'virtio block device',
    libvirt: { bus: 'virtio', dev: 'vd' },
    models: ['virtio-blk-pci'],
    ccw: true,
    levels: virtio(2, '1001', ['01', '00'], ['virtio_blk', 'VIRTIO_BLK']),
    hotplug: true,
    devices: virtioBlk('virtio-blk-pci'),
  },
  {
    name: 'virtio-scsi',
    title: 'SCSI disk on virtio',
    libvirt: {
      bus: 'scsi',
      dev: 'sd',
      controllers: ['virtio-scsi', 'virtio-transitional', 'virtio-non-transitional'],
    },
    models: ['virtio-scsi-pci', 'scsi-hd'],
    ccw: true,
    levels: [...virtio(8, '1004', ['01', '00'], ['virtio_scsi', 'SCSI_VIRTIO']), SCSI_DISK],
    hotplug: true,
    devices: scsiBehind('virtio-scsi-pci'),
  },
  {
    name: 'nvme',
    title: 'NVMe',
    libvirt: { bus: 'nvme' },
    models: ['nvme'],
    levels: [pci(['1B36', '0010', '01', '08', '02'], ['nvme'], 'BLK_DEV_NVME')],
    hotplug: true,
    unmigratable: true,
    devices: ({ slot, drive, serial }) => [options('nvme', { ...slot, drive, serial })],
  },
  {
    name: 'ahci',
    title: 'SATA disk on ICH9',
    libvirt: { bus: 'sata', dev: 'sd' },
    models: ['ich9-ahci', 'ide-hd'],
    levels: [pci(['8086', '2922', '01', '06', '01'], ['ahci'], 'SATA_AHCI'), SCSI_DISK],
    // Its inner bus takes no hot-plugging.
    hotplug: false,
    devices: ({ slot, controller, drive, serial }) => [
      options('ich9-ahci', { id: controller, ...slot }),
      options('ide-hd', { bus: `${controller}.0`, drive, serial }),
    ],
  },
  {
    name: 'virtio-blk-modern',
    title: 'virtio block device without the legacy interface',
    models: ['virtio-blk-pci-non-transitional'],
    levels: virtio(2, '1001', ['01', '00'], ['virtio_blk', 'VIRTIO_BLK'], 'modern'),
    hotplug: true,
    devices: virtioBlk('virtio-blk-pci-non-transitional'),
  },
  {
    name: 'virtio-blk-legacy',
    title: 'virtio block device without the interface of virtio 1',
    models: ['virtio-blk-pci'],
    levels: virtio(2, '1001', ['01', '00'], ['virtio_blk', 'VIRTIO_BLK'], 'legacy'),
    hotplug: true,
    devices: virtioBlk('virtio-blk-pci', { 'disable-modern': 'on', 'disable-legacy': 'off' }),
  },
  {
    name: 'ide',
    title: 'parallel ATA disk on PIIX3',
    libvirt: { bus: 'ide', dev: 'hd' },
    models: ['ide-hd'],
    boards: ['pc'],
    arches: ['x86_64'],
    levels: [
      pci(
        ['8086', '7010', '01', '01', '80'],
        ['ata_piix', 'ata_generic', 'pata_acpi'],
        'ATA_PIIX|ATA_GENERIC',
      ),
      SCSI_DISK,
    ],
    hotplug: false,
    most: 4,
    // The board's own controller: two channels of two disks.
    devices: ({ drive, serial, nth }) => [
      options('ide-hd', { bus: `ide.${Math.floor(nth / 2)}`, unit: nth % 2, drive, serial }),
    ],
  },
  {
    name: 'lsi53c895a',
    title: 'SCSI disk on LSI 53C895A',
    libvirt: { bus: 'scsi', dev: 'sd', controllers: ['lsilogic', 'auto'] },
    models: ['lsi53c895a', 'scsi-hd'],
    levels: [
      pci(['1000', '0012', '01', '00'], ['sym53c8xx'], 'SCSI_SYM53C8XX_2', subsystem('0', '1000')),
      SCSI_DISK,
    ],
    hotplug: true,
    devices: scsiBehind('lsi53c895a'),
  },
  {
    name: 'am53c974',
    title: 'SCSI disk on AMD Am53C974',
    libvirt: { bus: 'scsi', dev: 'sd', controllers: ['am53c974'] },
    models: ['am53c974', 'scsi-hd'],
    levels: [
      pci(['1022', '2020', '01', '00'], ['am53c974'], 'SCSI_AM53C974', subsystem('0', '0')),
      SCSI_DISK,
    ],
    hotplug: true,
    devices: scsiBehind('am53c974'),
  },
  {
    name: 'megasas',
    title: 'SAS disk on LSI MegaRAID 1078',
    libvirt: { bus: 'scsi', dev: 'sd', controllers: ['lsisas1078'] },
    models: ['megasas', 'scsi-hd'],
    levels: [
      pci(['1000', '0060', '01', '04'], ['megaraid_sas'], 'MEGARAID_SAS', subsystem('1000', '1013')),
      SCSI_DISK,
    ],
    hotplug: true,
    devices: scsiBehind('megasas'),
  },
  {
    name: 'mptsas1068',
    title: 'SAS disk on LSI 1068',
    libvirt: { bus: 'scsi', dev: 'sd', controllers: ['lsisas1068'] },
    models: ['mptsas1068', 'scsi-hd'],
    levels: [
      pci(['1000', '0054', '01', '00'], ['mptsas'], 'FUSION_SAS', subsystem('1000', '8000')),
      SCSI_DISK,
    ],
    hotplug: true,
    // Its configuration pages give a disk's world wide name as its SAS address (hw/scsi/mptconfig.c), and Linux passes over 0.
    devices: ({ slot, controller, drive, serial, nth }) => [
      options('mptsas1068', { id: controller, ...slot }),
      options('scsi-hd', { bus: `${controller}.0`, drive, serial, wwn: `0x500000000000000${nth + 1}` }),
    ],
  },
  {
    name: 'pvscsi',
    title: "SCSI disk on VMware's paravirtual controller",
    libvirt: { bus: 'scsi', dev: 'sd', controllers: ['vmpvscsi'] },
    models: ['pvscsi', 'scsi-hd'],
    levels: [pci(['15AD', '07C0', '01', '00'], ['vmw_pvscsi'], 'VMWARE_PVSCSI'), SCSI_DISK],
    hotplug: true,
    devices: scsiBehind('pvscsi'),
  },
  {
    name: 'usb-storage',
    title: 'USB stick, bulk-only transport',
    libvirt: { bus: 'usb', dev: 'sd' },
    models: ['qemu-xhci', 'usb-storage'],
    levels: [
      XHCI,
      {
        aliases: ['usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00'],
        modules: ['usb_storage', 'uas'],
        config: 'USB_STORAGE',
      },
      SCSI_DISK,
    ],
    hotplug: true,
    devices: ({ slot, controller, drive, serial }) => [
      options('qemu-xhci', { id: controller, ...slot }),
      options('usb-storage', { bus: `${controller}.0`, drive, serial }),
    ],
  },
  {
    name: 'uas',
    title: 'SCSI disk on USB (UAS)',
    libvirt: { bus: 'uas' },
    models: ['qemu-xhci', 'usb-uas', 'scsi-hd'],
    levels: [
      XHCI,
      { aliases: ['usb:v46F4p0003d0000dc00dsc00dp00ic08isc06ip62in00'], modules: ['uas'], config: 'USB_UAS' },
      SCSI_DISK,
    ],
    hotplug: true,
    unmigratable: true,
    devices: ({ slot, controller, drive, serial }) => [
      options('qemu-xhci', { id: controller, ...slot }),
      options('usb-uas', { id: `${controller}uas`, bus: `${controller}.0` }),
      options('scsi-hd', { bus: `${controller}uas.0`, drive, serial }),
    ],
  },
  {
    name: 'sdhci',
    title: 'SD card',
    libvirt: { bus: 'sd' },
    models: ['sdhci-pci', 'sd-card'],
    levels: [
      pci(['1B36', '0007', '08', '05', '01'], ['sdhci_pci'], 'MMC_SDHCI_PCI'),
      { aliases: ['mmc:block'], modules: ['mmc_block'], config: 'MMC_BLOCK' },
    ],
    // Its inner bus takes no hot-plugging.
    hotplug: false,
    // hw/sd/sd.c, sd_set_cid(): every card has this serial number, so there can only be one.
    fixedSerial: '0xdeadbeef',
    most: 1,
    powerOfTwo: true,
    devices: ({ slot, controller, drive }) => [
      options('sdhci-pci', { id: controller, ...slot }),
      options('sd-card', { bus: 'sd-bus', drive }),
    ],
  },
] as const satisfies readonly DiskRow[];
