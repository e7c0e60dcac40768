import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { type Judgement, judge } from '../diagnose/judge.js';
import { ConsoleWatch } from '../diagnose/watch.js';
import type { PreparedImage } from '../image/prepare.js';
import { forJson } from '../printable.js';
import { isFailure, type ScenarioResult } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { runGuest } from '../vm/guest.js';
import type { AcceleratorChoice, Machine, Phase, Recording } from '../vm/machine.js';
import { readReport } from '../vm/records.js';
import { backgroundOf } from './background.js';
import { LocalFiles } from './local-files.js';
import { materialise } from './materialise.js';
import { checkOutside, type Outside, writeOutside } from './outside.js';
import { type BootRequest, makeRequest, RECIPE } from './request.js';

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
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number | undefined;
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
    await writeFile(join(folder, RECIPE), forJson(request));
    const machine = await materialise(request, files, scratch, undo);
    if (request.memoryMiB > scenario.memoryMiB) options.onNote?.(moreMemory(request));
    const recording = await bootMachine(machine, request, options);
    const outside: Outside =
      recording.ending.kind === 'infra'
        ? { checks: [] }
        : await checkOutside(scenario, machine.disks, machine.shares ?? [], request.seed);
    const judged = await judgeOutside(options, request, recording, outside);
    // A damaged cache is never a verdict: what the guest was made from is read anew before anything is held against it.
    const damaged = isFailure(judged) ? await cache.recheck(files.all()) : [];
    const whole = damaged.length > 0 ? { ...outside, damaged: damaged.join('; ') } : outside;
    await writeOutside(folder, whole);
    const last = whole === outside ? judged : await judgeOutside(options, request, recording, whole);
    return resultOf(options, recording, last);
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
  }
}

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
    watcher: new ConsoleWatch(),
    stepSeconds: scenario.steps.reduce((sum, step) => sum + step.timeout, 0),
    onNote: options.onNote,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.timeScale ? { timeScale: options.timeScale } : {}),
    ...(options.onPhase ? { onPhase: options.onPhase } : {}),
  });
}

/** The verdict on what was recorded and on what was found on the host, as both are stored. */
async function judgeOutside(
  { prepared, cache }: BootOptions,
  { nonce, scenario }: BootRequest,
  recording: Recording,
  { checks, trouble, damaged }: Outside,
): Promise<Judgement> {
  const report = readReport(nonce, recording.control, recording.console);
  return judge({
    scenario,
    recording,
    report,
    outside: checks,
    trouble,
    damaged,
    set: prepared.set,
    tree: prepared.index,
    ...(await backgroundOf(prepared, report, cache)),
  });
}

function resultOf(
  { prepared, scenario, attempt, relativeFolder }: BootOptions,
  recording: Recording,
  judged: Judgement,
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

function moreMemory({ scenario, memoryMiB, delivery }: BootRequest): string {
  const why = delivery === 'window' ? 'the module window needs it' : 'its modules travel in the archive';
  return `${scenario.name} gets ${memoryMiB} MiB instead of ${scenario.memoryMiB} MiB, because ${why}`;
}
