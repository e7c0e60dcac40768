import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Cache, digestOf } from '../cache.js';
import { buildInitramfs } from '../initramfs/build.js';
import { wholeTree } from '../modules/set.js';
import type { Verdict } from '../report/result.js';
import { scenarioEntries } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { architectureOf } from '../vm/arch/index.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { readRecording } from '../vm/recording.js';
import { readReport } from '../vm/records.js';
import { bootScenario } from './boot.js';
import type { PreparedImage } from './prepare.js';

/** A scenario booted with every module that there is: what fails here too is not the set's fault. */
export interface Reference {
  /** Goes up when what is kept, or how a boot is judged, changes: older answers are then asked for anew. */
  version: 1;
  scenario: string;
  verdict: Verdict;
  /** One sentence; empty for a pass. */
  reason: string;
  /** What the guest asked modprobe for: names that were answered, and names that were not. */
  answered: string[];
  unanswered: string[];
  /** What steps asked for, of the answered. */
  askedBySteps: string[];
  /** Modaliases that had no driver at the end. */
  unbound: string[];
  /** Names in /proc/modules at the end, sorted: what the scenario came to load. */
  modulesLoaded: string[];
  /** Driver -> devices bound. */
  bound: Record<string, number>;
}

export interface ReferenceOptions {
  /** The image under test; what is booted is its kernel with the whole tree, or with `set: 'own'` the image as it is. */
  prepared: PreparedImage;
  set?: 'whole' | 'own';
  scenario: Scenario;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Where the boot's logs go when there has to be one. */
  folder: string;
  signal?: AbortSignal;
}

/**
 * The reference of a scenario, from the cache or booted now: once for each kernel, tree, scenario, userland, QEMU and state of
 * the agent's files. What the host did (infra) is never remembered.
 */
export async function referenceFor(
  options: ReferenceOptions,
): Promise<{ reference: Reference; cached: boolean }> {
  const { cache, scenario, folder } = options;
  const whole =
    options.set === 'own'
      ? options.prepared
      : { ...options.prepared, set: wholeTree(options.prepared.index) };
  const prepared: PreparedImage = { ...whole, split: null, installSet: null };
  const key = await keyOf(prepared, options);
  const path = cache.path('reference', key, '.json');
  const known = readJson(path);
  if (known) return { reference: known, cached: true };

  const result = await bootScenario({
    prepared,
    scenario,
    accelerator: options.accelerator,
    cache,
    folder,
    relativeFolder: '',
    attempt: 1,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const { nonce, control, console } = await readRecording(folder);
  const report = readReport(nonce, control, console);
  const names = (requests: typeof report.requests) => [...new Set(requests.map((one) => one.name))].sort();
  const answered = report.requests.filter((one) => one.status === 0);
  const reference: Reference = {
    version: 1,
    scenario: scenario.name,
    verdict: result.verdict,
    reason: result.reason,
    answered: names(answered),
    unanswered: names(report.requests.filter((one) => one.status !== 0)),
    askedBySteps: names(answered.filter((one) => one.step !== '')),
    unbound: [...new Set(report.unbound.map((one) => one.modalias))].sort(),
    modulesLoaded: [...result.modulesLoaded].sort(),
    bound: report.bound,
  };
  if (reference.verdict !== 'infra')
    await cache.entry(
      'reference',
      key,
      (temporary) => writeFile(temporary, JSON.stringify(reference)),
      '.json',
    );
  return { reference, cached: false };
}

/** Everything that a boot's outcome follows from, but for the host's mood. */
export async function keyOf(
  prepared: PreparedImage,
  { scenario, accelerator, cache }: Pick<ReferenceOptions, 'scenario' | 'accelerator' | 'cache'>,
): Promise<string> {
  const { kernel, set, delivery } = prepared;
  const initramfs = await buildInitramfs({
    set,
    tools: scenario.tools,
    scenarioEntries: [],
    delivery,
    cache,
    arch: kernel.arch,
  });
  const told = scenarioEntries(scenario, { nonce: 'nonce', seed: 'seed' }).map((entry) =>
    'data' in entry ? digestOf(entry.path, entry.data) : entry.path,
  );
  const { cpus, memoryMiB, boot, disks, nics, shares, cmdline } = scenario;
  return [
    'reference 1',
    kernel.digest,
    initramfs.digest,
    ...told,
    JSON.stringify({ cpus, memoryMiB, boot, disks, nics, shares, cmdline }),
    // The board, the processor and the command line that all machines have.
    JSON.stringify(architectureOf(kernel.arch)),
    accelerator.used,
    programIdentity(architectureOf(kernel.arch).qemu),
  ].join('\n');
}

/** Where a program lies, its size and time: another QEMU is another machine. */
function programIdentity(program: string): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      const { size, mtimeMs } = statSync(path);
      return `${path} ${size} ${mtimeMs}`;
    } catch {
      // Not in this folder.
    }
  }
  return program;
}

function readJson(path: string): Reference | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Reference;
    return value.version === 1 ? value : undefined;
  } catch {
    return undefined;
  }
}
