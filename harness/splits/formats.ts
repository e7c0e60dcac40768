import { userError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import type { SplitReader } from './split.js';

/** One row of the table: a format that a split can be written in. */
export interface SplitFormat {
  /** As --format and an image's `format:` spell it. */
  name: string;
  /** What a user looks for, in hints. */
  title: string;
  /** Base names that tell the format. */
  names?: RegExp;
  /** Whether a text tells the format, where no name does. @param head The first 64 KiB. @param name The base name. */
  text?(head: string, name: string): boolean;
  /** A folder can be given: the reader takes the folder (`whole`), or the only file of the format in it (`one`). */
  folder?: 'whole' | 'one';
  /** A folder that must lie beside the file that tells the format; the reader then takes their parent. */
  beside?: string;
  /** What the reader takes from its options: the modules' own `depends=`, the package files of the kernel. */
  needs?: readonly ('direct' | 'packages')[];
  reader(): Promise<SplitReader>;
}

/** Every format. Names are asked first; then texts, in this order. */
export const SPLIT_FORMATS: readonly SplitFormat[] = [
  {
    name: 'fedora-variants',
    title: 'def_variants.yaml',
    names: /^def_variants\.ya?ml(\..+)?$/,
    text: (head) => /^rules:/m.test(head) && /^packages:/m.test(head) && !/^version:/m.test(head),
    folder: 'one',
    reader: async () => (await import('./fedora-variants.js')).readFedoraVariants,
  },
  {
    name: 'fedora-filters',
    title: 'filter-modules.sh',
    names: /^filter-modules\.sh(\..+)?$/,
    folder: 'whole',
    needs: ['direct'],
    reader: async () => (await import('./fedora-filters.js')).readFedoraFilters,
  },
  {
    name: 'kernel-wedge',
    title: 'package-list with modules/',
    names: /^package-list$/,
    folder: 'whole',
    beside: 'modules',
    reader: async () => (await import('./kernel-wedge.js')).readKernelWedge,
  },
  {
    name: 'ubuntu',
    title: '*.inclusion-list',
    names: /\.inclusion-list$/,
    folder: 'one',
    reader: async () => (await import('./ubuntu.js')).readUbuntu,
  },
  {
    name: 'suse-supported',
    title: 'supported.conf',
    names: /^supported\.conf$/,
    folder: 'one',
    reader: async () => (await import('./suse-supported.js')).readSuseSupported,
  },
  {
    name: 'suse-base',
    title: 'a spec with `%define modules`',
    text: (head) => /^\s*%(define|global)\s+modules\s/m.test(head),
    reader: async () => (await import('./suse-base.js')).readSuseBase,
  },
  {
    name: 'rpm-spec',
    title: 'a spec whose %files name folders of /lib/modules',
    text: (_, name) => /\.spec$/.test(name),
    folder: 'one',
    reader: async () => (await import('./rpmspec.js')).readRpmSpec,
  },
  {
    name: 'openwrt',
    title: '*.mk with KernelPackage',
    text: (head, name) => name.endsWith('.mk') && /^define KernelPackage\//m.test(head),
    folder: 'whole',
    reader: async () => (await import('./openwrt.js')).readOpenWrt,
  },
  {
    name: 'yocto',
    title: 'a recipe that names kernel-module-NAME',
    text: (head, name) =>
      /\.(bb|bbappend|bbclass|inc|conf)$/.test(name) && /\bkernel-module(-|s\b)/.test(head),
    folder: 'one',
    reader: async () => (await import('./yocto.js')).readYocto,
  },
  {
    name: 'android-gki',
    title: 'gki_*_modules, modules.load',
    names: /^(gki_\w*modules|\w*system_dlkm\w*modules|modules\.load(\.\w+)?)$/,
    folder: 'one',
    reader: async () => (await import('./modulelists.js')).readGkiList,
  },
  {
    name: 'talos',
    title: 'modules-amd64.txt',
    names: /^modules-(amd64|arm64)\.txt$/,
    reader: async () => (await import('./modulelists.js')).readTalosList,
  },
  {
    name: 'mkinitfs',
    title: 'features.d/*.modules',
    names: /\.modules$/,
    folder: 'whole',
    reader: async () => (await import('./modulelists.js')).readMkinitfs,
  },
  {
    name: 'packages',
    title: '`packages`',
    needs: ['packages'],
    reader: async () => {
      const { splitFromPackages } = await import('./packages.js');
      return async (_, index, { packages }) => splitFromPackages(packages ?? [], index);
    },
  },
  {
    name: 'bootgate',
    title: "bootgate's own YAML",
    text: (head, name) => (/^version:/m.test(head) && /^packages:/m.test(head)) || /\.ya?ml$/.test(name),
    reader: async () => (await import('./own.js')).readOwn,
  },
];

const FORMAT_NAMES = SPLIT_FORMATS.map(({ name }) => name);

/** The row that a user's word means. @throws BootgateError blame `user`, E_SPLIT_FORMAT. */
export function parseFormat(word: string): SplitFormat {
  const found = SPLIT_FORMATS.find(({ name }) => name === word);
  if (!found)
    throw userError('E_SPLIT_FORMAT', `unknown split format ${word}${didYouMean(word, FORMAT_NAMES)}`, {
      hint: `known: ${FORMAT_NAMES.join(', ')}`,
    });
  return found;
}
