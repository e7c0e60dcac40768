import { runText } from '../results/write.js';
import type { Reporter } from './reporter.js';
import type { Screen } from './screen.js';

/** `--reporter json`: nothing until the end, then run.json on stdout. */
export function jsonReporter(screen: Screen): Reporter {
  return { onRunEnd: (result) => screen.raw(runText(result)) };
}
