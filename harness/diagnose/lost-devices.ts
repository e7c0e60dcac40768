import type { Scenario } from '../scenarios/scenario.js';
import { type DeviceRow, diskRow, leadsTo, nicRow, otherRow } from '../vm/devices/index.js';
import type { GuestReport } from '../vm/records.js';

/**
 * Which declared device that the guest did not find an unbound device may be, or lead to: `disk data`; undefined for a
 * device that nothing declared depends on. A device that is neither disk nor NIC is found by its driver alone.
 */
export function lostDevices(
  scenario: Scenario,
  report: GuestReport,
): (modalias: string) => string | undefined {
  const { disks, nics, devices = [] } = scenario;
  const found = new Set(report.devices.filter((one) => one.node !== '').map((one) => one.id.toLowerCase()));
  // Before the guest has looked for any, nothing is known to be lost.
  if (report.devices.length === 0 && disks.length + nics.length > 0) return () => undefined;
  const lost: [DeviceRow | undefined, string][] = [
    ...disks
      .filter((disk) => !found.has(disk.serial.toLowerCase()))
      .map((disk): [DeviceRow | undefined, string] => [diskRow(disk.bus), `disk ${disk.serial}`]),
    ...nics
      .filter((nic) => !found.has(nic.mac.toLowerCase()))
      .map((nic): [DeviceRow | undefined, string] => [nicRow(nic.model), `network card ${nic.mac}`]),
    ...devices.map((name): [DeviceRow | undefined, string] => [otherRow(name), `device ${name}`]),
  ];
  return (modalias) => lost.find(([row]) => row && leadsTo(row, modalias))?.[1];
}
