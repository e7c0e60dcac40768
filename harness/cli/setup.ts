import { Command, Option } from 'commander';

interface Flags {
  list?: boolean;
  wide?: boolean;
  targets?: string[];
}

export function setupCommand(): Command {
  return new Command('setup')
    .description(
      'install the system tools that bootgate needs (apt, dnf; as root or through sudo), or print the command that does',
    )
    .addOption(new Option('--list', 'say what is missing and what would be run; change nothing'))
    .addOption(new Option('--wide', 'also the tools of the scenarios that are tagged wide'))
    .addOption(
      new Option(
        '--targets <arch...>',
        'also what kernels of these architectures need: arm64 ppc64el riscv64 s390x',
      ),
    )
    .action(setup);
}

/** The exit code is the script's: 0 everything is here, 3 something cannot be installed from here. */
async function setup(flags: Flags): Promise<void> {
  const { installTools } = await import('../setup/install.js');
  process.exitCode = await installTools(flags);
}
