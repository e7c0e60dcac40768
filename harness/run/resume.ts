import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Boot } from '../boot/job.js';
import { keyOf } from '../boot/reference.js';
import { type Cache, digestOf } from '../cache.js';
import { userError } from '../errors.js';
import { forJson } from '../printable.js';
import { REPORT_FILES } from '../report/reports.js';
import { type RunFolder, scenarioFolder } from '../results/folder.js';
import type { Shard } from '../results/run-result.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { writeWhole } from '../write-whole.js';
import type { WholePlan } from './whole-plan.js';

/** Written when a run begins, so that one that was killed is known for what it was. */
export const PLAN_FILE = 'plan.json';
/** Written in a scenario's folder as soon as it is judged, whole or not at all. */
const RESULT_FILE = 'result.json';

/** A run that did not finish, or whose results should be kept as far as they still hold. */
export interface ResumableRun {
  folder: RunFolder;
  started: Date;
  image: string;
  shard?: Shard;
}

/** RUN/plan.json. */
export interface RunPlan {
  schema: 'bootgate/plan@1';
  id: string;
  image: string;
  started: string;
  shard?: Shard;
  /** All that the run and its other shards boot, and what with; older runs have none. */
  whole?: WholePlan;
}

interface StoredResult {
  schema: 'bootgate/result@1';
  /** Of everything that the outcome follows from: kernel, set, userland, agent, scenario, accelerator, QEMU. */
  key: string;
  result: ScenarioResult;
}

/** `forks`: a clone's result may be kept. */
type Circumstances = { accelerator: AcceleratorChoice; cache: Cache; forks?: unknown };

export async function writePlan(
  folder: RunFolder,
  started: Date,
  image: string,
  more: Pick<RunPlan, 'shard' | 'whole'> = {},
): Promise<void> {
  const plan: RunPlan = {
    schema: 'bootgate/plan@1',
    id: folder.id,
    image,
    started: started.toISOString(),
    ...more,
  };
  await writeWhole(join(folder.path, PLAN_FILE), forJson(plan));
}

export async function keepResult(
  run: RunFolder,
  boot: Boot,
  result: ScenarioResult,
  circumstances: Circumstances,
): Promise<void> {
  const stored: StoredResult = {
    schema: 'bootgate/result@1',
    key: await bootKey(boot, circumstances),
    result,
  };
  await writeWhole(resultFile(run, boot), forJson(stored));
}

/**
 * The results of an interrupted run that still hold: of the same kernel, set, userland, scenario and accelerator. What is
 * half done or no longer true is taken away, so that its boot finds an empty folder. Infra is no result to keep.
 */
export async function keepFinished(
  run: ResumableRun,
  boots: readonly Boot[],
  circumstances: Circumstances,
): Promise<ScenarioResult[]> {
  const kept: ScenarioResult[] = [];
  for (const boot of boots) {
    const stored = await readStored(resultFile(run.folder, boot));
    const holds =
      stored &&
      stored.result.verdict !== 'infra' &&
      (!stored.result.forked || circumstances.forks !== undefined) &&
      stored.key === (await bootKey(boot, circumstances));
    if (holds) kept.push(stored.result);
    else await removeAttempts(run.folder, boot);
  }
  return kept;
}

/**
 * Takes back what the run said when it last ended; results that still hold stay. Were it killed again, its reports would still
 * tell of the time before, and CI would read a pass that nobody has seen.
 */
export async function withdrawVerdict(folder: RunFolder): Promise<void> {
  for (const name of REPORT_FILES) await rm(join(folder.path, name), { force: true });
}

/**
 * Finds the run to resume: its folder, its id under `results`, or `latest`, which is the newest that was begun, at its
 * end or not. @throws BootgateError blame `user`, E_RESUME.
 */
export async function findResumable(where: string, results: string, image: string): Promise<ResumableRun> {
  const candidates = where === 'latest' ? await begun(results) : [where, join(results, where)];
  for (const path of candidates) {
    const plan = await readPlan(path);
    if (!plan) continue;
    if (plan.image !== image)
      throw userError('E_RESUME', `${path} is a run of the image ${plan.image}, not of ${image}`, {
        hint: 'give the same --image as then',
      });
    const full = resolve(path);
    const { shard } = plan;
    return {
      folder: { id: basename(full), path: full },
      started: new Date(plan.started),
      image,
      ...(shard ? { shard } : {}),
    };
  }
  throw userError('E_RESUME', `no run to resume at ${where}`, {
    hint: `a run's folder under ${results} has a ${PLAN_FILE} from its first moment on`,
  });
}

/** Folders of runs, the newest first: their names begin with the time. */
async function begun(results: string): Promise<string[]> {
  const names = await readdir(results).catch((): string[] => []);
  return names
    .filter((name) => /^\d{8}-\d{6}-/.test(name))
    .sort()
    .reverse()
    .map((name) => join(results, name));
}

/** Undefined for a folder that no run has begun in. */
export async function readPlan(folder: string): Promise<RunPlan | undefined> {
  try {
    const plan = JSON.parse(await readFile(join(folder, PLAN_FILE), 'utf8')) as RunPlan;
    return plan.schema === 'bootgate/plan@1' ? plan : undefined;
  } catch {
    return undefined;
  }
}

async function readStored(path: string): Promise<StoredResult | undefined> {
  try {
    const stored = JSON.parse(await readFile(path, 'utf8')) as StoredResult;
    return stored.schema === 'bootgate/result@1' ? stored : undefined;
  } catch {
    return undefined;
  }
}

async function removeAttempts(run: RunFolder, { scenario, prepared }: Boot): Promise<void> {
  const first = join(run.path, scenarioFolder(scenario.name, prepared.installSet?.name, 1));
  const beside = await readdir(dirname(first)).catch((): string[] => []);
  for (const name of beside)
    if (name === basename(first) || name.startsWith(`${basename(first)}.attempt-`))
      await rm(join(dirname(first), name), { recursive: true, force: true });
}

function resultFile(run: RunFolder, { scenario, prepared }: Boot): string {
  return join(run.path, scenarioFolder(scenario.name, prepared.installSet?.name, 1), RESULT_FILE);
}

async function bootKey({ prepared, scenario }: Boot, { accelerator, cache }: Circumstances): Promise<string> {
  return digestOf(await keyOf(prepared, { scenario, accelerator, cache }));
}

/** @throws BootgateError blame `user`, E_RESUME: another part of the whole was begun there. */
export function sameShard({ folder, shard }: ResumableRun, wanted: Shard | undefined): void {
  const words = (one: Shard | undefined) => (one ? `shard ${one.index}/${one.count}` : 'a whole run');
  if (words(shard) !== words(wanted))
    throw userError('E_RESUME', `${folder.path} is ${words(shard)}, not ${words(wanted)}`, {
      hint: shard ? `give --shard ${shard.index}/${shard.count}, as then` : 'leave out --shard, as then',
    });
}
