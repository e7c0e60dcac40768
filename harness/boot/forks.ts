import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { directFirmware } from '../arch/index.js';
import { BootgateError, hostError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { rowsOf } from '../vm/devices/index.js';
import type { Machine } from '../vm/machine.js';
import { cloneOf, consoleOf, trialBytesOf } from '../vm/template.js';
import { type BootOptions, bootScenario, type MakeMachine } from './boot.js';
import { machineWith, segmentsOf } from './materialise.js';
import type { BootRequest } from './request.js';
import { Templates } from './templates.js';
import { writeTrial } from './trial-file.js';

/** Makes a clone by way of `fork`, which gives its result or why there is none, and says why clones of it cannot be trusted; null: they can. */
export type Canary = (
  fork: (prepared: PreparedImage, folder: string) => Promise<ScenarioResult | string>,
) => Promise<string | null>;

/**
 * Boots guests as clones of templates where that shows the same as a cold boot, and cold where it does not or cannot be. A back
 * end of the executor: one for each search or run.
 */
export class Forks {
  #templates: Templates | undefined;
  /** By scenario, why it is booted cold. */
  readonly #cold = new Map<string, string>();
  readonly #canaries = new Map<string, Canary>();
  readonly #canariesSent = new Map<string, Promise<void>>();
  /** Guests that went on from a template. */
  count = 0;

  /** @param templates Those of the boots' cache unless given. */
  constructor(templates?: Templates) {
    this.#templates = templates;
  }

  /** The executor's back end. */
  readonly boot = async (options: BootOptions): Promise<ScenarioResult> =>
    (await this.fork(options)) ?? bootScenario(options);

  /** Before the first clone of a scenario counts, one is made whose result is known. */
  guard({ name }: Pick<BootOptions['scenario'], 'name'>, canary: Canary): void {
    this.#canaries.set(name, canary);
  }

  /** Clones that were made only to see whether they can be trusted. */
  get canaries(): number {
    return this.#canariesSent.size;
  }

  /** A clone's result, or null: it has to be booted cold. The reason is told once for each scenario. */
  async fork(options: BootOptions): Promise<ScenarioResult | null> {
    if (this.mayFork(options)) await this.#sendCanary(options);
    if (this.#cold.has(options.scenario.name)) return null;
    const result = await this.#tryToFork(options);
    if (typeof result !== 'string') {
      this.count++;
      return result;
    }
    this.disable(options, result);
    return null;
  }

  /** Whether the next boot of a scenario is tried as a clone. */
  mayFork(options: Pick<BootOptions, 'prepared' | 'scenario'>): boolean {
    return !this.#cold.has(options.scenario.name) && whyCold(options) === null;
  }

  /** From now on a scenario is booted cold. */
  disable({ scenario, onNote }: Pick<BootOptions, 'scenario' | 'onNote'>, why: string): void {
    if (this.#cold.has(scenario.name)) return;
    this.#cold.set(scenario.name, why);
    onNote?.(`${scenario.name} is booted cold: ${why}`);
  }

  async #sendCanary(options: BootOptions): Promise<void> {
    const { name } = options.scenario;
    const canary = this.#canaries.get(name);
    if (!canary) return;
    const sent =
      this.#canariesSent.get(name) ??
      canary((prepared, folder) => this.#tryToFork({ ...options, prepared, folder })).then((why) => {
        if (why !== null) this.disable(options, why);
      });
    this.#canariesSent.set(name, sent);
    return sent;
  }

  async #tryToFork(options: BootOptions): Promise<ScenarioResult | string> {
    const why = whyCold(options);
    if (why !== null) return why;
    let folder = '';
    try {
      const result = await bootScenario(options, async (...given) => {
        folder = await this.#templateFor(...given);
        return makeClone(folder, ...given);
      });
      if (options.signal?.aborted) return result;
      if (result.verdict === 'infra') return result.reason;
      // What a clone does before its agent speaks is the template's doing and ours, never the set's.
      if (!result.phases.some(({ phase }) => phase === 'modules'))
        return `its clone did not wake (${result.reason})`;
      const [changed] = (await this.#templates?.changes(folder)) ?? [];
      return changed ?? result;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof BootgateError && error.blame === 'host') return error.message;
      throw error;
    }
  }

  async #templateFor(...[request, files, , , options]: Parameters<MakeMachine>): Promise<string> {
    const { accelerator, cache, signal } = options;
    const userland = (await segmentsOf(request, files, '')).find(({ kind }) => kind === 'userland');
    this.#templates ??= new Templates(cache);
    return this.#templates.folderFor(
      request,
      templateMachine(request, files.path(request.kernel.content), userland?.path ?? ''),
      accelerator.used,
      signal,
    );
  }
}

/** Why a scenario is never forked, as the end of a sentence; null where it may be. */
export function whyCold({ prepared, scenario }: Pick<BootOptions, 'prepared' | 'scenario'>): string | null {
  const { kernel, delivery, image } = prepared;
  if (scenario.area === 'boot' || scenario.boot === 'packaged') return 'the boot itself is under test';
  if (image?.budgets.memory !== undefined)
    return 'the image has a budget on memory, which a clone cannot measure';
  if (trialBytesOf(kernel) === null) return `${kernel.arch} guests have no templates`;
  if (directFirmware(kernel.arch) === null) return 'this host has no qboot';
  if (delivery !== 'window') return 'its modules travel in the archive';
  if (scenario.machine !== undefined)
    return `templates are made for the usual machine, and it has ${scenario.machine}`;
  const stuck = rowsOf(scenario).find(({ unmigratable }) => unmigratable);
  return stuck ? `QEMU cannot bring ${stuck.name} into a clone` : null;
}

/** The request's machine, bare. */
function templateMachine(request: BootRequest, kernel: string, initramfs: string): Machine {
  const { scenario, window, memoryMiB } = request;
  if (request.kernel.boot !== 'direct') throw hostError('E_FORK', 'the kernel has no PVH entry');
  if (!window) throw hostError('E_FORK', 'its modules travel in the archive');
  return {
    arch: request.kernel.arch,
    board: scenario.machine,
    cpus: scenario.cpus,
    memoryMiB,
    boot: request.kernel.boot,
    kernel,
    initramfs,
    cmdline: scenario.cmdline,
    window: { file: '', bytes: window.bytes },
    disks: [],
    nics: [],
  };
}

async function makeClone(template: string, ...[request, files, scratch, undo]: Parameters<MakeMachine>) {
  const machine = await machineWith(request, { kernel: '', initramfs: '' }, files, scratch, undo);
  const trial = { file: join(scratch, 'trial'), bytes: trialBytesOf(machine) ?? 0 };
  await writeTrial({
    segments: await segmentsOf(request, files, scratch),
    path: trial.file,
    bytes: trial.bytes,
    seed: randomBytes(32).toString('hex'),
    now: Date.now(),
  });
  return { machine: { ...machine, fork: cloneOf(template, trial) }, before: await consoleOf(template) };
}
