import { bootSupport, firmwareFor } from '../arch/index.js';
import { qemuArgv, shellLine } from './argv.js';
import type { ReadyMachine } from './launch.js';
import type { Accelerator, Machine } from './machine.js';
import { qemuFacts, windowAccess } from './qemu-facts.js';

export const QEMU_SCRIPT = 'qemu.sh';

/**
 * The same machine for a person: the console on the terminal, nothing of the recording touched, and no far end, which ended with
 * the run. Its archive and disks are removed after the run too: then it prints `remake`, the command that makes them again.
 */
export function personScript(
  machine: Machine,
  { program, launch }: Pick<ReadyMachine, 'program' | 'launch'>,
  remake?: string,
): string {
  const alone = { ...machine, nics: machine.nics.map((nic) => ({ ...nic, farEndPort: null })) };
  const args = qemuArgv(alone, {
    ...launch,
    console: { backend: 'stdio', signal: 'off' },
    control: { backend: 'null' },
    qmp: null,
  });
  return [
    '#!/bin/sh',
    '# The console of the guest on this terminal. End it with: kill, or poweroff in the guest.',
    ...(remake === undefined ? [] : [missingFiles(machine.initramfs, remake)]),
    `exec ${shellLine(program, args)}`,
    '',
  ].join('\n');
}

/** One line, since that is what a person reads. */
function missingFiles(archive: string, remake: string): string {
  const command = remake.replace(/ \\\n +/g, ' ');
  return `[ -e ${quoted(archive)} ] || { printf '%s\\n' ${quoted(`the files of this guest were removed after the run; this makes them again: ${command}`)} >&2; exit 3; }`;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** How a machine is started by the caller for himself. @throws BootgateError blame `host`, see qemuFacts. */
export async function personLaunch(
  machine: Machine,
  accelerator: Accelerator,
): Promise<Pick<ReadyMachine, 'program' | 'launch'>> {
  const { qemu: program } = bootSupport(machine.arch);
  const facts = await qemuFacts(program);
  return {
    program,
    launch: {
      accelerator,
      firmware: firmwareFor(machine.arch, machine.boot),
      console: { backend: 'stdio' },
      control: { backend: 'null' },
      qmp: null,
      sandbox: facts.sandbox,
      windowAccess: windowAccess(facts),
    },
  };
}
