import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ScenarioResult } from '../../results/scenario-result.js';
import type { Scenario } from '../../scenarios/scenario.js';
import { readRecording } from '../../vm/recording.js';
import { type GuestReport, readReport } from '../../vm/records.js';

/** What the page shows beyond run.json: from the folder of one result, as far as it is there. */
export interface Evidence {
  /** Raw lines of the console as the guest wrote them: hostile. */
  console: string[];
  /** What the agent told, where the control channel was recorded. */
  report: GuestReport | null;
  /** qemu.sh. */
  command: string;
  /** The scenario as it was booted. */
  scenario: Scenario | null;
}

export const NO_EVIDENCE: Evidence = { console: [], report: null, command: '', scenario: null };

/** Reads it; a run.json without its folder has none. */
export async function evidenceOf(run: string, { files }: ScenarioResult): Promise<Evidence> {
  if (!files.recording) return NO_EVIDENCE;
  const folder = join(run, dirname(files.recording));
  const [recording, command, recipe] = await Promise.all([
    readRecording(folder).catch(() => undefined),
    readFile(join(run, files.argv), 'utf8').catch(() => ''),
    readFile(join(folder, 'recipe.json'), 'utf8').catch(() => '{}'),
  ]);
  return {
    console: recording ? linesOf(recording.console) : [],
    report: recording ? readReport(recording.nonce, recording.control, recording.console) : null,
    command,
    scenario: scenarioOf(recipe),
  };
}

/** Bytes that are no UTF-8 become U+FFFD; a serial line ends in `\r\n`, often `\r\r\n`. */
function linesOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes).replace(/\r+\n/g, '\n').replace(/\n$/, '');
  return text === '' ? [] : text.split('\n');
}

function scenarioOf(recipe: string): Scenario | null {
  try {
    return (JSON.parse(recipe) as { scenario?: Scenario }).scenario ?? null;
  } catch {
    return null;
  }
}
