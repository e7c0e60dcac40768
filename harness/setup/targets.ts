import { ARCHITECTURES, hostArchitecture } from '../arch/index.js';
import { findCommand, findTool } from '../initramfs/host-programs.js';
import type { Family, SystemTool } from '../initramfs/userland-table.js';
import type { Check } from './check.js';

/** Whose kernels this host can boot, one check for each architecture, with what to install where it cannot. */
export async function examineTargets(table: readonly SystemTool[], family: Family | null): Promise<Check[]> {
  const host = hostArchitecture();
  return Promise.all(
    ARCHITECTURES.flatMap(({ arch, names, boot }) => (boot ? [{ arch, names, boot }] : [])).map(
      async ({ arch, names, boot }): Promise<Check> => {
        const name = `${arch} kernels`;
        const own = table.filter(({ target }) => target === names.debian);
        const found = await Promise.all(own.map(findTool));
        const missing = own.filter((_, index) => !found[index]);
        const qemu = await findCommand(boot.qemu);
        if (qemu && missing.length === 0)
          return { name, state: 'ok', detail: arch === host.arch ? qemu : `${qemu}, emulated` };
        const lacking = missing.map(({ command }) => command);
        const packages = [...new Set(missing.flatMap(({ packages }) => (family ? [packages[family]] : [])))];
        return {
          name,
          state: 'poor',
          detail: qemu
            ? `boot, but ${lacking.join(', ')} is not here: their packaged vmlinuz is skipped`
            : `cannot be booted: ${lacking.join(', ') || boot.qemu} is not here`,
          hint: `${packages.length > 0 ? `install ${packages.join(' ')}, or ` : ''}run bootgate setup --targets ${names.debian}`,
        };
      },
    ),
  );
}
