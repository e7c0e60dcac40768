import { Command } from 'commander';
import { type SharedFlags, share } from './options.js';
import { print, printJson, printTable } from './output.js';

export function scenariosCommand(): Command {
  const command = new Command('scenarios').description('list, show and check scenarios');
  const list = command
    .command('list')
    .description('every scenario with its description')
    .argument('[pattern...]', 'narrow the list');
  share(list, 'json').action(async (patterns: string[], flags: SharedFlags) => {
    const scenarios = await chosen(patterns);
    if (flags.json) printJson(scenarios);
    else printTable(scenarios.map(({ name, description }) => [name, description]));
  });
  const show = command
    .command('show')
    .description('one scenario as it is booted: machine, disks, NICs and steps')
    .argument('<pattern...>', 'which');
  share(show, 'json').action(async (patterns: string[], flags: SharedFlags) => {
    const scenarios = await chosen(patterns);
    if (flags.json) return printJson(scenarios);
    const { stringify } = await import('yaml');
    for (const { file, line, helpers, ...scenario } of scenarios)
      print(`# ${file}:${line}\n${stringify(scenario, { lineWidth: 0 }).trimEnd()}\n`);
  });
  const needs = command
    .command('needs')
    .description(
      'what each scenario needs: the modules that its boot with the full module tree loaded for it',
    )
    .argument('[pattern...]', 'which (default: every scenario that the kernel can be booted for)');
  share(needs, 'image', 'kernel')
    .option('--remembered', 'only what earlier boots have shown: boot nothing')
    .option('-o, --output <file>', 'write the table that `split rebase --boot` reads');
  share(needs, 'accel', 'jobs', 'results', 'json').action(showNeeds);
  const check = command
    .command('check')
    .description('check every scenario file and report all errors; exit 2 if there are any')
    .argument('[dir]', "a folder of scenario files instead of the project's and the package's");
  share(check, 'json').action(async (dir: string | undefined, { json }: SharedFlags) => {
    const { loadScenarios } = await import('../scenarios/load.js');
    const { length } = await loadScenarios(dir);
    if (json) printJson({ valid: length });
    else print(`${length} scenarios are valid`);
  });
  return command;
}

interface NeedsFlags extends SharedFlags {
  remembered?: boolean;
  output?: string;
}

async function showNeeds(patterns: string[], flags: NeedsFlags): Promise<void> {
  const { withSession } = await import('./session.js');
  const { Executor } = await import('../boot/executor.js');
  const { makeRunFolder } = await import('../results/folder.js');
  const { withoutUnmet } = await import('../run/unmet.js');
  const { needsText, recordNeeds } = await import('../search/needs-table.js');
  const { writeWhole } = await import('../write-whole.js');
  const { write } = await import('./output.js');
  await withSession(flags, async (session) => {
    const { cache, signal, say } = session;
    const image = await session.image('debian');
    const prepared = await session.prepareOne({ ...image, modules: { kind: 'all' } });
    const { boots } = await withoutUnmet({ boots: await chosen(patterns), skips: [] }, prepared);
    const accelerator = await session.accelerator(prepared);
    const jobs = flags.jobs;
    const table = await recordNeeds({
      prepared,
      scenarios: boots,
      executor: new Executor({ accelerator, cache, signal, onNote: say, ...(jobs ? { jobs } : {}) }),
      folder: flags.remembered ? '' : (await makeRunFolder(session.results, 'needs')).path,
      boot: !flags.remembered,
    });
    const count = Object.keys(table.scenarios).length;
    if (count < boots.length) say(`nothing is known of ${boots.length - count} of ${boots.length} scenarios`);
    if (flags.output) await writeWhole(flags.output, needsText(table));
    if (flags.json) printJson(table);
    else if (!flags.output) write(needsText(table));
  });
}

async function chosen(patterns: string[]) {
  const { loadScenarios } = await import('../scenarios/load.js');
  const { selectScenarios } = await import('../scenarios/select.js');
  const all = await loadScenarios();
  return patterns.length > 0 ? selectScenarios(all, patterns) : all;
}
