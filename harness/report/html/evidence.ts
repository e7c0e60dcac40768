import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { ScenarioResult } from '../../results/scenario-result.js';
import type { Scenario } from '../../scenarios/scenario.js';
import { readRecording } from '../../vm/recording.js';
import { type GuestReport, readReport } from '../../vm/records.js';

/** What the page shows beyond run.json: from the folder of one result, as far as it is there. */
export interface Evidence {
  /** The last raw lines of the console as the guest wrote them: hostile. */
  console: string[];
  /** How many lines there were before them. */
  earlier: number;
  /** What the agent told, where the control channel was recorded. */
  report: GuestReport | null;
  /** qemu.sh. */
  command: string;
  /** The scenario as it was booted. */
  scenario: Scenario | null;
}

/** No page shows more of one; a guest that floods its console is not kept whole for each result. */
const MOST_LINES = 1200;

export const NO_EVIDENCE: Evidence = { console: [], earlier: 0, report: null, command: '', scenario: null };

/** Reads it; a run.json without its folder has none. */
export async function evidenceOf(run: string, { files }: ScenarioResult): Promise<Evidence> {
  if (!files.recording || !isInside(files.recording) || !isInside(files.argv ?? '')) return NO_EVIDENCE;
  const folder = join(run, dirname(files.recording));
  const [recording, command, recipe] = await Promise.all([
    readRecording(folder).catch(() => undefined),
    readFile(join(run, files.argv ?? ''), 'utf8').catch(() => ''),
    readFile(join(folder, 'recipe.json'), 'utf8').catch(() => '{}'),
  ]);
  const lines = recording ? linesOf(recording.console) : [];
  return {
    console: lines.slice(-MOST_LINES),
    earlier: Math.max(0, lines.length - MOST_LINES),
    report: recording ? readReport(recording.nonce, recording.control, recording.console) : null,
    command,
    scenario: scenarioOf(recipe),
  };
}

/** A run.json from elsewhere may name any file; what lies outside of its folder is none of the page's. */
const isInside = (path: string): boolean => !isAbsolute(path) && !normalize(path).startsWith('..');

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
