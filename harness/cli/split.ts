import { Command, InvalidArgumentError, Option } from 'commander';
import { jsonOption, kernelOption } from './options.js';
import type { RebaseFlags, SplitFlags } from './splitdata.js';

/** Declares `bootgate split`; the work is loaded when it is asked for. */
export function splitCommand(): Command {
  const command = new Command('split').description(
    'package splits: place every module, check them without booting, weigh them',
  );
  command.addCommand(
    splitSubcommand('show', 'show which package has each module, and by which rule')
      .addOption(new Option('--as <what>', 'what to print').choices(['table', 'yaml', 'list']))
      .option('-m, --module <name...>', 'only these modules, and why they are in their packages')
      .option('-p, --package <name...>', 'only the modules of these packages')
      .action(async (source: string, flags: SplitFlags) =>
        (await import('./splitshow.js')).show(source, flags),
      ),
  );
  command.addCommand(
    splitSubcommand('sets', 'list the install sets: what machines can have installed').action(
      async (source: string, flags: SplitFlags) => (await import('./splitshow.js')).sets(source, flags),
    ),
  );
  command.addCommand(
    splitSubcommand('check', 'check without booting; exit 1 if a finding is an error')
      .option('--no-files', 'do not look into the modules for vermagic, signatures and firmware')
      .addOption(
        new Option('--severity <least>', 'least severity to print').choices(['error', 'warning', 'note']),
      )
      .action(async (source: string, flags: SplitFlags) =>
        (await import('./splitcheck.js')).check(source, flags),
      ),
  );
  command.addCommand(
    splitSubcommand('size', 'bytes by package, subsystem and install set; exit 1 when over budget')
      .option('--compressed', 'also the sizes under xz and zstd (takes minutes, once for each kernel)')
      .option('--against <split>', 'compare with another split, a run, or the output of `split size --json`')
      .option(
        '--against-kernel <source...>',
        'compare with that kernel, with this split or that of --against',
      )
      .option('--threshold <size>', 'the least saving that is worth it, such as 20MiB; exit 1 below it')
      .option('--threshold-percent <n>', 'the least saving in percent of the size before')
      .option('--initramfs <file>', 'include this initramfs')
      .action(async (source: string, flags: SplitFlags) =>
        (await import('./splitsize.js')).size(source, flags),
      ),
  );
  command.addCommand(
    splitArguments('rebase', 'what a newer kernel means for a split; exit 1 if it no longer fits')
      .requiredOption('--from <source...>', 'the kernel that the split was made for, as for --kernel')
      .requiredOption('--to <source...>', 'the kernel that it has to fit')
      .addOption(
        new Option('--least <percent>', 'least confidence of a suggestion (default: 80)').argParser(share),
      )
      .option('--growth <size>', 'least growth of a module to report (default: 256KiB)')
      .option('--no-files', 'do not look into the modules for firmware')
      .option('-w, --write', 'write the suggested moves into the split, in its own format')
      .option(
        '--boot',
        'then boot the scenarios that the changes may affect, and only those, on the newer kernel',
      )
      .option('--install <set...>', 'with --boot: install sets to boot (default: each)')
      .option('--scenario <pattern...>', 'with --boot: of these scenarios (default: those tagged quick)')
      .action(async (source: string, flags: RebaseFlags) =>
        (await import('./splitrebase.js')).rebaseSplit(source, flags),
      ),
  );
  return command;
}

/** `80` -> 0.8 */
function share(text: string): number {
  const value = Number(text.trim() || Number.NaN);
  if (value >= 0 && value <= 100) return value / 100;
  throw new InvalidArgumentError('expected a number from 0 to 100');
}

function splitSubcommand(name: string, description: string): Command {
  return splitArguments(name, description).addOption(kernelOption());
}

function splitArguments(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument(
      '<split>',
      'a file, a folder, a name under images/splits, or `packages` for those given with --kernel',
    )
    .addOption(new Option('--format <name>', "the split's format, if its file does not show it"))
    .addOption(new Option('--arch <name>', 'as the distribution spells it: x86_64, amd64'))
    .addOption(new Option('--flavour <name>', 'Debian: amd64, SUSE: default'))
    .addOption(new Option('--variant <name...>', "Fedora's variants, for if_variant_in: rt"))
    .addOption(jsonOption());
}
