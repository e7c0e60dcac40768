import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { userError } from '../errors.js';
import { type GateInput, readGateInput } from '../gate/gate-input.js';
import { shownFile } from '../paths.js';
import { readRun, type StoredRun } from '../results/read.js';
import { RUN_FILE } from '../results/write.js';
import { PLAN_FILE, type RunPlan, readPlan } from '../run/resume.js';
import type { WholePlan } from '../run/whole-plan.js';

/** A run that is to become part of another. */
export interface Part extends StoredRun {
  plan: RunPlan;
  whole: WholePlan;
  /** Of a gate. */
  gate: GateInput | undefined;
  /** How messages call it: `shard 2/3 (shards/2/20261125-...)`. */
  name: string;
}

export interface Parts {
  parts: Part[];
  /** Runs that were killed before they had a result, as messages call them. */
  unfinished: string[];
}

/**
 * Reads the runs to merge. Each may be a run's folder, its run.json, its id under `results`, or a folder with runs in it, at
 * most two levels down: what a CI system makes of the artifacts of several jobs.
 * @throws BootgateError blame `user`: E_RUN, E_MERGE.
 */
export async function readParts(given: readonly string[], results: string): Promise<Parts> {
  const folders = (await Promise.all(given.map((where) => foldersOf(where, results)))).flat();
  const parts: Part[] = [];
  const unfinished: string[] = [];
  for (const folder of new Set(folders)) {
    const plan = await readPlan(folder);
    if (plan && !(await isFile(join(folder, RUN_FILE)))) {
      unfinished.push(nameOf(folder, plan));
      continue;
    }
    const run = await readRun(folder, results);
    if (!plan?.whole)
      throw userError('E_MERGE', `${folder} does not record what it was part of`, {
        hint: 'an older version of bootgate made it: run it again',
      });
    const gate = run.result.gate && (await readGateInput(folder));
    parts.push({ ...run, plan, whole: plan.whole, gate, name: nameOf(folder, plan) });
  }
  if (parts.length === 0)
    throw userError('E_MERGE', 'there is no finished run to merge', {
      hint:
        unfinished.length > 0
          ? `${unfinished.join(', ')} ended without a result`
          : 'name the folders of runs',
    });
  parts.sort((a, b) => (a.plan.shard?.index ?? 0) - (b.plan.shard?.index ?? 0));
  return { parts, unfinished };
}

function nameOf(folder: string, { shard }: RunPlan): string {
  return shard ? `shard ${shard.index}/${shard.count} (${shownFile(folder)})` : shownFile(folder);
}

async function foldersOf(where: string, results: string): Promise<string[]> {
  if (await isRun(where)) return [resolve(where)];
  if (!(await isFile(where))) {
    const below = await runsBelow(where, 2);
    if (below.length > 0) return below;
  }
  return [(await readRun(where, results)).folder];
}

async function runsBelow(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  // `latest` is a link, and the run that it names lies beside it.
  for (const { name } of entries
    .filter((entry) => entry.isDirectory())
    .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = resolve(folder, name);
    if (await isRun(path)) found.push(path);
    else if (depth > 1) found.push(...(await runsBelow(path, depth - 1)));
  }
  return found;
}

const isRun = async (folder: string): Promise<boolean> =>
  (await isFile(join(folder, PLAN_FILE))) || (await isFile(join(folder, RUN_FILE)));

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
