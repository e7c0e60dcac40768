import { Command, Option } from 'commander';
import { jsonOption, kernelOption } from './options.js';
import type { SplitFlags } from './splitdata.js';

/** Declares `bootgate split`; the work is loaded when it is asked for. */
export function splitCommand(): Command {
  const command = new Command('split').description(
    'package splits: place every module, check them without booting, weigh them',
  );
  command.addCommand(
    splitSubcommand('show', 'which module is in which package, by which rule')
      .addOption(new Option('--as <what>', 'what to print').choices(['table', 'yaml', 'list']))
      .option('-m, --module <name...>', 'only these modules, and why they are where they are')
      .option('-p, --package <name...>', 'only the modules of these packages')
      .action(async (source: string, flags: SplitFlags) =>
        (await import('./splitshow.js')).show(source, flags),
      ),
  );
  command.addCommand(
    splitSubcommand('sets', 'the install sets: what machines can have installed').action(
      async (source: string, flags: SplitFlags) => (await import('./splitshow.js')).sets(source, flags),
    ),
  );
  command.addCommand(
    splitSubcommand('check', 'what can be said without booting; exit 1 when a finding is an error')
      .option('--no-files', 'do not look into the modules for vermagic, signatures and firmware')
      .addOption(
        new Option('--severity <least>', 'print this and worse').choices(['error', 'warning', 'note']),
      )
      .action(async (source: string, flags: SplitFlags) =>
        (await import('./splitcheck.js')).check(source, flags),
      ),
  );
  command.addCommand(
    splitSubcommand('size', 'bytes by package, subsystem and install set; exit 1 when over budget')
      .option('--compressed', 'also as xz and zstd would make it (minutes, once for each kernel)')
      .option(
        '--against <split>',
        'what changed: from another split, a run, or what `split size --json` printed',
      )
      .option(
        '--against-kernel <source...>',
        'what changed from that kernel, with this split or that of --against',
      )
      .option('--threshold <size>', 'the least saving that is worth it, such as 20MiB; exit 1 below it')
      .option('--threshold-percent <n>', 'and the least in percent of what was')
      .option('--initramfs <file>', 'count this initramfs in')
      .action(async (source: string, flags: SplitFlags) =>
        (await import('./splitsize.js')).size(source, flags),
      ),
  );
  return command;
}

function splitSubcommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument(
      '<split>',
      'a file, a folder, a name under images/splits, or `packages` for those given with --kernel',
    )
    .addOption(kernelOption())
    .addOption(new Option('--format <name>', "the split's format, where its file does not tell"))
    .addOption(new Option('--arch <name>', 'as the distribution spells it: x86_64, amd64'))
    .addOption(new Option('--flavour <name>', 'Debian: amd64, SUSE: default'))
    .addOption(new Option('--variant <name...>', "Fedora's variants, for if_variant_in: rt"))
    .addOption(jsonOption());
}
