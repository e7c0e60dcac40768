import { join } from 'node:path';
import { bootSupport } from '../arch/index.js';
import { type Cache, digestOf } from '../cache.js';
import { type ReferenceFacts, referenceFacts } from '../diagnose/reference-facts.js';
import type { PreparedImage } from '../image/prepare.js';
import { buildInitramfs } from '../initramfs/build.js';
import { wholeTree } from '../modules/set.js';
import { isFailure, type ScenarioResult } from '../results/scenario-result.js';
import { scenarioEntries } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice, Phase } from '../vm/machine.js';
import { readRecording } from '../vm/recording.js';
import { type GuestReport, readReport } from '../vm/records.js';
import type { Executor } from './executor.js';
import { programIdentity } from './identity.js';

/** A scenario booted with every module that there is: what fails here too is the kernel's fault, not the set's. */
export interface Reference extends ReferenceFacts {
  /** Goes up when what is kept, or how a boot is judged, changes: older answers are then asked for anew. */
  version: 1;
  scenario: string;
  /** It failed when it was booted a second time, too. */
  confirmed?: true;
  /** One sentence; empty for a pass. */
  reason: string;
  /** What steps asked for, of the answered. */
  askedBySteps: string[];
  /** Driver -> devices bound. */
  bound: Record<string, number>;
}

export interface ReferenceOptions {
  /** The image under test; what is booted is its kernel with the full module tree, or with `set: 'own'` the image as it is. */
  prepared: PreparedImage;
  set?: 'whole' | 'own';
  scenario: Scenario;
  /** What boots it, when it has to be. */
  executor: Executor;
  /** Where the boot's logs go then. */
  folder: string;
  onStart?: () => void;
  onPhase?: (phase: Phase) => void;
}

/**
 * The reference of a scenario, from the cache or booted now: once for each kernel, tree, scenario, userland, QEMU and state of
 * the agent's files. Only a pass, or a failure that came twice, is remembered.
 */
export async function referenceFor(
  options: ReferenceOptions,
): Promise<{ reference: Reference; cached: boolean }> {
  const { executor, folder, scenario } = options;
  const { accelerator, cache } = executor;
  const whole =
    options.set === 'own'
      ? options.prepared
      : { ...options.prepared, set: wholeTree(options.prepared.index) };
  const prepared: PreparedImage = { ...whole, split: null, installSet: null };
  const key = await keyOf(prepared, { scenario, accelerator, cache });
  const known = await cache.recall('reference', key);
  if (known !== null) return { reference: JSON.parse(known) as Reference, cached: true };
  const reference = await believed(
    (again) => bootReference(prepared, again ? join(folder, 'again') : folder, options),
    executor.signal,
  );
  if (isWorthKeeping(reference)) await cache.keep('reference', key, JSON.stringify(reference));
  return { reference, cached: false };
}

/**
 * A failure of the reference takes the blame from the module set, in this run and, remembered, in every later one: it counts
 * when a second boot fails as well. Where the second passes, or the host was at fault, that is the answer.
 */
export async function believed(
  boot: (again: boolean) => Promise<Reference>,
  signal?: AbortSignal,
): Promise<Reference> {
  const first = await boot(false);
  if (!isFailure(first)) return first;
  signal?.throwIfAborted();
  const second = await boot(true);
  return isFailure(second) ? { ...second, confirmed: true } : second;
}

/** A hang may be a busy host's, a crash a race's: true today, and no answer for the time to come. */
export function isWorthKeeping({ verdict, confirmed }: Pick<Reference, 'verdict' | 'confirmed'>): boolean {
  return verdict === 'pass' || (verdict === 'fail' && confirmed === true);
}

async function bootReference(
  prepared: PreparedImage,
  folder: string,
  { scenario, executor, onStart, onPhase }: ReferenceOptions,
): Promise<Reference> {
  let path = folder;
  const result = await executor.boot({
    prepared,
    scenario,
    cold: true,
    folder: (attempt) => {
      path = attempt === 1 ? folder : `${folder}.attempt-${attempt}`;
      return { path, relative: '' };
    },
    ...(onStart ? { onStart } : {}),
    ...(onPhase ? { onPhase } : {}),
  });
  if (!result) throw executor.signal.reason;
  const report = await reportOf(path, result);
  const bySteps = report.requests.filter((one) => one.status === 0 && one.step !== '');
  return {
    version: 1,
    scenario: scenario.name,
    reason: result.reason,
    ...referenceFacts(result.verdict, report),
    askedBySteps: [...new Set(bySteps.map((one) => one.name))].sort(),
    bound: report.bound,
  };
}

/** What the guest said; nothing where there was none. */
export async function reportOf(folder: string, { files }: ScenarioResult): Promise<GuestReport> {
  if (!files.recording) return readReport('', Buffer.alloc(0), Buffer.alloc(0));
  const { nonce, control, console } = await readRecording(folder);
  return readReport(nonce, control, console);
}

/** Everything that a boot's outcome follows from, but for the host's mood. */
export async function keyOf(
  prepared: PreparedImage,
  { scenario, accelerator, cache }: { scenario: Scenario; accelerator: AcceleratorChoice; cache: Cache },
): Promise<string> {
  const { kernel, set, delivery, userland } = prepared;
  const initramfs = await buildInitramfs({
    set,
    tools: scenario.tools,
    scenarioEntries: [],
    delivery,
    userland,
    cache,
    arch: kernel.arch,
  });
  const told = scenarioEntries(scenario, { nonce: 'nonce', seed: 'seed' }).map((entry) =>
    'data' in entry ? digestOf(entry.path, entry.data) : entry.path,
  );
  const { machine, cpus, memoryMiB, boot, disks, nics, shares, devices, cmdline } = scenario;
  return [
    'reference 2',
    kernel.digest,
    initramfs.digest,
    ...told,
    JSON.stringify({ machine, cpus, memoryMiB, boot, disks, nics, shares, devices, cmdline }),
    // The board, the processor and the command line that all machines have.
    JSON.stringify(bootSupport(kernel.arch)),
    accelerator.used,
    accelerator.qemu ?? programIdentity(bootSupport(kernel.arch).qemu),
  ].join('\n');
}
