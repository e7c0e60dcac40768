import { InvalidArgumentError, Option } from 'commander';

/** Options that several commands share. None has a default here: precedence is flag, environment, file, default. */

export const imageOption = () =>
  new Option('-i, --image <file>', 'image to test: a YAML file, or a name under images/');
export const kernelOption = () =>
  new Option(
    '-k, --kernel <source...>',
    'kernel: apt:NAME, .deb/.rpm/.udeb files, a folder, installed or installed:RELEASE',
  );
export const modulesOption = () =>
  new Option('-m, --modules <file>', 'module list, policy (.yaml) or `all`, instead of what the image says');
export const tagOption = () =>
  new Option('--tag <tag...>', 'only scenarios with one of these tags: quick (the default), wide');
export const strictOption = () =>
  new Option('--strict', 'refuse to add modules that the set needs: say which and exit 1');
export const jsonOption = () => new Option('--json', 'answer as JSON on standard output');
export const deliveryOption = () =>
  new Option('--delivery <how>', 'how module files reach the guest').choices(['window', 'archive']);

/** A whole number from 1 up, for commander. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected a whole number from 1 up');
  return value;
}
