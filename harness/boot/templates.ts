import { statSync } from 'node:fs';
import { cpus } from 'node:os';
import { boardOf, bootSupport, directFirmware } from '../arch/index.js';
import { type Cache, digestOf } from '../cache.js';
import { pruneEntries } from '../cacheentries.js';
import { onceAtATime } from '../initramfs/once.js';
import { bootId } from '../scratch.js';
import { commandLine } from '../vm/argv.js';
import type { Accelerator, Machine } from '../vm/machine.js';
import { makeTemplate } from '../vm/template.js';
import { programIdentity } from './identity.js';
import type { BootRequest } from './request.js';

const KIND = 'templates';
/** A template takes some 130 MB on the disk; there is one for each userland, which differ from scenario to scenario. */
const MOST_BYTES = 3 * 2 ** 30;

/**
 * The templates of this host: each made once, kept in the cache by what it follows from, and never changed while clones of it
 * live. One that is removed meanwhile lives on until the last clone has ended.
 */
export class Templates {
  readonly #cache: Cache;
  /** In this process: what could not be made is not tried again. */
  readonly #failed = new Map<string, unknown>();

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /**
   * The folder of the template for a machine, which is the request's without its devices.
   * @throws BootgateError blame `host`, E_FORK.
   */
  async folderFor(
    request: BootRequest,
    machine: Machine,
    accelerator: Accelerator,
    signal?: AbortSignal,
  ): Promise<string> {
    const key = keyOf(request, machine, accelerator);
    if (this.#failed.has(key)) throw this.#failed.get(key);
    try {
      return await onceAtATime(`template\0${this.#cache.root}\0${key}`, async () => {
        let made = false;
        const folder = await this.#cache.entry(KIND, key, async (temporary) => {
          await makeTemplate({ machine, accelerator, folder: temporary, signal });
          made = true;
        });
        if (made) await pruneEntries(this.#cache.root, { kind: KIND, size: MOST_BYTES });
        return folder;
      });
    } catch (error) {
      // Who was interrupted may try again.
      if (!signal?.aborted) this.#failed.set(key, error);
      throw error;
    }
  }

  /** What has happened to a template since it was made: sentences, none as a rule. Nobody may write to it. */
  async changes(folder: string): Promise<string[]> {
    return this.#cache.settle([`${folder}/state`]);
  }
}

/** Everything that a template follows from. */
function keyOf({ kernel, initramfs }: BootRequest, machine: Machine, accelerator: Accelerator): string {
  const support = bootSupport(machine.arch);
  const firmware = directFirmware(machine.arch) ?? '';
  const { size, mtimeMs } = firmware ? statSync(firmware) : { size: 0, mtimeMs: 0 };
  return [
    'template 1',
    kernel.content,
    ...initramfs.segments.filter(({ kind }) => kind === 'userland').map(({ digest }) => digest),
    commandLine(machine),
    JSON.stringify([machine.cpus, machine.memoryMiB, machine.window?.bytes, support.fork]),
    JSON.stringify([boardOf(machine.arch, machine.board), support.cpu[accelerator], accelerator]),
    programIdentity(support.qemu),
    `${firmware} ${size} ${mtimeMs}`,
    // What a processor of the host can do, as it was started: a clone has it from the template.
    accelerator === 'kvm' ? digestOf(cpus()[0]?.model ?? '', bootId()) : '',
  ].join('\n');
}
