import type { Cache } from '../cache.js';
import type { Background, PackageOf } from '../diagnose/findings.js';
import type { PreparedImage } from '../image/prepare.js';
import { readKernelConfig } from '../kernel/config.js';
import { loadModuleDetails } from '../modules/details.js';
import type { Split } from '../splits/split.js';
import type { GuestReport } from '../vm/records.js';

/** Where modules are placed: a split, or what a run has kept of it. */
export interface Placing {
  split: Pick<Split, 'placement'> | null;
}

/**
 * What findings are made from beyond the recording, read only where it can matter: the kernel's configuration when a request
 * found no answer, the modules' own files when one was refused.
 */
export async function backgroundOf(
  { kernel, index, split }: Placing & Pick<PreparedImage, 'kernel' | 'index'>,
  report: GuestReport,
  cache: Cache,
): Promise<Background> {
  const unanswered = report.unbound.length > 0 || report.requests.some((one) => one.status !== 0);
  const config = unanswered && kernel.config ? await readKernelConfig(kernel.config) : undefined;
  const details = report.loadErrors.length > 0 ? await loadModuleDetails(index, cache) : undefined;
  return {
    ...(split ? { packageOf: packageOf(split) } : {}),
    ...(config ? { config } : {}),
    ...(details ? { detailOf: (name: string) => details.get(name) } : {}),
  };
}

/** Which package of the split has a module, and the line that put it there. */
function packageOf(split: Pick<Split, 'placement'>): PackageOf {
  return (module) => {
    const placed = split.placement.get(module);
    if (!placed) return undefined;
    return {
      package: placed.package,
      ...(placed.rule ? { rule: `${placed.rule.file}:${placed.rule.line}` } : {}),
    };
  };
}
