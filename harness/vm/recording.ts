import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../errors.js';
import type { Recording } from './machine.js';

/** Files of a guest's folder. The UARTs' bytes stand in their logs only. */
export const CONSOLE_LOG = 'console.log';
export const CONTROL_LOG = 'control.log';
const RECORDING = 'recording.json';

export async function writeRecording(folder: string, recording: Recording): Promise<void> {
  const { console: _console, control: _control, ...rest } = recording;
  await writeFile(join(folder, RECORDING), `${JSON.stringify(rest, null, 2)}\n`);
}

/** A guest's folder read back, so that an old run can be judged again. @throws user error E_RECORDING. */
export async function readRecording(folder: string): Promise<Recording> {
  try {
    const [text, console, control] = await Promise.all([
      readFile(join(folder, RECORDING), 'utf8'),
      readFile(join(folder, CONSOLE_LOG)),
      readFile(join(folder, CONTROL_LOG)),
    ]);
    return { ...(JSON.parse(text) as Omit<Recording, 'console' | 'control'>), console, control };
  } catch (cause) {
    throw userError('E_RECORDING', `${folder} has no complete recording: ${(cause as Error).message}`, {
      cause,
    });
  }
}
