import { basename } from 'node:path';
import { userError } from '../errors.js';
import { readInput } from '../input.js';
import { MAX_FILE, SCENARIO } from '../limits.js';
import { type DomainXml, parseDomain } from './domain-xml.js';
import type { Scenario, ScenarioStep } from './scenario.js';

/** A libvirt domain as a scenario, and what of it bootgate has no counterpart for, a sentence each. */
export interface DomainScenario {
  scenario: Scenario;
  notes: string[];
}

/** More than these makes a boot slower and shows nothing more. */
const MOST_CPUS = 8;
const MOST_MEMORY_MIB = 4096;
const DISK_MIB = 64;

/**
 * The guest of a libvirt domain as a scenario `domain/NAME`: its machine, disks and network cards, each of which is used. Disks are
 * empty ones on the same bus: nothing of the domain's own disks is read. It is booted as packaged, like the domain.
 * @throws BootgateError blame `user`, E_DOMAIN: no domain, or a machine that bootgate cannot build.
 */
export async function scenarioOfDomain(file: string): Promise<DomainScenario> {
  const text = await readInput(file, { most: MAX_FILE.document, code: 'E_DOMAIN' });
  const domain = await parseDomain(text.toString('utf8'), file);
  const notes = [...domain.notes];
  const within = (value: number, least: number, most: number, what: string) => {
    if (value > most) notes.push(`${what} of the domain is more than a test needs: ${most} is used`);
    return Math.min(most, Math.max(least, value));
  };
  const disks = domain.disks.slice(0, SCENARIO.disks).map(({ bus, serial }) => ({
    bus,
    serial,
    sizeMiB: DISK_MIB,
    verifyPattern: true,
  }));
  // QEMU can forward that address once (net/slirp.c names the character device after it).
  const nics = domain.nics
    .slice(0, SCENARIO.nics)
    .map(({ model, mac }, at) => ({ model, mac, farEnd: at === 0 }));
  const left = [
    [domain.disks.length - disks.length, 'disks'],
    [domain.nics.length - nics.length, 'network cards'],
  ].filter(([count]) => Number(count) > 0);
  for (const [count, what] of left) notes.push(`${count} ${what} are left out: a scenario cannot have more`);
  const steps = stepsOf(disks, nics, domain);
  if (steps.length === 0)
    throw userError('E_DOMAIN', `${file} has no disk, network card or device that bootgate knows`, {
      hint: 'boot a scenario of the library instead: bootgate scenarios list',
    });
  const scenario: Scenario = {
    name: `domain/${domain.name}`,
    area: 'domain',
    description: `The guest of the libvirt domain ${domain.name}: each disk keeps a pattern, the first network card reaches the far end, the others get an address`,
    file: basename(file),
    line: 1,
    machine: domain.board,
    cpus: within(domain.cpus, 1, MOST_CPUS, 'the number of CPUs'),
    memoryMiB: within(domain.memoryMiB, 512, MOST_MEMORY_MIB, 'the memory (MiB)'),
    boot: 'packaged',
    disks,
    nics,
    devices: domain.devices,
    tools: [],
    cmdline: '',
    steps,
  };
  return { scenario, notes };
}

function stepsOf(
  disks: Scenario['disks'],
  nics: Scenario['nics'],
  { devices }: Pick<DomainXml, 'devices'>,
): ScenarioStep[] {
  const step = (name: string, run: string, timeout = 30): ScenarioStep => ({ name, run, timeout });
  return [
    ...disks.map((disk) =>
      step(
        `the ${disk.bus} disk ${disk.serial} keeps what is written to it`,
        `need_disk ${disk.serial}\npattern_write ${disk.serial}\npattern_check ${disk.serial}`,
      ),
    ),
    ...nics.map(({ model, farEnd }, at) =>
      step(
        `the ${model} card ${at + 1} ${farEnd ? 'reaches the far end' : 'gets an address by DHCP'}`,
        // The next card has the same addresses on a network of its own.
        `dhcp nic${at}\n${farEnd ? 'far_end_exchange 1\n' : ''}ip address flush dev "$nic"\nip link set "$nic" down`,
        60,
      ),
    ),
    ...devices.map((device) =>
      step(`${device} has a driver`, `need_bound ${BOUND[device] ?? device.replaceAll('-', '_')}`),
    ),
  ];
}

/** What sysfs calls the drivers that have another name than the device. */
const BOUND: Record<string, string> = { i6300esb: "'i6300ESB timer'", pvpanic: 'pvpanic-pci' };
