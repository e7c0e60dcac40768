import { Command, Option } from 'commander';
import { print, printJson } from './output.js';

interface Flags {
  kernel?: string[];
  json?: boolean;
}

export function initCommand(): Command {
  return new Command('init')
    .description(
      'write a starter for your own images, scenarios and CI jobs into a folder; files that are there stay as they are',
    )
    .argument('[folder]', 'where to (default: the working folder)')
    .addOption(
      new Option(
        '-k, --kernel <source...>',
        'kernel of the image (default: packages found in the folder, else apt:linux-image-amd64, else installed)',
      ),
    )
    .addOption(new Option('--json', 'print JSON on standard output'))
    .action(init);
}

async function init(folder = '.', flags: Flags): Promise<void> {
  const { writeStarter } = await import('../setup/starter.js');
  const { kernel, written, kept } = await writeStarter(folder, flags.kernel);
  if (flags.json) return printJson({ kernel, written, kept });
  for (const file of written) print(`written  ${file}`);
  for (const file of kept) print(`kept     ${file}`);
  if (written.length > 0) print(`next     bootgate run --image mine    (kernel: ${kernel.join(' ')})`);
}
