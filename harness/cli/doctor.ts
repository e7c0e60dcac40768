import { Command } from 'commander';
import { EXIT } from '../errors.js';
import { jsonOption, kernelOption } from './options.js';

const MARKS = { ok: 'ok     ', poor: 'poor   ', missing: 'MISSING' } as const;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'what this machine has and lacks: tools, KVM, firmware, memory, disk; exit 3 if runs cannot work',
    )
    .addOption(kernelOption())
    .addOption(jsonOption())
    .action(doctor);
}

/** With `--kernel` KVM is asked to boot it really; without, it is only opened, and that is all that is said. */
async function doctor(flags: { kernel?: string[]; json?: boolean }): Promise<void> {
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
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(checks, null, 2)}\n`);
  } else {
    const width = Math.max(...checks.map((check) => check.name.length));
    for (const { name, state, detail, hint } of checks) {
      process.stdout.write(`${MARKS[state]}  ${name.padEnd(width)}  ${detail}${hint ? ` -> ${hint}` : ''}\n`);
    }
  }
  if (checks.some((check) => check.state === 'missing')) process.exitCode = EXIT.undecided;
}
