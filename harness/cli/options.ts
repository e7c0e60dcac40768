import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ModuleDelivery } from '../initramfs/initramfs.js';
import type { Userland } from '../initramfs/tool-source.js';

/** What the shared options of a command line come to. None has a default here: precedence is flag, environment, file, default. */
export interface SharedFlags {
  project?: string;
  image?: string;
  tag?: string[];
  kernel?: string[];
  modules?: string;
  split?: string;
  install?: string[];
  strict?: boolean;
  allowMissing?: boolean;
  accel?: 'auto' | 'kvm' | 'tcg';
  jobs?: number;
  shard?: { index: number; count: number };
  timings?: string;
  queue?: string;
  store?: string;
  reporter?: string[];
  quiet?: boolean;
  timeoutScale?: number;
  results?: string;
  delivery?: ModuleDelivery;
  userland?: Userland;
  reference?: 'always' | 'failures' | 'never';
  fast?: boolean;
  recheck?: number;
  seed?: string;
  cold?: boolean;
  json?: boolean;
  verbose?: boolean;
}

/** Every option that more than one command has, with its help: declared here and nowhere else. */
const OPTIONS = {
  project: () =>
    new Option(
      '--project <dir>',
      'your own scenarios and images (default: the nearest folder upwards with a bootgate.yaml)',
    ),
  image: () => new Option('-i, --image <file>', 'image to test: a YAML file, or a name under images/'),
  tag: () => new Option('--tag <tag...>', 'only scenarios with one of these tags: quick (the default), wide'),
  kernel: () =>
    new Option(
      '-k, --kernel <source...>',
      'kernel: apt:NAME, .deb/.rpm/.udeb files (also a folder or a glob of them), a folder, vmlinuz and a modules folder, installed or installed:RELEASE; without --image, its full module tree',
    ),
  modules: () =>
    new Option(
      '-m, --modules <file>',
      'module list (also lsmod, modules.dep, insmod, dracut ... as they are; - reads standard input), policy (.yaml) or `all`, instead of what the image says',
    ),
  split: () =>
    new Option(
      '-s, --split <file>',
      'a package split: a file, a name under splits/, or `packages` for the files of --kernel',
    ),
  install: () => new Option('--install <set...>', 'install sets to boot: core, core,extra, or each'),
  strict: () => new Option('--strict', 'do not add missing dependencies: name them and exit 1'),
  allowMissing: () =>
    new Option(
      '--allow-missing',
      'names of a module list that this kernel does not have are listed, not refused',
    ),
  accel: () => new Option('--accel <which>', 'accelerator').choices(['auto', 'kvm', 'tcg']),
  jobs: () =>
    new Option('-j, --jobs <n>', 'guests to run at once (default: as many as fit)').argParser(wholeNumber),
  shard: () =>
    new Option(
      '--shard <i/n>',
      'boot only part I of N, the same on every machine; `bootgate merge` makes one run of the parts',
    ).argParser(shard),
  timings: () =>
    new Option(
      '--timings <run>',
      'balance shards by the seconds of this run, or of a JSON file {"SCENARIO": SECONDS}',
    ),
  queue: () =>
    new Option(
      '--queue <url>',
      'let `bootgate worker` on other hosts boot the guests: redis://HOST:6379, rediss:// for TLS (password: BOOTGATE_QUEUE_PASSWORD)',
    ),
  store: () =>
    new Option(
      '--store <place>',
      'with --queue: where hosts exchange files by digest, a shared folder or an http(s) URL (default: BOOTGATE_STORE)',
    ),
  reporter: () =>
    new Option(
      '--reporter <name[=file]>',
      'what to print: terminal, tap, json, or any format of `report`; again with a file for more of them (default: terminal)',
    ).argParser((text: string, before: string[] = []) => [...before, text]),
  quiet: () => new Option('-q, --quiet', 'print only what explains failures, and the verdict'),
  timeoutScale: () =>
    new Option('--timeout-scale <x>', 'multiply all deadlines, for a slow host (default: 1)').argParser(
      positive,
    ),
  results: () =>
    new Option('--results <dir>', 'where runs are stored (default: BOOTGATE_RESULTS, else results)'),
  delivery: () =>
    new Option('--delivery <how>', 'how module files reach the guest').choices(['window', 'archive']),
  userland: () =>
    new Option(
      '--userland <which>',
      "the guest's tools: this machine's, or the packages of userland.lock (default: host; packages for another architecture)",
    ).choices(['host', 'packages']),
  reference: () =>
    new Option(
      '--reference <when>',
      'boot the full module tree too, to compare (default: for failures)',
    ).choices(['always', 'failures', 'never']),
  fast: () =>
    new Option(
      '--fast',
      'clone guests from one that has booted already; failures, and what cannot be cloned, are booted in full',
    ),
  recheck: () =>
    new Option(
      '--recheck <percent>',
      'with --fast, also boot this share of the passes in full, and compare (default: 10%)',
    ).argParser(percent),
  seed: () =>
    new Option('--seed <text>', 'which passes --recheck picks (default: different ones in each run)'),
  cold: () =>
    new Option('--cold', 'boot every trial in full instead of cloning a guest that has booted already'),
  json: () => new Option('--json', 'print JSON on standard output'),
  verbose: () => new Option('-v, --verbose', 'print the log on standard error too'),
} as const;

/** Adds shared options to a command, in this order. */
export function share(command: Command, ...names: (keyof typeof OPTIONS)[]): Command {
  for (const name of names) command.addOption(OPTIONS[name]());
  return command;
}

export const projectOption = OPTIONS.project;
export const imageOption = OPTIONS.image;
export const kernelOption = OPTIONS.kernel;
export const modulesOption = OPTIONS.modules;
export const strictOption = OPTIONS.strict;
export const allowMissingOption = OPTIONS.allowMissing;
export const jsonOption = OPTIONS.json;

/** `10%` or `10`, 0 to 100, for commander. */
function percent(text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?) ?%?$/.exec(text) ?? [];
  const value = Number(digits);
  if (digits === undefined || value > 100) throw new InvalidArgumentError('expected a percentage: 10%');
  return value;
}

/** A whole number from 1 up, for commander. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected a whole number from 1 up');
  return value;
}

/** `3/8`, for commander. */
function shard(text: string): { index: number; count: number } {
  const [, index = 0, count = 0] = (/^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > count)
    throw new InvalidArgumentError('expected I/N with I from 1 to N, such as 3/8');
  return { index, count };
}

/** A number above 0, for commander. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('expected a number above 0');
  return value;
}
