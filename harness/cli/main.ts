#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describeError, EXIT, exitCodeOf } from '../errors.js';
import { packageRoot } from '../paths.js';
import { buildCommand } from './build.js';
import { compareCommand } from './compare.js';
import { doctorCommand } from './doctor.js';
import { explainCommand } from './explain.js';
import { fixCommand } from './fix.js';
import { gateCommand } from './gate.js';
import { wasInterrupted } from './interrupt.js';
import { modulesCommand } from './modules.js';
import { mutateCommand } from './mutate.js';
import { reportCommand } from './report.js';
import { runCommand } from './run.js';
import { scenariosCommand } from './scenarios.js';
import { splitCommand } from './split.js';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('bootgate')
  .description(
    'Does this set of kernel modules still boot, and still do storage, network, file systems and netfilter?\n' +
      'And if not: which module is missing, and which package has it?',
  )
  .version(version)
  .showHelpAfterError('(see --help)')
  .addHelpText(
    'after',
    `
Exit codes: 0 the gate holds, 1 a verdict or check says no, 2 wrong usage or input, 3 could not decide, 130 interrupted.

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
  scenariosCommand(),
  reportCommand(),
  compareCommand(),
  doctorCommand(),
])
  program.addCommand(command);

program.addCommand(mutateCommand(), { hidden: true });

/** Commander ends the process with status 1 for wrong usage; by the contract that is 2. */
function endWithContract(command: Command): void {
  command.exitOverride((error) => {
    process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  });
  for (const child of command.commands) endWithContract(child);
}
endWithContract(program);

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok); // `bootgate modules list | head`
  // Half an answer that ends with 0 would be taken for the whole.
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(exitCodeOf(error));
});

try {
  await program.parseAsync();
} catch (error) {
  if (!wasInterrupted()) process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = wasInterrupted() ? EXIT.interrupted : exitCodeOf(error);
}
