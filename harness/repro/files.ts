import { rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { LocalFiles } from '../boot/local-files.js';
import { materialise } from '../boot/materialise.js';
import { makeRequest } from '../boot/request.js';
import { requireSameBytes } from '../boot/same-bytes.js';
import type { Cache } from '../cache.js';
import { makeFolder } from '../folders.js';
import type { StoredImage } from '../image/stored.js';
import { resultName } from '../results/scenario-result.js';
import { shellLine } from '../vm/argv.js';
import type { Accelerator } from '../vm/machine.js';
import { personLaunch, personScript, QEMU_SCRIPT } from '../vm/script.js';
import type { StoredBoot } from './stored-boot.js';

/**
 * Makes what a boot's qemu.sh needs again: archive, disks and shares in the scenario's `scratch`, and the script itself, since the
 * run may lie elsewhere now. @returns The script. @throws BootgateError blame `user`, E_OTHER_BYTES.
 */
export async function remakeFiles(
  boot: StoredBoot,
  image: StoredImage,
  { cache, accelerator }: { cache: Cache; accelerator: Accelerator },
): Promise<string> {
  const { request, folder } = boot;
  const scratch = join(folder, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await makeFolder(scratch);
  const files = new LocalFiles();
  const { scenario, nonce, seed } = request;
  const now = await makeRequest({
    prepared: image,
    scenario,
    cache,
    nonce,
    seed,
    scenarioPath: join(scratch, 'scenario.cpio'),
    files,
  });
  requireSameBytes(request, now);
  // The far ends would end with this process, and the script is for later: it has none.
  const undo: (() => Promise<unknown>)[] = [];
  const machine = await materialise(now, files, scratch, undo);
  for (const step of undo.reverse()) await step();
  const script = join(folder, QEMU_SCRIPT);
  const remake = shellLine('bootgate', ['repro', boot.run.folder, resultName(boot.result), '--files']);
  await writeFile(script, personScript(machine, await personLaunch(machine, accelerator), remake), {
    mode: 0o755,
  });
  return relative(process.cwd(), script) || dirname(script);
}
