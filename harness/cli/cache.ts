import { Command, InvalidArgumentError, Option } from 'commander';
import { share } from './options.js';
import { print, printJson, printTable } from './output.js';

interface Flags {
  json?: boolean;
  days?: number;
  size?: number;
}

export function cacheCommand(): Command {
  const command = new Command('cache').description(
    'what the cache holds, and making it smaller; clearing it costs time only',
  );
  command.addCommand(
    share(new Command('size').description('bytes and entries by kind'), 'json').action(size),
  );
  command.addCommand(
    share(
      new Command('prune')
        .description(
          'remove entries that were not used for long, then the longest unused until the rest fits',
        )
        .addOption(new Option('--days <n>', 'remove what was not used for this many days').argParser(days))
        .addOption(new Option('--size <bytes>', 'keep at most this much: 10 GiB').argParser(bytes)),
      'json',
    )
      .addHelpText('after', '\nExample:\n  bootgate cache prune --days 30 --size "10 GiB"')
      .action(prune),
  );
  command.addCommand(
    share(
      new Command('verify').description('read every byte; remove what is damaged, and exit 1'),
      'json',
    ).action(verify),
  );
  command.addCommand(share(new Command('clear').description('remove everything'), 'json').action(clear));
  return command;
}

async function size(flags: Flags): Promise<void> {
  const { formatBytes } = await import('../units.js');
  const { entriesOf } = await import('../cacheentries.js');
  const { cacheDir } = await import('../paths.js');
  const folder = cacheDir();
  const entries = await entriesOf(folder);
  const kinds = new Map<string, { entries: number; bytes: number }>();
  for (const { kind, bytes: own } of entries) {
    const was = kinds.get(kind) ?? { entries: 0, bytes: 0 };
    kinds.set(kind, { entries: was.entries + 1, bytes: was.bytes + own });
  }
  const rows = [...kinds].map(([kind, sum]) => ({ kind, ...sum })).sort((a, b) => b.bytes - a.bytes);
  const total = { entries: entries.length, bytes: rows.reduce((sum, row) => sum + row.bytes, 0) };
  if (flags.json) return printJson({ folder, ...total, kinds: rows });
  print(folder);
  printTable(
    [...rows, { kind: 'total', ...total }].map((row) => [
      row.kind,
      String(row.entries),
      formatBytes(row.bytes),
    ]),
    [1, 2],
  );
}

async function prune(flags: Flags): Promise<void> {
  const { userError } = await import('../errors.js');
  if (flags.days === undefined && flags.size === undefined)
    throw userError('E_USAGE', 'nothing says what to remove', { hint: 'give --days, --size, or both' });
  const { pruneEntries } = await import('../cacheentries.js');
  const { cacheDir } = await import('../paths.js');
  return told(await pruneEntries(cacheDir(), flags), flags);
}

async function verify(flags: Flags): Promise<void> {
  const { verifyEntries } = await import('../cacheentries.js');
  const { cacheDir } = await import('../paths.js');
  const { checked, damaged } = await verifyEntries(cacheDir());
  if (damaged.length > 0) process.exitCode = 1;
  if (flags.json) return printJson({ checked, damaged });
  for (const { path, why } of damaged) print(`removed ${path}: ${why}`);
  print(`${checked} entries checked, ${damaged.length} damaged`);
}

async function clear(flags: Flags): Promise<void> {
  const { pruneEntries } = await import('../cacheentries.js');
  const { cacheDir } = await import('../paths.js');
  return told(await pruneEntries(cacheDir(), { size: 0 }), flags);
}

async function told(removed: { entries: number; bytes: number }, { json }: Flags): Promise<void> {
  const { formatBytes } = await import('../units.js');
  if (json) printJson(removed);
  else print(`${removed.entries} entries removed, ${formatBytes(removed.bytes)}`);
}

function days(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('expected a number of days');
  return value;
}

function bytes(text: string): number {
  const factor = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('expected a size such as 10 GiB');
  return Number(number) * factor[(unit ?? '').toUpperCase() as keyof typeof factor];
}
