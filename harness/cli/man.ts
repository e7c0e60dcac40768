import { Command } from 'commander';
import { examplesOf, pathOf } from './examples.js';
import { write } from './output.js';

/** `bootgate man`: the manual page, made from the same declarations as --help. */
export function manCommand(): Command {
  return new Command('man')
    .description('print the manual page bootgate(1)')
    .action((_: unknown, command: Command) => write(manual(command.parent as Command)));
}

/** The page in the man macros (man(7)). */
export function manual(program: Command): string {
  const [first = '', ...rest] = program.description().split('\n');
  return [
    `.TH BOOTGATE 1 "" "bootgate ${program.version() ?? ''}" "User Commands"`,
    '.SH NAME',
    'bootgate \\- boots trimmed and split kernels in QEMU and names the module that is missing',
    '.SH SYNOPSIS',
    '.B bootgate',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    text(first),
    ...rest.map(text),
    '.SH COMMANDS',
    ...leaves(program).flatMap(section),
    '.SH EXIT STATUS',
    ...[
      ['0', 'The gate holds.'],
      ['1', 'A verdict or check failed.'],
      ['2', 'Wrong usage or input.'],
      ['3', 'Could not decide: the host was at fault.'],
      ['130', 'Interrupted.'],
    ].flatMap(([code, what]) => ['.TP', `.B ${code}`, what ?? '']),
    '.SH ENVIRONMENT',
    ...[
      ['BOOTGATE_CACHE', 'The cache, instead of ~/.cache/bootgate.'],
      ['BOOTGATE_RESULTS', 'Where runs are stored, instead of results.'],
      ['BOOTGATE_IMAGE', 'The image, where no --image is given.'],
      ['BOOTGATE_PROJECT', 'The folder of bootgate.yaml, where no --project is given.'],
      ['NO_COLOR, FORCE_COLOR', 'Whether output is coloured.'],
    ].flatMap(([name, what]) => ['.TP', `.B ${name}`, what ?? '']),
    '',
  ].join('\n');
}

/** The commands that do something, in the order of --help. */
export function leaves(command: Command): Command[] {
  const children = command.createHelp().visibleCommands(command);
  return children
    .filter((one) => one.name() !== 'help')
    .flatMap((one) => (one.commands.length > 0 ? leaves(one) : [one]));
}

function section(command: Command): string[] {
  const help = command.createHelp();
  const entry = (term: string, what: string) => ['.TP', `.B ${text(term)}`, text(what)];
  return [
    `.SS bootgate ${text(pathOf(command))} ${text(command.usage())}`,
    text(command.description()),
    ...help
      .visibleArguments(command)
      .flatMap((one) => entry(help.argumentTerm(one), help.argumentDescription(one))),
    ...help
      .visibleOptions(command)
      .flatMap((one) => entry(help.optionTerm(one), help.optionDescription(one))),
    ...examplesOf(command).flatMap(([line, what]) => [
      '.PP',
      text(what),
      '.EX',
      text(`    bootgate ${line}`),
      '.EE',
    ]),
  ];
}

/** Text that no macro or escape is read in: `\`, `-`, and a `.` or `'` at the beginning of a line. */
const text = (plain: string): string =>
  plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&')
    .replace(/\s+/g, ' ');
