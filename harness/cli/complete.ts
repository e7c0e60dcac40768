import type { Argument, Command, Option } from 'commander';

/**
 * What could stand at a place of a command line, for the shells' completions: the commands and options are the program's own,
 * the names those of the project and of the package.
 */

/** Names that are only known when they are asked for. */
export type Names = 'scenarios' | 'images' | 'splits' | 'policies' | 'tags' | 'runs' | 'formats';
export type Lookup = (names: Names) => Promise<readonly string[]>;

/** By an option's long name, or an argument's; more words that it takes behind them. */
const OF_OPTION: Readonly<Record<string, [Names, ...string[]]>> = {
  image: ['images'],
  'reference-image': ['images'],
  modules: ['policies', 'all'],
  split: ['splits', 'packages'],
  against: ['splits'],
  tag: ['tags'],
  reporter: ['formats'],
  baseline: ['runs', 'latest'],
  resume: ['runs', 'latest'],
};
const OF_ARGUMENT: Readonly<Record<string, [Names, ...string[]]>> = {
  pattern: ['scenarios'],
  scenario: ['scenarios'],
  split: ['splits', 'packages'],
  run: ['runs', 'latest'],
  before: ['runs', 'latest'],
  after: ['runs', 'latest'],
};

/**
 * The words that fit.
 * @param words the command line, the program's name first; the last one is what has been typed so far, perhaps nothing.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  lookup: Lookup,
): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  let command = program;
  let pending: Option | undefined;
  let position = 0;
  for (const word of words.slice(1, -1)) {
    if (word.startsWith('-')) {
      const option = optionOf(command, word);
      pending = option && (option.required || option.optional) && !word.includes('=') ? option : undefined;
      continue;
    }
    if (pending) {
      if (!pending.variadic) pending = undefined;
      continue;
    }
    const child = command.commands.find((one) => one.name() === word);
    if (child) command = child;
    else position++;
  }
  const found = await candidates(command, { typed, pending, position }, lookup);
  return [...new Set(found)].filter((word) => word.startsWith(typed)).sort();
}

async function candidates(
  command: Command,
  at: { typed: string; pending: Option | undefined; position: number },
  lookup: Lookup,
): Promise<readonly string[]> {
  if (at.pending && !at.typed.startsWith('-')) return ofOption(at.pending, lookup);
  if (at.typed.startsWith('-'))
    return command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, short }) => long ?? short ?? '');
  const children = command.createHelp().visibleCommands(command);
  if (children.length > 0) return children.map((one) => one.name()).filter((name) => name !== 'help');
  const argument = command.registeredArguments[at.position] ?? command.registeredArguments.at(-1);
  return argument && (at.position < command.registeredArguments.length || argument.variadic)
    ? ofArgument(argument, lookup)
    : [];
}

function optionOf(command: Command, word: string): Option | undefined {
  const flag = word.split('=')[0];
  return command.options.find(({ long, short }) => long === flag || short === flag);
}

async function ofOption(option: Option, lookup: Lookup): Promise<readonly string[]> {
  if (option.argChoices) return option.argChoices;
  return named(OF_OPTION[option.name()], lookup);
}

async function ofArgument(argument: Argument, lookup: Lookup): Promise<readonly string[]> {
  if (argument.argChoices) return argument.argChoices;
  return named(OF_ARGUMENT[argument.name()], lookup);
}

async function named(of: [Names, ...string[]] | undefined, lookup: Lookup): Promise<readonly string[]> {
  if (!of) return [];
  const [names, ...more] = of;
  return [...(await lookup(names)), ...more];
}
