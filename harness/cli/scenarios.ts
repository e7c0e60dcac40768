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

async function chosen(patterns: string[]) {
  const { loadScenarios } = await import('../scenarios/load.js');
  const { selectScenarios } = await import('../scenarios/select.js');
  const all = await loadScenarios();
  return patterns.length > 0 ? selectScenarios(all, patterns) : all;
}
