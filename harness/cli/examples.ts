import type { Command } from 'commander';

const known = new WeakMap<Command, Example[]>();

/** A command line without `bootgate`, and what it does. */
export type Example = readonly [line: string, what: string];

/** Adds examples to a command's --help and its page of the manual. */
export function examples(command: Command, list: Example[]): Command {
  known.set(command, list);
  return command.addHelpText('after', () => {
    const lines = list.map(([line, what]) => `  $ bootgate ${line}\n      ${what}`);
    return `\nExamples:\n${lines.join('\n')}`;
  });
}

export function examplesOf(command: Command): readonly Example[] {
  return known.get(command) ?? [];
}
