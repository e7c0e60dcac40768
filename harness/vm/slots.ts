import type { Board } from '../arch/index.js';
import { SCENARIO } from '../limits.js';

/**
 * The first slot of each kind on the root bus, the same on every boot. Below lie the host bridge and the board's own (PIIX3 in
 * slot 1 of `pc`), 0x1f is q35's ISA bridge.
 */
export const SLOTS = { shares: 0x02, disks: 0x04, nics: 0x10, devices: 0x14 } as const;

/** Where a device is plugged in: `bus=pcie.0,addr=0x4`, or `devno=fe.0.0004` on a machine with channels. */
export type Slot = Record<string, string>;

export function slotOf(
  kind: keyof typeof SLOTS,
  index: number,
  { pciBus, css }: Pick<Board, 'pciBus' | 'css'>,
): Slot {
  if (index >= SCENARIO[kind]) throw new RangeError(`no slot for ${kind} ${index}`);
  const number = (SLOTS[kind] + index).toString(16);
  return css === undefined
    ? { bus: pciBus, addr: `0x${number}` }
    : { devno: `${css}.${number.padStart(4, '0')}` };
}

/** The channel device of a virtio model on PCI, by its name in -device or in a table. It has no ROM for network boots. */
export function onChannel(device: string): string {
  return device.replace(/^(virtio-[a-z0-9]+)-pci\b/, '$1-ccw').replace(/,romfile=(?=,|$)/, '');
}
