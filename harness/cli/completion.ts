import { readdir } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { complete, type Names } from './complete.js';
import { print, write } from './output.js';

/** Each asks `bootgate complete` for the words, and takes files where it has none. */
const SCRIPTS = {
  bash: `_bootgate() {
  local IFS=$'\\n'
  COMPREPLY=($(bootgate complete -- "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null))
}
complete -o default -F _bootgate bootgate
`,
  zsh: `#compdef bootgate
_bootgate() {
  local -a found
  found=(\${(f)"$(bootgate complete -- "\${(@)words[1,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -- $found; else _files; fi
}
compdef _bootgate bootgate
`,
  fish: `function __bootgate_complete
  set -l found (bootgate complete -- (commandline -opc) (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c bootgate -f -a '(__bootgate_complete)'
`,
} as const;

export function completionCommand(): Command {
  return new Command('completion')
    .description('print a completion script: commands, options, scenarios, images, splits and runs')
    .addArgument(new Argument('<shell>', 'whose').choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => write(SCRIPTS[shell]));
}

/** What the scripts ask: the words that fit at the end of a command line, one a line. */
export function completeCommand(): Command {
  return new Command('complete')
    .description('the words that fit at the end of a command line')
    .argument('[word...]', 'the command line')
    .action(async (words: string[], _: unknown, command: Command) => {
      for (const word of await complete(command.parent as Command, words, lookup)) print(word);
    });
}

async function lookup(names: Names): Promise<readonly string[]> {
  const { library } = await import('../library.js');
  switch (names) {
    case 'images':
    case 'splits':
    case 'policies':
      return library().names(names);
    case 'formats':
      return (await import('../report/reports.js')).REPORTS.map(({ format }) => format);
    case 'runs':
      return runNames();
    default:
      return scenarioWords(names);
  }
}

async function scenarioWords(which: 'scenarios' | 'tags'): Promise<string[]> {
  const { loadScenarios } = await import('../scenarios/load.js');
  const all = await loadScenarios();
  return which === 'tags'
    ? all.flatMap(({ tags = [] }) => tags)
    : all.flatMap(({ name, area }) => [name, area]);
}

async function runNames(): Promise<string[]> {
  const { resultsOf } = await import('./session.js');
  const names = await readdir(resultsOf({})).catch(() => []);
  return names.filter((name) => /^\d{8}-\d{6}-/.test(name));
}
