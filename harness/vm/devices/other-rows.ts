import { qemuOptions as options } from '../qemu-options.js';
import { pci, virtio } from './levels.js';
import type { OtherRow } from './row.js';

export const OTHER_ROWS = [
  {
    name: 'virtio-rng',
    title: 'virtio random number generator',
    libvirt: { element: 'rng', model: 'virtio' },
    models: ['virtio-rng-pci'],
    ccw: true,
    levels: virtio(4, '1005', ['00', 'FF'], ['virtio_rng', 'HW_RANDOM_VIRTIO']),
    hotplug: true,
    devices: ({ slot }) => [options('virtio-rng-pci', slot)],
  },
  {
    name: 'virtio-balloon',
    title: 'virtio memory balloon',
    libvirt: { element: 'memballoon', model: 'virtio' },
    models: ['virtio-balloon-pci'],
    ccw: true,
    levels: virtio(5, '1002', ['00', 'FF'], ['virtio_balloon', 'VIRTIO_BALLOON']),
    hotplug: true,
    devices: ({ slot }) => [options('virtio-balloon-pci', slot)],
  },
  {
    name: 'i6300esb',
    title: 'Intel 6300ESB watchdog',
    libvirt: { element: 'watchdog', model: 'i6300esb' },
    models: ['i6300esb'],
    levels: [pci(['8086', '25AB', '08', '80'], ['i6300esb'], 'I6300ESB_WDT')],
    hotplug: true,
    devices: ({ slot }) => [options('i6300esb', slot)],
  },
  {
    name: 'pvpanic',
    title: 'tells the hypervisor of a panic',
    libvirt: { element: 'panic', model: 'pvpanic' },
    models: ['pvpanic-pci'],
    levels: [pci(['1B36', '0011', '08', '80'], ['pvpanic_pci'], 'PVPANIC_PCI')],
    hotplug: true,
    devices: ({ slot }) => [options('pvpanic-pci', slot)],
  },
] as const satisfies readonly OtherRow[];
