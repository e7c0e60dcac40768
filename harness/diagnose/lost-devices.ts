import type { Scenario } from '../scenarios/scenario.js';
import type { GuestReport } from '../vm/records.js';

/**
 * How a device of a scenario looks as a modalias at each level on the way to it: the PCI function, the virtio device
 * behind it, the SCSI unit behind that. Virtio ids: OASIS virtio 1.2, section 5 and 4.1.2.1; PCI classes: PCI-SIG's code
 * and ID assignment (bc01sc08 NVMe, bc01sc06 AHCI).
 */
const LEVELS: Record<string, RegExp> = {
  'virtio-blk': /^virtio:d00000002|^pci:v00001AF4d0000(1001|1042)/,
  'virtio-scsi': /^scsi:t-0x00|^virtio:d00000008|^pci:v00001AF4d0000(1004|1048)/,
  nvme: /^pci:.*bc01sc08/,
  ahci: /^scsi:t-0x00|^pci:.*bc01sc06/,
  'virtio-net': /^virtio:d00000001|^pci:v00001AF4d0000(1000|1041)/,
  e1000e: /^pci:v00008086d000010D3/,
};
const ANY_DISK = /^scsi:t-0x00|^pci:.*bc01|^mmc:/;
const ANY_NIC = /^pci:.*bc02|^virtio:d00000001/;

/**
 * Which declared disk or NIC that the guest did not find an unbound device may be, or lead to: `disk data`; undefined
 * for a device that nothing declared depends on.
 */
export function lostDevices(
  scenario: Scenario,
  report: GuestReport,
): (modalias: string) => string | undefined {
  const found = new Set(report.devices.filter((one) => one.node !== '').map((one) => one.id.toLowerCase()));
  // Before the guest has looked for any, nothing is known to be lost.
  if (report.devices.length === 0) return () => undefined;
  const lost: [RegExp, string][] = [
    ...scenario.disks
      .filter((disk) => !found.has(disk.serial.toLowerCase()))
      .map((disk): [RegExp, string] => [LEVELS[disk.bus] ?? ANY_DISK, `disk ${disk.serial}`]),
    ...scenario.nics
      .filter((nic) => !found.has(nic.mac.toLowerCase()))
      .map((nic): [RegExp, string] => [LEVELS[nic.model] ?? ANY_NIC, `network card ${nic.mac}`]),
  ];
  return (modalias) => lost.find(([pattern]) => pattern.test(modalias))?.[1];
}
