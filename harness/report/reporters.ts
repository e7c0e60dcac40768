import { userError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { writeWhole } from '../write-whole.js';
import { jsonReporter } from './json.js';
import type { Reporter } from './reporter.js';
import { REPORTS, type ReportFormat, reportText } from './reports.js';
import { MOST_COLUMNS, type Screen, screenOf } from './screen.js';
import { tapReporter } from './tap.js';
import { terminalReporter } from './terminal.js';

/** Those that speak while the run goes on; any other format of a report is written at the end. */
const LIVE = {
  terminal: (screen: Screen, quiet: boolean) => terminalReporter(screen, undefined, { quiet }),
  tap: tapReporter,
  json: jsonReporter,
} as const;

export const REPORTERS = Object.keys(LIVE) as (keyof typeof LIVE)[];

/**
 * The reporters of a run, each `NAME` for standard output or `NAME=FILE`. Exactly one owns standard output: the terminal's where
 * all have files.
 * @throws BootgateError blame `user`, E_USAGE: an unknown name, or two for standard output.
 */
export function makeReporters(
  given: readonly string[] = [],
  { quiet = false, screen = screenOf(process.stdout) }: { quiet?: boolean; screen?: Screen } = {},
): Reporter[] {
  const wanted = given.map(readReporter);
  const owners = wanted.filter(({ file }) => file === undefined);
  if (owners.length > 1)
    throw userError(
      'E_USAGE',
      `two reporters for standard output: ${owners.map(({ name }) => name).join(', ')}`,
      {
        hint: `give the others a file: --reporter ${owners[1]?.name}=FILE`,
      },
    );
  if (owners.length === 0) wanted.unshift({ name: 'terminal', file: undefined });
  return wanted.map(({ name, file }) => {
    if (file !== undefined) return fileReporter(name, file);
    const live = REPORTERS.find((one) => one === name);
    return live ? LIVE[live](screen, quiet) : lastReporter(name, (text) => screen.raw(text));
  });
}

function readReporter(text: string): { name: ReportFormat; file: string | undefined } {
  const [given = '', ...rest] = text.split('=');
  const name = REPORTS.find(({ format }) => format === given)?.format;
  const file = rest.join('=');
  if (name && (rest.length === 0 || file !== '')) return { name, file: rest.length === 0 ? undefined : file };
  const known = REPORTS.map(({ format }) => format);
  throw userError(
    'E_USAGE',
    `--reporter ${text}: ${name ? 'the file has no name' : `unknown: ${given}${didYouMean(given, known)}`}`,
    {
      hint: `NAME or NAME=FILE, where NAME is one of: ${known.join(', ')}`,
    },
  );
}

/** What the terminal shows is written as a log has it; everything else is the report of the finished run. */
function fileReporter(name: ReportFormat, file: string): Reporter {
  if (name !== 'terminal') return lastReporter(name, (text) => writeWhole(file, text));
  let log = '';
  const write = (text: string) => {
    log += text;
  };
  const screen = { isTTY: false, columns: MOST_COLUMNS, rows: 24, colour: false, write, raw: write };
  const terminal = terminalReporter(screen);
  return {
    ...terminal,
    onRunEnd: async (result) => {
      await terminal.onRunEnd?.(result);
      await writeWhole(file, log);
    },
  };
}

function lastReporter(name: ReportFormat, put: (text: string) => unknown): Reporter {
  let folder = '';
  return {
    onRunStart: (plan) => {
      folder = plan.folder;
    },
    onRunEnd: async (result) => {
      await put(await reportText({ folder, result }, name));
    },
  };
}
