import { qemuOptions as options } from '../qemu-options.js';
import { pci, subsystem, virtio, XHCI } from './levels.js';
import type { NicPlace, NicRow } from './row.js';

/** A card on PCI. No option ROM: nothing boots from the network. */
const onPci =
  (model: string) =>
  ({ slot, netdev, mac }: NicPlace): string[] => [options(model, { ...slot, netdev, mac, romfile: '' })];

const ethernet = (vendor: string, device: string, modules: string[], config: string, ids?: string) =>
  pci([vendor, device, '02', '00'], modules, config, ids);

export const NIC_ROWS = [
  {
    name: 'virtio-net',
    title: 'virtio network card',
    libvirt: ['virtio', 'virtio-transitional', 'virtio-non-transitional'],
    models: ['virtio-net-pci'],
    ccw: true,
    levels: virtio(1, '1000', ['02', '00'], ['virtio_net', 'VIRTIO_NET']),
    hotplug: true,
    devices: onPci('virtio-net-pci'),
  },
  {
    name: 'e1000e',
    title: 'Intel 82574L',
    libvirt: ['e1000e'],
    models: ['e1000e'],
    levels: [ethernet('8086', '10D3', ['e1000e'], 'E1000E', subsystem('8086', '0'))],
    hotplug: true,
    devices: onPci('e1000e'),
  },
  {
    name: 'e1000',
    title: 'Intel 82540EM',
    libvirt: ['e1000'],
    models: ['e1000'],
    levels: [ethernet('8086', '100E', ['e1000'], 'E1000')],
    hotplug: true,
    devices: onPci('e1000'),
  },
  {
    name: 'igb',
    title: 'Intel 82576',
    libvirt: ['igb'],
    models: ['igb'],
    levels: [ethernet('8086', '10C9', ['igb'], 'IGB', subsystem('8086', 'A03C'))],
    hotplug: true,
    devices: onPci('igb'),
  },
  {
    name: 'vmxnet3',
    title: "VMware's paravirtual card",
    libvirt: ['vmxnet3'],
    models: ['vmxnet3'],
    levels: [ethernet('15AD', '07B0', ['vmxnet3'], 'VMXNET3', subsystem('15AD', '07B0'))],
    hotplug: true,
    devices: onPci('vmxnet3'),
  },
  {
    name: 'rtl8139',
    title: 'Realtek 8139C+',
    libvirt: ['rtl8139', ''],
    models: ['rtl8139'],
    levels: [ethernet('10EC', '8139', ['8139cp', '8139too'], '8139CP|8139TOO')],
    hotplug: true,
    devices: onPci('rtl8139'),
  },
  {
    name: 'pcnet',
    title: 'AMD PCnet',
    libvirt: ['pcnet'],
    models: ['pcnet'],
    levels: [ethernet('1022', '2000', ['pcnet32'], 'PCNET32', subsystem('0', '0'))],
    hotplug: true,
    devices: onPci('pcnet'),
  },
  {
    name: 'ne2k-pci',
    title: 'NE2000 on PCI (Realtek 8029)',
    libvirt: ['ne2k_pci'],
    models: ['ne2k_pci'],
    levels: [ethernet('10EC', '8029', ['ne2k_pci'], 'NE2K_PCI')],
    hotplug: true,
    devices: onPci('ne2k_pci'),
  },
  {
    name: 'usb-net',
    title: 'USB network card (RNDIS or CDC Ethernet)',
    libvirt: ['usb-net'],
    models: ['qemu-xhci', 'usb-net'],
    levels: [
      XHCI,
      {
        aliases: ['usb:v0525pA4A2d0000dc02dsc00dp00ic02isc06ip00in00'],
        modules: ['cdc_ether', 'rndis_host'],
        config: 'USB_NET_CDCETHER|USB_NET_RNDIS_HOST',
      },
    ],
    hotplug: true,
    unmigratable: true,
    devices: ({ slot, controller, netdev, mac }) => [
      options('qemu-xhci', { id: controller, ...slot }),
      options('usb-net', { bus: `${controller}.0`, netdev, mac }),
    ],
  },
] as const satisfies readonly NicRow[];
