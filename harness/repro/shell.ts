import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalFiles } from '../boot/local-files.js';
import { materialise } from '../boot/materialise.js';
import { makeRequest } from '../boot/request.js';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { StoredImage } from '../image/stored.js';
import { wholeTree } from '../modules/set.js';
import type { Secrets } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { nearest } from '../suggest.js';
import { DISK_BUSES, NIC_MODELS } from '../vm/devices/index.js';
import type { Accelerator } from '../vm/machine.js';
import { runOnTerminal, type TerminalEnding, type TerminalOptions } from '../vm/terminal.js';
import { lacksOf } from './lacks.js';

/** The last words of the greeting: when they are there, the guest reads its console. */
const READY = 'Ctrl-] leaves';

/** A guest to look around in where no scenario is named: a disk and a network card. */
export const PLAIN: Scenario = {
  name: 'shell',
  area: 'shell',
  description: 'A virtio disk and network card',
  file: '',
  line: 0,
  cpus: 1,
  memoryMiB: 512,
  boot: 'direct',
  disks: [{ serial: 'data', bus: DISK_BUSES[0] ?? '', sizeMiB: 256, verifyPattern: false }],
  nics: [{ model: NIC_MODELS[0] ?? '', mac: '52:54:00:00:00:01', farEnd: true }],
  tools: [],
  cmdline: '',
  steps: [],
};

export interface ShellOptions extends Pick<TerminalOptions, 'input' | 'output' | 'signal' | 'onNote'> {
  image: StoredImage;
  scenario: Scenario;
  accelerator: Accelerator;
  cache: Cache;
  /** The full module tree in the place of the set. */
  full?: boolean;
  /** Runs the steps before this one: its number from 1, or its name. */
  at?: string | undefined;
  /** A TCP port of the loopback for gdb. */
  gdb?: number | undefined;
  /** Of a recorded boot: its disks have the same pattern. */
  secrets?: Secrets | undefined;
  size?: { rows: number; columns: number };
}

/** Boots a scenario's guest into a shell on the terminal. @throws BootgateError blame `user`, E_STEP for an unknown `--at`. */
export async function openShell(options: ShellOptions): Promise<TerminalEnding> {
  const { cache, accelerator, gdb, size = { rows: 24, columns: 80 } } = options;
  const image = options.full ? { ...options.image, set: wholeTree(options.image.index) } : options.image;
  // A debugger finds the kernel's code where its symbols say.
  const scenario = gdb
    ? { ...options.scenario, cmdline: `${options.scenario.cmdline} nokaslr`.trim() }
    : options.scenario;
  const at = options.at === undefined ? 0 : stepNumber(scenario, options.at);
  const folder = await mkdtemp(join(tmpdir(), 'bootgate-shell-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const files = new LocalFiles();
    const request = await makeRequest({
      prepared: image,
      scenario,
      cache,
      files,
      scenarioPath: join(folder, 'scenario.cpio'),
      nonce: options.secrets?.nonce ?? randomBytes(8).toString('hex'),
      seed: options.secrets?.seed ?? randomBytes(8).toString('hex'),
      shell: { at, ...size, greeting: greetingOf(image, scenario, at), lacks: lacksOf(image) },
    });
    const machine = await materialise(request, files, folder, undo);
    const { input, output, signal, onNote } = options;
    return await runOnTerminal({
      machine,
      accelerator,
      folder,
      input,
      output,
      signal,
      onNote,
      readyMark: READY,
      gdb: gdb === undefined ? undefined : `tcp:127.0.0.1:${gdb}`,
    });
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
  }
}

/** How many steps come before the one that is meant. */
function stepNumber({ name, steps }: Scenario, at: string): number {
  const names = steps.map((step) => step.name);
  const found = /^\d+$/.test(at) ? Number(at) - 1 : names.indexOf(at);
  if (found >= 0 && found < steps.length) return found;
  const [near] = nearest(at, names);
  throw userError('E_STEP', `${name} has no step ${at}${near ? `; did you mean "${near}"?` : ''}`, {
    hint:
      names.length > 0
        ? `its steps: ${names.map((step, number) => `${number + 1} ${step}`).join('; ')}`
        : 'it has no steps',
  });
}

function greetingOf({ kernel, set, index }: StoredImage, scenario: Scenario, at: number): string {
  const ran = at > 0 ? `\n  ${at === 1 ? 'step 1 has' : `steps 1 to ${at} have`} run, until one failed` : '';
  const steps =
    scenario.steps.length > 0 ? '\n  steps lists the steps, show 1 prints one, step 1 runs it' : '';
  return `
${scenario.name}: Linux ${kernel.release}, ${set.names.length} of ${index.modules.size} modules${ran}${steps}
  modprobe NAME names what the set lacks, unbound the devices without a driver
  ${READY}, exit powers off`;
}
