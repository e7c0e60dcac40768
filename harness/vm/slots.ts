import { SCENARIO } from '../limits.js';

/**
 * The first slot of each kind on the root bus, the same on every boot. Below lie the host bridge and the board's own (PIIX3 in
 * slot 1 of `pc`), 0x1f is q35's ISA bridge.
 */
export const SLOTS = { shares: 0x02, disks: 0x04, nics: 0x10, devices: 0x14 } as const;

/** Where a PCI device is plugged in: `bus=pcie.0,addr=0x4`. A type alias, so that it is a record of options. */
export type Slot = { bus: string; addr: string };

export function slotOf(kind: keyof typeof SLOTS, index: number, bus: string): Slot {
  if (index >= SCENARIO[kind]) throw new RangeError(`no slot for ${kind} ${index}`);
  return { bus, addr: `0x${(SLOTS[kind] + index).toString(16)}` };
}
