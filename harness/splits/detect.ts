import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { userError } from '../errors.js';
import { library } from '../library.js';
import { shownFile } from '../modules/place.js';
import { didYouMean } from '../suggest.js';
import { parseFormat, SPLIT_FORMATS, type SplitFormat } from './formats.js';
import { isFolder } from './kernel-wedge-lists.js';
import { requireRegular } from './lines.js';

/** A format and what its reader is given: an absolute path. */
export interface Detected {
  format: SplitFormat;
  path: string;
}

/**
 * Which format a file or folder is in, by name and, where that does not tell, by content.
 * @param forced The name of a format that the user asked for.
 * @throws BootgateError blame `user`: E_SPLIT_READ, E_SPLIT_FORMAT (unknown, or several in one folder).
 */
export function detectFormat(source: string, forced?: string): Detected {
  const wanted = forced === undefined ? undefined : parseFormat(forced);
  const path = resolve(source);
  if (wanted?.needs?.includes('packages')) return { format: wanted, path };
  if (!existsSync(path))
    throw userError(
      'E_SPLIT_READ',
      `there is no split ${source}${didYouMean(source, library().names('splits'))}`,
      {
        hint: 'give a file or folder, or `packages` for the package files given with --kernel',
      },
    );
  if (isFolder(path)) return inFolder(path, wanted);
  requireRegular(path);
  const format = wanted ?? formatOf(path);
  if (!format)
    throw userError('E_SPLIT_FORMAT', `cannot tell the format of ${shownFile(path)}`, {
      hint: `say it with --format: ${SPLIT_FORMATS.map(({ name }) => name).join(', ')}`,
    });
  return { format, path: format.beside && wanted === undefined ? dirname(path) : path };
}

const formatOf = (path: string): SplitFormat | undefined => {
  const name = basename(path);
  const byName = SPLIT_FORMATS.find(({ names }) => names?.test(name));
  if (byName) return byName;
  const head = headOf(path);
  return SPLIT_FORMATS.find(({ text }) => text?.(head, name));
};

/** Formats of one list each, which `--modules` reads too. */
const LISTS = new Set(['android-gki', 'talos', 'mkinitfs']);

/** Whether a file is a split with packages. YAML that names none is left to others: policies and lists are YAML too. */
export function looksLikeSplit(path: string): boolean {
  const format = formatOf(path);
  if (!format || LISTS.has(format.name)) return false;
  return format.name !== 'bootgate' || /^packages:/m.test(headOf(path));
}

/** A folder is searched only for formats that live in one; its other files do not matter. */
function inFolder(path: string, wanted: SplitFormat | undefined): Detected {
  const found = new Map<SplitFormat, string[]>();
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) continue;
    const { name } = entry;
    const known = SPLIT_FORMATS.find(({ names }) => names?.test(name));
    const format = known ?? (entry.isFile() ? formatOf(join(path, name)) : undefined);
    if (!format?.folder || (format.beside && !isFolder(join(path, format.beside)))) continue;
    found.set(format, [...(found.get(format) ?? []), name]);
  }
  const formats = wanted ? [wanted] : [...found.keys()];
  const [format] = formats;
  if (formats.length > 1)
    throw userError(
      'E_SPLIT_FORMAT',
      `${shownFile(path)} holds splits of several formats: ${formats.map(({ name }) => name).join(', ')}`,
      { hint: 'choose one with --format, or give the file itself' },
    );
  if (!format) {
    const known = SPLIT_FORMATS.filter(({ folder }) => folder).map(({ title }) => title);
    throw userError('E_SPLIT_FORMAT', `${shownFile(path)} holds no split that bootgate knows`, {
      hint: `known: ${known.join(', ')}`,
    });
  }
  if (format.folder === 'whole') return { format, path };
  const files = found.get(format) ?? [];
  if (files.length !== 1)
    throw userError(
      'E_SPLIT_FORMAT',
      `${shownFile(path)} holds ${files.length} files of format ${format.name}`,
      { hint: files.length > 1 ? `give one of them: ${files.join(', ')}` : 'give the file itself' },
    );
  return { format, path: join(path, files[0] as string) };
}

const HEAD_BYTES = 1 << 16;

function headOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(HEAD_BYTES);
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(file);
  }
}
