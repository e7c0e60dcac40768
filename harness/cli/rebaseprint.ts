import { someOf } from '../printable.js';
import type { Rebase } from '../search/rebase.js';
import { formatBytes } from '../units.js';
import type { RebaseBoots } from './rebaseboot.js';
import { print, printTable } from './splitdata.js';

/** Rows of a list on the terminal; --json has them all. */
const MOST = 20;

/** What a newer kernel means for a split, for a person. @param partial Modules in no package are meant to be in none. */
export function printRebase(one: Rebase, partial: boolean): void {
  const { changes } = one;
  print(`${one.split}: ${one.from} -> ${one.to}`);
  const rows: [string, readonly string[]][] = [
    ['new modules', changes.arrived],
    ['gone', changes.gone],
    ['renamed', changes.renamed.map((row) => `${row.from} -> ${row.to}`)],
    ['moved', changes.moved.map(({ module }) => module)],
    ['now built in', changes.builtIn],
    ['now modular', changes.modular],
    ['dependencies changed', changes.dependencies.map(({ module }) => module)],
    [
      'grown',
      changes.grown.map(({ module, before, after }) => `${module} (+${formatBytes(after - before)})`),
    ],
    ['new firmware', (one.firmware ?? []).map(({ module, files }) => `${module} (${files.length})`)],
    ['left to the default', one.unplaced.map(({ module }) => module)],
    [
      'in another package',
      one.rehomed.map((row) => `${row.module} (${row.from ?? '-'} -> ${row.to ?? '-'})`),
    ],
  ];
  printTable(
    rows.map(([title, names]) => [`  ${title}`, String(names.length), someOf(names, 4)]),
    [1],
  );
  for (const message of one.unreadable) print(`error: ${message}`);
  for (const { place, message } of one.broken)
    print(`error: ${place ? `${place.file}:${place.line}: ` : ''}${message}`);
  for (const { what, bytes, limit } of one.budgets)
    print(`over budget: ${what} has ${formatBytes(bytes)} of ${formatBytes(limit)}`);
  for (const { file, line, text } of one.unused) print(`no longer matches: ${file}:${line}: ${text}`);
  for (const { module, package: home, neededBy } of one.unplaced)
    if (neededBy.length > 0 && (home !== null || !partial))
      print(
        `needed: ${module}, ${home ? `left to the default ${home}` : 'in no package'}, by ${someOf(neededBy, 3)}`,
      );
  const moves = one.suggestions.filter((row) => row.package !== row.today);
  const agree = one.suggestions.length - moves.length;
  print(
    `${one.suggestions.length} suggestions for ${changes.arrived.length + changes.renamed.length + changes.modular.length} modules: ${agree} are where the split puts them already`,
  );
  printTable(
    moves
      .slice(0, MOST)
      .map((row) => [
        `  ${row.module}`,
        `${row.today ?? 'no package'} -> ${row.package ?? 'no package'}`,
        `${Math.round(row.confidence * 100)} %`,
        [
          row.reasons[0] ?? '',
          ...(row.neededBy.length > 0 ? [`${someOf(row.neededBy, 2)} needs it`] : []),
        ].join('; '),
      ]),
    [2],
  );
  if (moves.length > MOST) print(`  and ${moves.length - MOST} more: see --json`);
}

/** What was booted of it. */
export function printBooted({ touched, untouched, run }: RebaseBoots): void {
  print('');
  print(
    `${touched.length} ${touched.length === 1 ? 'scenario' : 'scenarios'} may be affected; ${untouched} are not, and were not booted`,
  );
  printTable(
    touched
      .slice(0, MOST)
      .map(({ scenario, modules }) => [
        `  ${scenario}`,
        modules.length > 0 ? someOf(modules, 4) : 'no record of its needs',
      ]),
  );
  if (touched.length > MOST) print(`  and ${touched.length - MOST} more: see --json`);
  if (!run) return;
  for (const { scenario, installSet, verdict, reason } of run.failed)
    print(`${verdict} ${scenario}${installSet ? ` [${installSet}]` : ''}: ${reason}`);
  print(`${run.passed} of ${run.passed + run.failed.length} passed; see ${run.folder}`);
}
