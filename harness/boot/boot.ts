import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { type Judgement, judge } from '../diagnose/judge.js';
import { ConsoleWatch } from '../diagnose/watch.js';
import { forJson } from '../printable.js';
import { asForked, isFailure, resultName, type ScenarioResult } from '../results/scenario-result.js';
import type { Secrets } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import { shellLine } from '../vm/argv.js';
import { runGuest } from '../vm/guest.js';
import type { Accelerator, AcceleratorChoice, Machine, Phase, Recording } from '../vm/machine.js';
import { readReport } from '../vm/records.js';
import { backgroundOf, type Placing } from './background.js';
import { nameLastWords } from './last-words.js';
import { LocalFiles } from './local-files.js';
import { materialise } from './materialise.js';
import { checkOutside, type Outside, writeOutside } from './outside.js';
import { type BootedImage, type BootRequest, makeRequest, RECIPE } from './request.js';
import { requireSameBytes } from './same-bytes.js';

export interface BootOptions {
  prepared: BootedImage &
    Placing & { installSet: { name: string } | null; image?: { budgets: Readonly<Record<string, number>> } };
  scenario: Scenario;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** The scenario's folder, absolute, and relative to the run's folder. */
  folder: string;
  relativeFolder: string;
  attempt: number;
  /** An earlier boot to repeat: with its secrets, and refused where the bytes would be others. */
  again?: BootRequest | undefined;
  signal?: AbortSignal;
  /** Multiplies all deadlines; 1 unless given. */
  timeScale?: number | undefined;
  onPhase?: (phase: Phase) => void;
  /** What a person should know of how it was booted, one sentence each. */
  onNote?: ((sentence: string) => void) | undefined;
  /** Where the guest runs; in a QEMU on this host unless given. */
  record?: RecordGuest | undefined;
  /** New ones unless given. */
  secrets?: Secrets | undefined;
}

/** A guest that has ended, and what was found on its host. */
export interface Recorded {
  recording: Recording;
  outside: Outside;
}

export interface RecordOptions
  extends Pick<BootOptions, 'folder' | 'signal' | 'timeScale' | 'onPhase' | 'onNote'> {
  accelerator: Accelerator;
  /** What makes the files of the guest again, for whoever reads its qemu.sh. */
  remake?: string | undefined;
  /** Of this boot alone, made already. */
  scratch: string;
}

/** `request -> machine -> guest -> recording`: all of a boot that needs the request's files and no kernel tree. */
export type RecordGuest = (
  request: BootRequest,
  files: LocalFiles,
  options: RecordOptions,
) => Promise<Recorded>;

/** A machine that is ready to be begun, and what its console had said before, where it had begun elsewhere. */
export interface Made {
  machine: Machine;
  before?: Buffer;
}

/** How a request becomes a machine: the same arguments as `materialise`, and what is booted. */
export type MakeMachine = (
  request: BootRequest,
  files: LocalFiles,
  scratch: string,
  undo: (() => Promise<unknown>)[],
  options: BootOptions,
) => Promise<Made>;

/** Cold: the kernel and its archive, from the beginning. */
const makeCold: MakeMachine = async (request, files, scratch, undo) => ({
  machine: await materialise(request, files, scratch, undo),
});

/** `request -> machine -> guest -> records -> verdict`: one scenario booted once. Scratch files are gone afterwards. */
export async function bootScenario(
  options: BootOptions,
  make: MakeMachine = makeCold,
): Promise<ScenarioResult> {
  const { prepared, scenario, folder, cache, again } = options;
  const scratch = join(folder, 'scratch');
  try {
    // Ours alone: the archive has the boot's secret in it, and QEMU gets open files.
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    const files = new LocalFiles();
    const request = await makeRequest({
      prepared,
      scenario,
      cache,
      ...(again ? { nonce: again.nonce, seed: again.seed } : (options.secrets ?? newSecrets())),
      scenarioPath: join(scratch, 'scenario.cpio'),
      files,
    });
    if (again) requireSameBytes(again, request);
    await writeFile(join(folder, RECIPE), forJson(request));
    if (request.memoryMiB > scenario.memoryMiB) options.onNote?.(moreMemory(request));
    const recordOptions = {
      ...options,
      accelerator: options.accelerator.used,
      scratch,
      remake: remakeCommand(options),
    };
    const { recording, outside, forked } = options.record
      ? { ...(await options.record(request, files, recordOptions)), forked: false }
      : await recordMade(request, recordOptions, (undo) => make(request, files, scratch, undo, options));
    const judged = await judgeOutside(options, request, recording, outside);
    // A damaged cache is never a verdict: what the guest was made from is read anew before anything is held against it.
    const damaged = isFailure(judged) ? await cache.recheck(files.all()) : [];
    const whole = damaged.length > 0 ? { ...outside, damaged: damaged.join('; ') } : outside;
    await writeOutside(folder, whole);
    const last = whole === outside ? judged : await judgeOutside(options, request, recording, whole);
    return resultOf(options, recording, last, forked);
  } finally {
    await rm(scratch, { recursive: true, force: true }).catch(() => {});
  }
}

const newSecrets = (): Secrets => ({
  nonce: randomBytes(8).toString('hex'),
  seed: randomBytes(8).toString('hex'),
});

/** A request in a QEMU on this host, from the beginning. */
export const recordGuest: RecordGuest = (request, files, options) =>
  recordMade(request, options, async (undo) => ({
    machine: await materialise(request, files, options.scratch, undo),
  }));

async function recordMade(
  request: BootRequest,
  options: RecordOptions,
  make: (undo: (() => Promise<unknown>)[]) => Promise<Made>,
): Promise<Recorded & { forked: boolean }> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const made = await make(undo);
    const recording = await bootMachine(made, request, options);
    await nameLastWords(options.folder, readReport(request.nonce, recording.control, recording.console));
    const { disks, shares = [], fork } = made.machine;
    const outside: Outside =
      recording.ending.kind === 'infra'
        ? { checks: [] }
        : await checkOutside(request.scenario, disks, shares, request.seed);
    return { recording, outside, forked: fork !== undefined };
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
  }
}

function bootMachine(
  { machine, before }: Made,
  { nonce, scenario }: BootRequest,
  options: RecordOptions,
): Promise<Recording> {
  return runGuest({
    machine,
    accelerator: options.accelerator,
    folder: options.folder,
    nonce,
    watcher: new ConsoleWatch(),
    before,
    stepSeconds: scenario.steps.reduce((sum, step) => sum + step.timeout, 0),
    ...(options.remake === undefined ? {} : { remake: options.remake }),
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
  forked: boolean,
): ScenarioResult {
  const at = (name: string) => join(relativeFolder, name);
  const result: ScenarioResult = {
    ...nameOf(prepared, scenario),
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
  return forked ? asForked(result) : result;
}

/** What makes the guest's archive, disks and shares again, for whoever runs its qemu.sh. */
function remakeCommand({ folder, relativeFolder, prepared, scenario }: BootOptions): string {
  const run = folder.endsWith(`/${relativeFolder}`) ? folder.slice(0, -relativeFolder.length - 1) : folder;
  return shellLine('bootgate', ['repro', run, resultName(nameOf(prepared, scenario)), '--files']);
}

const nameOf = ({ installSet }: BootOptions['prepared'], { name: scenario }: Scenario) => ({
  scenario,
  ...(installSet ? { installSet: installSet.name } : {}),
});

function moreMemory({ scenario, memoryMiB, delivery }: BootRequest): string {
  const why = delivery === 'window' ? 'the module window needs it' : 'its modules travel in the archive';
  return `${scenario.name} gets ${memoryMiB} MiB instead of ${scenario.memoryMiB} MiB, because ${why}`;
}
