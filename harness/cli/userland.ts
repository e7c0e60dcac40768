import { Command, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import { print, printJson, printTable, say } from './output.js';

interface UpdateFlags {
  arch?: string[];
  suite?: string;
}

export function userlandCommand(): Command {
  const command = new Command('userland').description(
    "the tools that guests get: this machine's own, or pinned Debian packages (`--userland`)",
  );
  const show = command
    .command('show')
    .description('the pinned packages of each architecture, and the tools that need them')
    .argument('[tool...]', 'only these tools');
  share(show, 'json').action(showLock);
  command
    .command('update')
    .description(
      'pin the newest packages in images/userland.lock, or in the one beside the userland.yaml of a project',
    )
    .addOption(new Option('--arch <name...>', 'only these architectures (default: all)'))
    .addOption(
      new Option(
        '--suite <name>',
        "Debian's release to take them from (default: bookworm; trixie for riscv64)",
      ),
    )
    .action(update);
  return command;
}

async function showLock(tools: string[], flags: SharedFlags): Promise<void> {
  const { lockFile, readLock } = await import('../initramfs/userland-lock.js');
  const lock = await readLock(lockFile());
  const rows = [...lock].flatMap(([architecture, locked]) =>
    [...locked.tools]
      .filter(([tool]) => tools.length === 0 || tools.includes(tool))
      .map(([tool, names]) => ({
        architecture,
        suite: locked.suite,
        tool,
        packages: names.map((name) => `${name} ${locked.packages.get(name)?.version ?? '?'}`),
      })),
  );
  if (flags.json) return printJson(rows);
  printTable(rows.map(({ architecture, tool, packages }) => [architecture, tool, packages.join(', ')]));
}

async function update({ arch, suite }: UpdateFlags): Promise<void> {
  const { ARCHITECTURES, findArchitecture, list } = await import('../arch/index.js');
  const { Cache } = await import('../cache.js');
  const { userError } = await import('../errors.js');
  const { existsSync } = await import('node:fs');
  const { lockFile, readLock, writeLock } = await import('../initramfs/userland-lock.js');
  const { readUserlandTable } = await import('../initramfs/userland-table.js');
  const { resolveUserland } = await import('../initramfs/userland-update.js');
  const tables = (arch ?? ARCHITECTURES.map((one) => one.arch)).map((name) => {
    const table = findArchitecture(name);
    if (table) return table;
    throw userError('E_USAGE', `unknown architecture ${name}`, { hint: `known: ${list()}` });
  });
  const file = lockFile();
  const lock = existsSync(file) ? await readLock(file) : new Map();
  const context = { cache: new Cache(), log: say };
  const userland = await readUserlandTable();
  for (const table of tables) {
    lock.set(table.names.debian, await resolveUserland(userland, table, suite ?? null, context));
    await writeLock(file, lock);
  }
  print(`wrote ${file}`);
}
