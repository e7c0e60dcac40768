import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userError } from '../errors.js';
import { nearest } from '../suggest.js';
import type { RunResult } from './run-result.js';
import { shapeProblems } from './shape.js';
import { RUN_FILE } from './write.js';

/** A run that was read back. */
export interface StoredRun {
  /** Absolute path of the run's own folder, never of `latest`; the paths in `result` are relative to it. */
  folder: string;
  result: RunResult;
}

/**
 * Reads a run: its folder, its run.json (also one that was put elsewhere under another name), a results folder (the
 * newest run in it), a run's id in `resultsDir`, or `latest`.
 * @throws BootgateError blame `user`, E_RUN: there is none, or it is not a bootgate run of this schema.
 */
export async function readRun(where: string, resultsDir = 'results'): Promise<StoredRun> {
  const alone = await isFile(where);
  // `latest` moves to the next run as soon as there is one: what is written beside this run must not follow it.
  const folder = await realpath(alone ? dirname(where) : await findRun(where, resultsDir));
  const path = alone ? where : join(folder, RUN_FILE);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw userError('E_RUN', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  const result = value as Partial<RunResult> | null;
  if (result?.schema !== 'bootgate/run@1' || !Array.isArray(result.results)) {
    throw userError('E_RUN', `${path} is not a run of schema bootgate/run@1`, {
      hint: 'name the folder of a run that this version of bootgate has written',
    });
  }
  const problems = await shapeProblems(value);
  if (problems.length > 0)
    throw userError('E_RUN', `${path} is incomplete`, {
      problems: problems.map((message) => ({ message, file: path })),
      hint: 'name a run.json as bootgate has written it',
    });
  return { folder, result: result as RunResult };
}

async function findRun(where: string, resultsDir: string): Promise<string> {
  const candidates = [where, join(where, 'latest'), join(resultsDir, where)];
  for (const folder of candidates) if (await isFile(join(folder, RUN_FILE))) return folder;

  const known = await readdir(resultsDir).catch((): string[] => []);
  const near = nearest(
    where,
    known.filter((name) => name !== where),
  );
  throw userError('E_RUN', `no run at ${where}`, {
    hint:
      near.length > 0
        ? `did you mean ${near.map((name) => join(resultsDir, name)).join(', ')}?`
        : known.length > 0
          ? `runs are in ${resultsDir}; \`latest\` is the newest`
          : 'nothing has run yet: `bootgate run` writes to results/',
  });
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
