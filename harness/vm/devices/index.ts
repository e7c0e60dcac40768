import { DISK_ROWS } from './disk-rows.js';
import { identityOf } from './levels.js';
import { NIC_ROWS } from './nic-rows.js';
import { OTHER_ROWS } from './other-rows.js';
import type { DeviceRow, DiskRow, NicRow, OtherRow } from './row.js';

export type { DeviceRow, DiskRow, Level, NicRow, OtherRow } from './row.js';

export type DiskBus = (typeof DISK_ROWS)[number]['name'];
export type NicModel = (typeof NIC_ROWS)[number]['name'];
export type OtherDevice = (typeof OTHER_ROWS)[number]['name'];

export const DISK_BUSES: readonly DiskBus[] = DISK_ROWS.map(({ name }) => name);
export const NIC_MODELS: readonly NicModel[] = NIC_ROWS.map(({ name }) => name);
export const OTHER_DEVICES: readonly OtherDevice[] = OTHER_ROWS.map(({ name }) => name);

export const ALL_ROWS: readonly DeviceRow[] = [...DISK_ROWS, ...NIC_ROWS, ...OTHER_ROWS];

/** What a machine or scenario has, by the names of the table. Unknown names find nothing. */
export interface Declared {
  disks: readonly { bus: string }[];
  nics: readonly { model: string }[];
  devices?: readonly string[] | undefined;
}

export const diskRow = (bus: string): DiskRow | undefined => DISK_ROWS.find(({ name }) => name === bus);
export const nicRow = (model: string): NicRow | undefined => NIC_ROWS.find(({ name }) => name === model);
export const otherRow = (device: string): OtherRow | undefined =>
  OTHER_ROWS.find(({ name }) => name === device);

/** The rows of everything that is declared, each once. */
export function rowsOf({ disks, nics, devices = [] }: Declared): DeviceRow[] {
  const rows = [
    ...disks.map(({ bus }) => diskRow(bus)),
    ...nics.map(({ model }) => nicRow(model)),
    ...devices.map(otherRow),
  ];
  return [...new Set(rows.filter((row) => row !== undefined))];
}

/** Every modalias on the way to a device, from the bus outwards. */
export function aliasesOf(row: DeviceRow): string[] {
  return row.levels.flatMap(({ aliases }) => aliases);
}

/** Whether something with this modalias is a device of this row, or lies on the way to one. */
export function leadsTo(row: DeviceRow, modalias: string): boolean {
  const identity = identityOf(modalias);
  return aliasesOf(row).some((alias) => identityOf(alias) === identity);
}

/** The serial by which the guest finds a disk. */
export function guestSerial({ bus, serial }: { bus: string; serial: string }): string {
  return diskRow(bus)?.fixedSerial ?? serial;
}

/** The Kconfig symbols without which a kernel cannot drive a device; of `A|B` one is enough. */
export function configOf({ levels }: DeviceRow, onChannels = false): string[] {
  const met = levels.filter(
    ({ aliases }) => !onChannels || !aliases.every((alias) => alias.startsWith('pci:')),
  );
  return [...new Set(met.map(({ config }) => config))];
}

/** The symbol of the driver for something with this modalias, where a row of the table has it. */
export function configFor(modalias: string): string | undefined {
  const identity = identityOf(modalias);
  for (const { levels } of ALL_ROWS)
    for (const { aliases, config } of levels)
      if (aliases.some((alias) => identityOf(alias) === identity)) return config.split('|')[0];
  return undefined;
}
