import { isAbsolute } from 'node:path';
import { boardOf, bootSupport } from '../arch/index.js';
import { type Problem, userError } from '../errors.js';
import { SCENARIO } from '../limits.js';
import { misfitsOf } from './devices/fit.js';
import { DISK_BUSES, NIC_MODELS, OTHER_DEVICES } from './devices/index.js';
import type { Machine } from './machine.js';

const MIB = 1024 * 1024;

/** Refuses a machine that QEMU would not build as it is meant. @throws user error E_MACHINE with every problem. */
export function checkMachine(machine: Machine): void {
  const problems = [...basics(machine), ...windowProblems(machine), ...deviceProblems(machine)];
  if (problems.length === 0) return;
  throw userError('E_MACHINE', 'this guest cannot be built', {
    problems: problems.map((message): Problem => ({ message })),
  });
}

function* basics(machine: Machine): Generator<string> {
  const { cpus, leastMemoryMiB: least, memoryMiB: most } = SCENARIO;
  if (!inRange(machine.cpus, 1, cpus)) yield `cpus is ${machine.cpus}: must be 1 to ${cpus}`;
  if (!inRange(machine.memoryMiB, least, most))
    yield `memory is ${machine.memoryMiB} MiB: must be ${least} to ${most} MiB`;
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
  const support = bootSupport(arch).window;
  if (!support) yield `${arch} has no module window`;
  else if (memoryMiB < support.minMemoryMiB)
    yield `memory is ${memoryMiB} MiB: with a module window the guest needs at least ${support.minMemoryMiB} MiB`;
  else if (!inRange(window.bytes, 1, support.maxBytes))
    yield `a module window of ${window.bytes} bytes does not fit: at most ${support.maxBytes} bytes`;
  if (window.bytes % (2 * MIB) !== 0)
    yield `a module window of ${window.bytes} bytes is not a multiple of 2 MiB`;
}

function* deviceProblems(machine: Machine): Generator<string> {
  const { disks, nics, shares = [], devices = [] } = machine;
  for (const [kind, list] of Object.entries({ disks, nics, shares, devices })) {
    const most = SCENARIO[kind as 'disks'];
    if (list.length > most) yield `${list.length} ${kind}: at most ${most}`;
  }
  boardOf(machine.arch, machine.board);
  for (const { message } of misfitsOf(machine, machine.board)) yield message;
  for (const name of devices)
    if (!OTHER_DEVICES.includes(name))
      yield `device ${JSON.stringify(name)} is not one of ${OTHER_DEVICES.join(', ')}`;
  for (const { tag, folder } of shares) {
    if (!/^[a-z0-9]{1,16}$/.test(tag))
      yield `share tag ${JSON.stringify(tag)} is not 1 to 16 characters of a-z 0-9`;
    if (!isAbsolute(folder)) yield `${folder} is not an absolute path`;
  }
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
