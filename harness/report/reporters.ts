import { jsonReporter } from './json.js';
import type { Reporter } from './reporter.js';
import { type Screen, screenOf } from './screen.js';
import { tapReporter } from './tap.js';
import { terminalReporter } from './terminal.js';

export const REPORTERS = ['terminal', 'tap', 'json'] as const;
export type ReporterName = (typeof REPORTERS)[number];

/** The reporters of a run. Exactly one of them owns standard output. */
export function makeReporters(name: ReporterName, screen: Screen = screenOf(process.stdout)): Reporter[] {
  const owners: Record<ReporterName, (screen: Screen) => Reporter> = {
    terminal: terminalReporter,
    tap: tapReporter,
    json: jsonReporter,
  };
  return [owners[name](screen)];
}
