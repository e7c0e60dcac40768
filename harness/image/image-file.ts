import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { readDocument } from '../document.js';
import { userError } from '../errors.js';
import { expandSources } from '../kernel/expand.js';
import { isKernelPath } from '../kernel/source.js';
import { library } from '../library.js';
import { STDIN } from '../modules/list.js';
import { imagesDir } from '../paths.js';
import { didYouMean } from '../suggest.js';
import { parseBytes } from '../units.js';
import { type GateSection, gateSchema } from './gate-section.js';

/** Where an image's modules come from. */
const moduleSource = z
  .union([
    z.literal('all').describe('the full module tree'),
    z.strictObject({
      policy: z.string().describe('include and exclude rules: a YAML file, or a name under policies/'),
    }),
    z.strictObject({ list: z.string().describe('a module list, a text file') }),
    z.strictObject({
      split: z
        .string()
        .describe(
          'a package split: a file or folder, a name under splits/, or `packages` for the package files of `kernel:`',
        ),
      format: z.string().optional().describe('of the split, if its name does not show it'),
      install: z
        .union([z.string(), z.array(z.string()).min(1)])
        .default('each')
        .describe('packages that are installed, dependencies included: `core`, `core,extra`, or `each`'),
    }),
  ])
  .describe('which modules the guest may load');

export const imageSchema = z
  .strictObject({
    version: z.literal(1).describe('of this format'),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]*$/, 'expected lower-case letters, digits, dots and dashes')
      .describe('names the run folder'),
    description: z.string().default('').describe('one sentence for people'),
    kernel: z
      .union([z.string(), z.array(z.string()).min(1)])
      .describe(
        'apt:NAME, package files, a folder or glob of them, a folder with a kernel, vmlinuz and a modules folder, installed or installed:RELEASE; several for a split kernel',
      ),
    modules: moduleSource.default('all'),
    scenarios: z
      .array(z.string())
      .min(1)
      .default(['*'])
      .describe('patterns of the scenarios that this image is expected to pass'),
    skip: z
      .array(z.strictObject({ scenario: z.string(), reason: z.string().min(1) }))
      .default([])
      .describe('scenarios that this kernel is not built for, each with the reason'),
    budgets: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .default({})
      .describe(
        'limits that `gate` holds: vmlinuz, initramfs, modules, total, memory (of a guest after boot), or an install set; `60 MiB`',
      ),
    gate: gateSchema.default({ growth: {} }),
  })
  .describe('One bootable thing under test: kernel, module set and userland');

/** What `modules:` of an image or `--modules` resolved to. */
export type ModuleSource =
  | { kind: 'all' }
  | { kind: 'policy'; file: string }
  | { kind: 'list'; file: string }
  /** One module set for each of `install`: what those packages hold, nothing added back. */
  | { kind: 'split'; file: string; format: string | undefined; install: string[] };

/** An image as it will be built: the file's words with the command line's laid over them, paths absolute. */
export interface Image {
  name: string;
  description: string;
  file: string;
  kernel: string[];
  modules: ModuleSource;
  scenarios: string[];
  skip: { scenario: string; reason: string }[];
  /** Bytes, by what they limit. */
  budgets: Record<string, number>;
  gate: GateSection;
}

/** What the command line may lay over an image. */
export interface ImageOverrides {
  kernel?: string[];
  /** A module list, a policy (.yaml), or `all`. */
  modules?: string;
  /** A package split, and which of its packages are installed. */
  split?: string;
  install?: string[];
}

/**
 * Reads an image file, or the image of that name under images/.
 * @throws BootgateError blame `user` with every problem at file:line:col.
 */
export async function loadImage(nameOrFile: string, overrides: ImageOverrides = {}): Promise<Image> {
  const file = findImage(nameOrFile);
  const { value, problem } = await readDocument(file, imageSchema);
  const budgets = Object.entries(value.budgets).map(
    ([name, size]) => [name, parseBytes(String(size))] as const,
  );
  const wrong = budgets.filter(([, bytes]) => bytes === undefined);
  if (wrong.length > 0)
    throw userError('E_DOCUMENT', `${file} is invalid`, {
      problems: wrong.map(([name]) => problem(['budgets', name], 'expected a size such as 60 MiB')),
    });
  const beside = (path: string) => (isAbsolute(path) ? path : join(dirname(file), path));
  const kernel = expandSources(
    overrides.kernel?.length
      ? overrides.kernel
      : [value.kernel].flat().map((source) => (isKernelPath(source) ? beside(source) : source)),
  );
  return {
    name: value.name,
    description: value.description,
    file,
    kernel,
    modules:
      overrideModules(overrides) ??
      withInstall(readModuleSource(value.modules, beside), overrides.install, file),
    scenarios: value.scenarios,
    skip: value.skip,
    budgets: Object.fromEntries(budgets) as Record<string, number>,
    gate: value.gate,
  };
}

/** The image file that a kernel alone is tested as: everything that it has. */
const WHOLE_TREE = 'debian';

/**
 * The image of `--kernel` without `--image`: that kernel with its full module tree, or with the modules that the command line says,
 * under the kernel's own name. It needs no image file, so the package's plain one is under it, whatever the project has.
 */
export async function imageOfKernel(kernel: readonly string[], overrides: ImageOverrides): Promise<Image> {
  const image = await loadImage(join(imagesDir, `${WHOLE_TREE}.yaml`), { ...overrides, kernel: [...kernel] });
  return { ...image, name: nameOfKernel(kernel), description: '' };
}

/** `apt:linux-image-amd64` -> `linux-image-amd64`, `build/linux-image-6.1_6.1-1_amd64.deb` -> `linux-image-6.1`. */
export function nameOfKernel([first = '']: readonly string[]): string {
  const base = first.startsWith('apt:') ? first.slice(4).replace(/[=/].*$/, '') : basename(resolve(first));
  const name = first.startsWith('installed') ? first : base.replace(/\.(u?deb|rpm)$/, '').replace(/_.*$/, '');
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|-+$/g, '')
    .slice(0, 80);
  return plain || 'kernel';
}

function readModuleSource(
  value: z.infer<typeof moduleSource>,
  beside: (path: string) => string,
): ModuleSource {
  if (value === 'all') return { kind: 'all' };
  // Beside the image's file first: that is what its author sees.
  const named = (shelf: 'splits' | 'policies', name: string) =>
    existsSync(beside(name)) ? beside(name) : (library().find(shelf, name) ?? beside(name));
  if ('policy' in value) return { kind: 'policy', file: named('policies', value.policy) };
  if ('list' in value) return { kind: 'list', file: beside(value.list) };
  return {
    kind: 'split',
    file: value.split === 'packages' ? value.split : named('splits', value.split),
    format: value.format,
    install: [value.install].flat(),
  };
}

function overrideModules({ modules, split, install }: ImageOverrides): ModuleSource | undefined {
  if (modules && split)
    throw userError('E_USAGE', '--modules and --split cannot be combined', {
      hint: 'give one of them',
    });
  if (split)
    return {
      kind: 'split',
      file: findSplit(split),
      format: undefined,
      install: install ?? ['each'],
    };
  return modules ? moduleSourceOf(modules) : undefined;
}

/** A split as a person names it: `packages`, a path from the working folder, or a name under splits/. */
export function findSplit(name: string): string {
  if (name === 'packages') return name;
  const found = existsSync(name) ? resolve(name) : library().find('splits', name);
  if (found) return found;
  const names = library().names('splits');
  throw userError('E_SPLIT_NOT_FOUND', `no split ${name}${didYouMean(name, names)}`, {
    hint: `give a file, a folder, \`packages\`, or one of: ${names.join(', ')}`,
  });
}

/** `--install` narrows an image's own split. */
function withInstall(source: ModuleSource, install: string[] | undefined, file: string): ModuleSource {
  if (!install) return source;
  if (source.kind === 'split') return { ...source, install };
  throw userError('E_USAGE', `--install names packages of a split, and ${file} has none`, {
    hint: 'give the split with --split',
  });
}

/** `--modules all`, `--modules POLICY.yaml`, `--modules LIST`, `-` for a list on standard input, or the name of a policy under policies/. */
function moduleSourceOf(text: string): ModuleSource {
  if (text === 'all') return { kind: 'all' };
  if (text === STDIN) return { kind: 'list', file: STDIN };
  const policy = existsSync(text) ? undefined : library().find('policies', text);
  if (policy) return { kind: 'policy', file: policy };
  const meant = existsSync(text) || text.includes('/') ? '' : didYouMean(text, library().names('policies'));
  if (meant)
    throw userError('E_MODULES_NOT_FOUND', `--modules ${text}: no such file or policy${meant}`, {
      hint: 'give a list, a policy, or `all`',
    });
  return { kind: /\.ya?ml$/.test(text) ? 'policy' : 'list', file: resolve(text) };
}

function findImage(nameOrFile: string): string {
  if (existsSync(nameOrFile) && /\.ya?ml$/.test(nameOrFile)) return resolve(nameOrFile);
  const found = library().find('images', nameOrFile);
  if (found) return found;
  const names = library().names('images');
  throw userError('E_IMAGE_NOT_FOUND', `no image ${nameOrFile}${didYouMean(nameOrFile, names)}`, {
    hint: `give a YAML file, or one of: ${names.join(', ')}`,
  });
}
