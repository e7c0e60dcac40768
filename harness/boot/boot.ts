import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { judge } from '../diagnose/judge.js';
import type { PreparedImage } from '../image/prepare.js';
import type { ScenarioResult, StepResult, Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { verifyPattern } from '../vm/disks.js';
import { runGuest } from '../vm/guest.js';
import type { AcceleratorChoice, Machine, Phase, Recording } from '../vm/machine.js';
import { readReport } from '../vm/records.js';
import { backgroundOf } from './background.js';
import { LocalFiles } from './local-files.js';
import { materialise } from './materialise.js';
import { type BootRequest, makeRequest, RECIPE } from './request.js';
import { checkShares } from './shares.js';

export interface BootOptions {
  prepared: PreparedImage;
  scenario: Scenario;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** The scenario's folder, absolute, and relative to the run's folder. */
  folder: string;
  relativeFolder: string;
  attempt: number;
  signal?: AbortSignal;
  onPhase?: (phase: Phase) => void;
  /** What a person should know of how it was booted, one sentence each. */
  onNote?: ((sentence: string) => void) | undefined;
}

/** `request -> machine -> guest -> records -> verdict`: one scenario booted once. Scratch files are gone afterwards. */
export async function bootScenario(options: BootOptions): Promise<ScenarioResult> {
  const { prepared, scenario, folder, cache } = options;
  const scratch = join(folder, 'scratch');
  const undo: (() => Promise<unknown>)[] = [() => rm(scratch, { recursive: true, force: true })];
  try {
    // Ours alone: the archive has the boot's secret in it, and QEMU gets open files.
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    const files = new LocalFiles();
    const request = await makeRequest({
      prepared,
      scenario,
      cache,
      nonce: randomBytes(8).toString('hex'),
      seed: randomBytes(8).toString('hex'),
      scenarioPath: join(scratch, 'scenario.cpio'),
      files,
    });
    await writeFile(join(folder, RECIPE), `${JSON.stringify(request, null, 2)}\n`);
    const machine = await materialise(request, files, scratch, undo);
    if (request.memoryMiB > scenario.memoryMiB) options.onNote?.(moreMemory(request));
    const recording = await bootMachine(machine, request, options);
    const outside = await checkOutside(machine, request, recording);
    const report = readReport(request.nonce, recording.control, recording.console);
    const judged = judge({
      scenario,
      recording,
      report,
      outside,
      set: prepared.set,
      tree: prepared.index,
      ...(await backgroundOf(prepared, report, cache)),
    });
    // A damaged cache is never a verdict: what the guest was made from is read anew before anything is held against it.
    const damaged = BAD.has(judged.verdict) ? await cache.recheck(files.all()) : [];
    if (damaged.length > 0)
      Object.assign(judged, { verdict: 'infra', reason: damaged.join('; '), findings: [] });
    return resultOf(options, recording, judged);
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
  }
}

const BAD: ReadonlySet<Verdict> = new Set(['fail', 'crash', 'hang']);

function bootMachine(
  machine: Machine,
  { nonce, scenario }: BootRequest,
  options: BootOptions,
): Promise<Recording> {
  return runGuest({
    machine,
    accelerator: options.accelerator.used,
    folder: options.folder,
    nonce,
    stepSeconds: scenario.steps.reduce((sum, step) => sum + step.timeout, 0),
    onNote: options.onNote,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onPhase ? { onPhase: options.onPhase } : {}),
  });
}

/** What the guest left in its disks and shares. */
async function checkOutside(
  machine: Machine,
  { scenario, seed }: BootRequest,
  recording: Recording,
): Promise<StepResult[]> {
  if (recording.ending.kind === 'infra') return [];
  const outside: StepResult[] = [];
  const started = performance.now();
  for (const [number, disk] of scenario.disks.entries()) {
    const file = machine.disks[number]?.file;
    if (!disk.verifyPattern || !file) continue;
    const { ok, message } = await verifyPattern(file, disk.sizeMiB, seed);
    const seconds = (performance.now() - started) / 1000;
    outside.push({
      name: `pattern in the disk file of ${disk.serial}`,
      ok,
      seconds,
      where: 'outside',
      message,
    });
  }
  return [...outside, ...(await checkShares(machine.shares ?? [], seed))];
}

function resultOf(
  { prepared, scenario, attempt, relativeFolder }: BootOptions,
  recording: Recording,
  judged: ReturnType<typeof judge>,
): ScenarioResult {
  const at = (name: string) => join(relativeFolder, name);
  return {
    scenario: scenario.name,
    ...(prepared.installSet ? { installSet: prepared.installSet.name } : {}),
    area: scenario.area,
    ...judged,
    seconds: recording.seconds,
    cpuSeconds: recording.cpuSeconds,
    attempts: attempt,
    files: {
      console: at('console.log'),
      control: at('control.log'),
      argv: at('qemu.sh'),
      recording: at('recording.json'),
    },
    phases: recording.phases,
  };
}

function moreMemory({ scenario, memoryMiB }: BootRequest): string {
  return `${scenario.name} gets ${memoryMiB} MiB instead of ${scenario.memoryMiB} MiB, because its modules travel in the archive`;
}
