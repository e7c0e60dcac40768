import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { userError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { didYouMean } from '../suggest.js';
import { isFolder } from './kernel-wedge-lists.js';
import { requireRegular } from './lines.js';
import { type ReadSplitOptions, SPLIT_FORMATS, type Split, type SplitFormat } from './split.js';

/**
 * Reads a split of any known format and places every module of a tree.
 * @param source A file or folder, or `packages` for the package files that the kernel came in (`options.packages`).
 * @throws BootgateError blame `user`: E_SPLIT_FORMAT (unknown, or several in one folder), E_SPLIT and E_SPLIT_TEXT (what is wrong, and where).
 */
export async function readSplit(
  source: string,
  index: ModuleIndex,
  options: ReadSplitOptions = {},
): Promise<Split> {
  if (source === 'packages' && !existsSync(source)) {
    const { splitFromPackages } = await import('./packages.js');
    return splitFromPackages(options.packages ?? [], index);
  }
  const { format, path } = detectFormat(source, options.format);
  switch (format) {
    case 'bootgate':
      return (await import('./own.js')).readOwn(path, index, options);
    case 'fedora-variants':
      return (await import('./fedora-variants.js')).readFedoraVariants(path, index, options);
    case 'fedora-filters':
      return (await import('./fedora-filters.js')).readFedoraFilters(path, index, options);
    case 'kernel-wedge':
      return (await import('./kernel-wedge.js')).readKernelWedge(path, index, options);
    case 'ubuntu':
      return (await import('./ubuntu.js')).readUbuntu(path, index, options);
    case 'suse-supported':
      return (await import('./suse-supported.js')).readSuseSupported(path, index, options);
    case 'suse-base':
      return (await import('./suse-base.js')).readSuseBase(path, index, options);
    case 'packages':
      return (await import('./packages.js')).splitFromPackages(options.packages ?? [], index);
  }
}

/** What a name alone tells. */
const BY_NAME: [RegExp, SplitFormat][] = [
  [/^def_variants\.ya?ml(\..+)?$/, 'fedora-variants'],
  [/^filter-modules\.sh(\..+)?$/, 'fedora-filters'],
  [/\.inclusion-list$/, 'ubuntu'],
  [/^supported\.conf$/, 'suse-supported'],
  [/^package-list$/, 'kernel-wedge'],
];

/** Which format a file or folder is in, by name and, where that does not tell, by content. */
export function detectFormat(source: string, forced?: SplitFormat): { format: SplitFormat; path: string } {
  const path = resolve(source);
  if (!existsSync(path))
    throw userError('E_SPLIT_READ', `there is no split ${source}`, {
      hint: 'give a file or folder, or `packages` for the package files given with --kernel',
    });
  if (isFolder(path)) return inFolder(path, forced);
  requireRegular(path);
  if (forced) return { format: forced, path };
  const byName = BY_NAME.find(([pattern]) => pattern.test(basename(path)))?.[1];
  if (byName === 'kernel-wedge') return { format: byName, path: resolve(path, '..') };
  if (byName) return { format: byName, path };
  const head = readFileSync(path)
    .subarray(0, 1 << 16)
    .toString('latin1');
  if (/^\s*%(define|global)\s+modules\s/m.test(head)) return { format: 'suse-base', path };
  if (/^version:/m.test(head) && /^packages:/m.test(head)) return { format: 'bootgate', path };
  if (/^rules:/m.test(head) && /^packages:/m.test(head)) return { format: 'fedora-variants', path };
  if (/\.ya?ml$/.test(path)) return { format: 'bootgate', path };
  throw userError('E_SPLIT_FORMAT', `cannot tell the format of ${shownFile(path)}`, {
    hint: `say it with --format: ${SPLIT_FORMATS.join(', ')}`,
  });
}

function inFolder(path: string, forced?: SplitFormat): { format: SplitFormat; path: string } {
  const names = readdirSync(path).sort();
  const found = new Map<SplitFormat, string[]>();
  for (const name of names) {
    const format = BY_NAME.find(([pattern]) => pattern.test(name))?.[1];
    if (!format || (format === 'kernel-wedge' && !isFolder(join(path, 'modules')))) continue;
    found.set(format, [...(found.get(format) ?? []), name]);
  }
  const formats = forced ? [forced] : [...found.keys()];
  const [format] = formats;
  if (formats.length > 1)
    throw userError(
      'E_SPLIT_FORMAT',
      `${shownFile(path)} holds splits of several formats: ${formats.join(', ')}`,
      {
        hint: 'choose one with --format, or give the file itself',
      },
    );
  if (!format)
    throw userError('E_SPLIT_FORMAT', `${shownFile(path)} holds no split that bootgate knows`, {
      hint: 'known: def_variants.yaml, filter-modules.sh, package-list with modules/, *.inclusion-list, supported.conf',
    });
  if (format === 'kernel-wedge' || format === 'fedora-filters') return { format, path };
  const files = found.get(format) ?? [];
  if (files.length !== 1)
    throw userError('E_SPLIT_FORMAT', `${shownFile(path)} holds ${files.length} files of format ${format}`, {
      hint: files.length > 1 ? `give the one that is meant: ${files.join(', ')}` : 'give the file itself',
    });
  return { format, path: join(path, files[0] as string) };
}

/** The format that a user's word means. @throws BootgateError blame `user`. */
export function parseFormat(word: string): SplitFormat {
  const found = SPLIT_FORMATS.find((format) => format === word);
  if (!found)
    throw userError('E_SPLIT_FORMAT', `unknown split format ${word}${didYouMean(word, SPLIT_FORMATS)}`, {
      hint: `known: ${SPLIT_FORMATS.join(', ')}`,
    });
  return found;
}
