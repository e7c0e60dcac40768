import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Reporter } from './reporter.js';
import type { RunResult } from './result.js';
import type { Screen } from './screen.js';

/** The name of a run's own file in its folder. */
export const RUN_FILE = 'run.json';

/**
 * Writes a file whole or not at all: a temporary file beside it, fsync, rename, fsync of the folder. What was there
 * before stays as it was until then, also when the disk is full or the machine stops.
 */
export async function writeWhole(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } catch {
    // Some file systems cannot sync a folder; the rename itself has happened.
  } finally {
    await folder.close();
  }
}

/** run.json as it is written and as `--reporter json` prints it. */
export function runText(result: RunResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** Writes results/RUN/run.json; returns its path. */
export async function writeRunJson(folder: string, result: RunResult): Promise<string> {
  const path = join(folder, RUN_FILE);
  await writeWhole(path, runText(result));
  return path;
}

/** `--reporter json`: nothing until the end, then run.json on stdout. */
export function jsonReporter(screen: Screen): Reporter {
  return { onRunEnd: (result) => screen.write(runText(result)) };
}
