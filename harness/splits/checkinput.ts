import type { Cache } from '../cache.js';
import { readKernelConfig } from '../kernel/config.js';
import { loadModuleDetails } from '../modules/details.js';
import type { ModuleIndex } from '../modules/module.js';
import { readClouds } from './clouddevices.js';
import type { CheckInput } from './finding.js';
import { knownRequests } from './requestedges.js';
import { requestsInStrings } from './requeststrings.js';
import type { Split } from './split.js';

/**
 * Everything that the static check looks at, for one split on one kernel.
 * @param options.files False: the modules' files are not read, so nothing is said of signatures, of dependencies that
 *   no file has, nor of the requests in their strings.
 */
export async function gatherCheckInput(
  split: Split,
  on: { kernel: { config: string | null }; index: ModuleIndex; cache: Cache },
  options: { files?: boolean } = {},
): Promise<CheckInput> {
  const { kernel, index, cache } = on;
  const details = options.files === false ? undefined : await loadModuleDetails(index, cache);
  const config = kernel.config ? await readKernelConfig(kernel.config) : undefined;
  const derived = details ? await requestsInStrings(index, details, cache) : [];
  return {
    split,
    index,
    clouds: await readClouds(),
    signaturesEnforced: config?.isEnabled('MODULE_SIG_FORCE') ?? false,
    // The table first: its evidence is a sentence, that of the strings only a word.
    requests: [...knownRequests(index), ...derived],
    ...(details ? { facts: details } : {}),
  };
}
