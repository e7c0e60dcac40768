import { Command } from 'commander';
import { EXIT } from '../errors.js';
import { type SharedFlags, share } from './options.js';
import { printJson, printTable } from './output.js';

const MARKS = { ok: 'ok', poor: 'poor', missing: 'MISSING' } as const;

export function doctorCommand(): Command {
  const command = new Command('doctor').description(
    'check what this machine has and lacks: tools, KVM, firmware, memory, disk; exit 3 if runs cannot work',
  );
  return share(command, 'kernel', 'json').action(doctor);
}

/** With `--kernel` KVM is asked to boot it really; without, it is only opened, and that is all that is said. */
async function doctor(flags: SharedFlags): Promise<void> {
  const { examineHost } = await import('../setup/doctor.js');
  const checks = await examineHost(flags.kernel !== undefined);
  if (flags.kernel && checks.every((check) => check.state !== 'missing')) {
    const { Cache } = await import('../cache.js');
    const { resolveKernel } = await import('../kernel/resolve.js');
    const { extractVmlinux } = await import('../kernel/vmlinux.js');
    const { chooseAccelerator } = await import('../vm/accelerator.js');
    const cache = new Cache();
    const kernel = await resolveKernel(flags.kernel, { cache });
    const choice = await chooseAccelerator('auto', {
      kernel,
      vmlinux: await extractVmlinux(kernel, cache),
      cache,
    });
    checks.push({
      name: 'accelerator',
      state: choice.used === 'kvm' ? 'ok' : 'poor',
      detail: `${choice.used}: ${choice.reason}`,
    });
  }
  if (flags.json) printJson(checks);
  else
    printTable(
      checks.map(({ name, state, detail, hint }) => [
        MARKS[state],
        name,
        `${detail}${hint ? ` -> ${hint}` : ''}`,
      ]),
    );
  if (checks.some((check) => check.state === 'missing')) process.exitCode = EXIT.undecided;
}
