import { isAbsolute } from 'node:path';
import { type Problem, userError } from '../errors.js';
import { architectureOf } from './arch/index.js';
import { DISK_BUSES, type Machine, NIC_MODELS } from './machine.js';

const MIB = 1024 * 1024;
/** As many as there are fixed slots for. */
const MOST_DISKS = 12;
const MOST_NICS = 14;
const MOST_SHARES = 2;

/** Refuses a machine that QEMU would not build as it is meant. @throws user error E_MACHINE with every problem. */
export function checkMachine(machine: Machine): void {
  const problems = [...basics(machine), ...windowProblems(machine), ...deviceProblems(machine)];
  if (problems.length === 0) return;
  throw userError('E_MACHINE', 'this guest cannot be built', {
    problems: problems.map((message): Problem => ({ message })),
  });
}

function* basics(machine: Machine): Generator<string> {
  if (!inRange(machine.cpus, 1, 255)) yield `cpus is ${machine.cpus}: 1 to 255 are possible`;
  if (!inRange(machine.memoryMiB, 64, 1 << 20))
    yield `memory is ${machine.memoryMiB} MiB: 64 MiB to 1 TiB are possible`;
  const files = [
    machine.kernel,
    machine.initramfs,
    machine.window?.file,
    ...machine.disks.map((d) => d.file),
  ];
  for (const file of files) if (file && !isAbsolute(file)) yield `${file} is not an absolute path`;
  for (const text of [...files, machine.cmdline])
    if (text && /[\0\n]/.test(text)) yield `${JSON.stringify(text)} has a line break in it`;
}

function* windowProblems({ arch, window, memoryMiB }: Machine): Generator<string> {
  if (!window) return;
  const support = architectureOf(arch).window;
  if (!support) yield `${arch} has no module window`;
  else if (memoryMiB < support.minMemoryMiB)
    yield `memory is ${memoryMiB} MiB: with a module window the guest needs at least ${support.minMemoryMiB} MiB`;
  else if (!inRange(window.bytes, 1, support.maxBytes))
    yield `a module window of ${window.bytes} bytes does not fit: ${support.maxBytes} bytes are possible`;
  if (window.bytes % (2 * MIB) !== 0)
    yield `a module window of ${window.bytes} bytes is not whole pages of 2 MiB`;
}

function* deviceProblems({ disks, nics, shares = [] }: Machine): Generator<string> {
  if (shares.length > MOST_SHARES) yield `${shares.length} shares: there are slots for ${MOST_SHARES}`;
  for (const { tag, folder } of shares) {
    if (!/^[a-z0-9]{1,16}$/.test(tag))
      yield `share tag ${JSON.stringify(tag)} is not 1 to 16 characters of a-z 0-9`;
    if (!isAbsolute(folder)) yield `${folder} is not an absolute path`;
  }
  if (disks.length > MOST_DISKS) yield `${disks.length} disks: there are slots for ${MOST_DISKS}`;
  if (nics.length > MOST_NICS) yield `${nics.length} NICs: there are slots for ${MOST_NICS}`;
  for (const { serial, bus } of disks) {
    if (!/^[A-Za-z0-9-]{1,20}$/.test(serial))
      yield `disk serial ${JSON.stringify(serial)} is not 1 to 20 characters of A-Z a-z 0-9 -`;
    if (!DISK_BUSES.includes(bus))
      yield `disk bus ${JSON.stringify(bus)} is not one of ${DISK_BUSES.join(', ')}`;
  }
  for (const { mac, model, farEndPort } of nics) {
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) yield `${JSON.stringify(mac)} is not a MAC address`;
    else if (Number.parseInt(mac.slice(0, 2), 16) & 1)
      yield `${mac} is a multicast address: no NIC can have it`;
    if (!NIC_MODELS.includes(model))
      yield `NIC ${JSON.stringify(model)} is not one of ${NIC_MODELS.join(', ')}`;
    if (farEndPort !== null && !inRange(farEndPort, 1, 65535)) yield `port ${farEndPort} is not a TCP port`;
  }
  for (const twice of repeated(disks.map((disk) => disk.serial))) yield `two disks have the serial ${twice}`;
  for (const twice of repeated(nics.map((nic) => nic.mac.toLowerCase())))
    yield `two NICs have the address ${twice}`;
}

function inRange(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function repeated(values: string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
