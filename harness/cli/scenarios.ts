import { Command } from 'commander';
import { jsonOption } from './options.js';

export function scenariosCommand(): Command {
  const command = new Command('scenarios').description('what there is to boot: list, show, check');
  command
    .command('list')
    .description('every scenario with its one sentence')
    .argument('[pattern...]', 'narrow the list')
    .addOption(jsonOption())
    .action(async (patterns: string[], flags: { json?: boolean }) => {
      const scenarios = await chosen(patterns);
      if (flags.json) return print(JSON.stringify(scenarios, null, 2));
      const width = Math.max(...scenarios.map(({ name }) => name.length));
      for (const { name, description } of scenarios) print(`${name.padEnd(width)}  ${description}`);
    });
  command
    .command('show')
    .description('one scenario as it is booted: machine, disks, NICs and steps')
    .argument('<pattern...>', 'which')
    .addOption(jsonOption())
    .action(async (patterns: string[], flags: { json?: boolean }) => {
      const scenarios = await chosen(patterns);
      if (flags.json) return print(JSON.stringify(scenarios, null, 2));
      const { stringify } = await import('yaml');
      for (const { file, line, ...scenario } of scenarios) {
        print(`# ${file}:${line}\n${stringify(scenario, { lineWidth: 0 }).trimEnd()}\n`);
      }
    });
  command
    .command('check')
    .description('read every scenario file and say all that is wrong; exit 2 if anything is')
    .argument('[dir]', 'a folder of scenario files instead of the shipped one')
    .action(async (dir?: string) => {
      const { scenariosDir } = await import('../paths.js');
      const { loadScenarios } = await import('../scenarios/load.js');
      const scenarios = await loadScenarios(dir ?? scenariosDir);
      print(`${scenarios.length} scenarios are well formed`);
    });
  return command;
}

async function chosen(patterns: string[]) {
  const { scenariosDir } = await import('../paths.js');
  const { loadScenarios } = await import('../scenarios/load.js');
  const { selectScenarios } = await import('../scenarios/select.js');
  const all = await loadScenarios(scenariosDir);
  return patterns.length > 0 ? selectScenarios(all, patterns) : all;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
