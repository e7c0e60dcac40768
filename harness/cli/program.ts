import { Command, CommanderError } from 'commander';
import { describeError, EXIT, exitCodeOf } from '../errors.js';
import { forTerminal } from '../printable.js';
import { packageVersion } from '../version.js';
import { bisectCommand } from './bisect.js';
import { buildCommand } from './build.js';
import { cacheCommand } from './cache.js';
import { compareCommand } from './compare.js';
import { completeCommand, completionCommand } from './completion.js';
import { doctorCommand } from './doctor.js';
import { helpOf } from './examples.js';
import { explainCommand } from './explain.js';
import { fixCommand } from './fix.js';
import { fleetCommand } from './fleet.js';
import { gateCommand } from './gate.js';
import { initCommand } from './init.js';
import { wasInterrupted } from './interrupt.js';
import { manCommand } from './man.js';
import { mergeCommand } from './merge.js';
import { minimizeCommand } from './minimize.js';
import { modulesCommand } from './modules.js';
import { mutateCommand } from './mutate.js';
import { projectOption } from './options.js';
import { reportCommand } from './report.js';
import { reproCommand } from './repro.js';
import { rightsizeCommand } from './rightsize.js';
import { runCommand } from './run.js';
import { scenariosCommand } from './scenarios.js';
import { serveCommand } from './serve.js';
import { setupCommand } from './setup.js';
import { shellCommand } from './shell.js';
import { splitCommand } from './split.js';
import { userlandCommand } from './userland.js';
import { workerCommand } from './worker.js';

/** Runs one command line to its end and returns its exit code, by the contract; a command leaves its own in process.exitCode. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    await declare().parseAsync([...argv]);
    return wasInterrupted() ? EXIT.interrupted : Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (wasInterrupted()) return EXIT.interrupted;
    // Commander has said what is wrong; its own status for wrong usage is 1.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    process.stderr.write(`${forTerminal(describeError(error))}\n`);
    return exitCodeOf(error);
  }
}

/** The whole program, as --help, the manual and the completions read it too. */
export function declare(): Command {
  const program = new Command('bootgate')
    .description(
      'Does this set of kernel modules still boot, with working storage, network, file systems and netfilter?\n' +
        'And if not: which module is missing, and which package has it?',
    )
    .version(packageVersion())
    .showHelpAfterError('(see --help)')
    .addHelpText(
      'after',
      `
Exit codes: 0 the gate holds, 1 a verdict or check failed, 2 wrong usage or input, 3 could not decide, 130 interrupted.

Examples:
  bootgate run --image debian-2014
  bootgate run 'storage/*' --image debian --modules my-modules.txt
  bootgate modules closure virtio_scsi --kernel apt:linux-image-amd64
  bootgate gate --image split-2014 --baseline results/main/run.json
  bootgate doctor`,
    );
  for (const command of [
    runCommand(),
    gateCommand(),
    buildCommand(),
    modulesCommand(),
    splitCommand(),
    explainCommand(),
    fixCommand(),
    minimizeCommand(),
    bisectCommand(),
    rightsizeCommand(),
    reproCommand(),
    shellCommand(),
    scenariosCommand(),
    reportCommand(),
    compareCommand(),
    serveCommand(),
    mergeCommand(),
    workerCommand(),
    fleetCommand(),
    initCommand(),
    setupCommand(),
    userlandCommand(),
    cacheCommand(),
    doctorCommand(),
    completionCommand(),
    manCommand(),
  ])
    program.addCommand(command);
  program.addCommand(mutateCommand(), { hidden: true });
  program.addCommand(completeCommand(), { hidden: true });
  finish(program);
  program.hook('preAction', async (_, action) => {
    const { openLibrary } = await import('../library.js');
    const { say } = await import('./output.js');
    await openLibrary(action.opts<{ project?: string }>().project, { log: say });
  });
  return program;
}

/** What all commands have: errors that are thrown, output that is made harmless, and --project on those that do something. */
function finish(command: Command): void {
  command.exitOverride();
  command.configureOutput({
    writeErr: (text) => process.stderr.write(forTerminal(text)),
    writeOut: (text) => process.stdout.write(forTerminal(text)),
  });
  if (command.commands.length === 0)
    command.addOption(projectOption()).addHelpText('after', () => helpOf(command));
  for (const child of command.commands) finish(child);
}
