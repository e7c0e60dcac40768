import { statSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import type { ModuleSource } from '../image/image-file.js';
import { type PreparedImage, prepareImages } from '../image/prepare.js';
import { shownFile } from '../modules/place.js';
import { loadSplit } from '../splits/read.js';
import { unifiedDiff } from './diff.js';
import type { WantedModule } from './patches/addition.js';
import { patchSplit } from './split-patch.js';

/** A changed file of the image, checked: the image that it makes has every module that was wanted. */
export interface Patch {
  /** Absolute path of the file to change; of several the first. */
  file: string;
  after: string;
  /** All of them. */
  files: { file: string; after: string }[];
  /** `patch -p1` and `git apply` take it, from the working directory. */
  diff: string;
  /** The image made from the changed file, one for each install set. */
  variants: [PreparedImage, ...PreparedImage[]];
}

/** The package of a split that a module has to be in for an install set to have it. */
export function packageFor(prepared: PreparedImage, module: string): string | undefined {
  const { split, installSet, index } = prepared;
  if (!split || !installSet) return undefined;
  // As low as whoever needs it by its symbols; otherwise in the package that the install set is named for.
  const needs = (name: string) => index.modules.get(name)?.depends.includes(module);
  const users = new Set(
    prepared.set.names.filter((name) => needs(name)).map((name) => split.placement.get(name)?.package),
  );
  return installSet.packages.find((name) => users.has(name)) ?? installSet.packages.at(-1);
}

/**
 * Changes the list, policy or split of an image so that the modules come in; undefined where that format, or that file,
 * has to be changed by hand.
 * @param folder where the changed file is written to be read back.
 */
export async function patchFor(
  prepared: PreparedImage,
  wanted: readonly WantedModule[],
  folder: string,
  cache: Cache,
): Promise<Patch | undefined> {
  const source = prepared.image.modules;
  if (source.kind === 'all' || (source.kind === 'split' && source.file === 'packages')) return undefined;
  if (source.kind === 'split') return patchOfSplit(prepared, source, wanted, folder, cache);
  const before = await readFile(source.file, 'utf8').catch(() => undefined);
  if (before === undefined) return undefined;
  for (const change of await changesFor(source.kind)) {
    const after = change(before, wanted);
    if (after === undefined || after === before) continue;
    // Under its own name, by which some formats are known.
    const file = join(folder, source.file.split('/').at(-1) ?? 'changed');
    await writeFile(file, after);
    const variants = await reread(prepared, file, cache);
    if (!variants || !hasAll(variants, prepared, wanted)) continue;
    return {
      file: source.file,
      after,
      files: [{ file: source.file, after }],
      diff: unifiedDiff(shownFile(source.file).replace(/^\/+/, ''), before, after),
      variants,
    };
  }
  return undefined;
}

/** Moves in a split's own format; undefined where one of them cannot be said there. */
async function patchOfSplit(
  prepared: PreparedImage,
  source: Extract<ModuleSource, { kind: 'split' }>,
  wanted: readonly WantedModule[],
  folder: string,
  cache: Cache,
): Promise<Patch | undefined> {
  const { split, kernel, index } = prepared;
  if (!split) return undefined;
  const moves = wanted.flatMap(({ module, package: home }) => (home ? [{ module, package: home }] : []));
  const read = (copy: string) => loadSplit(copy, { kernel, index, cache }, { format: split.format });
  const { files, diff, refused } = await patchSplit(source.file, split, moves, index, read).catch(
    (error: unknown) => {
      if (error instanceof BootgateError && error.code === 'E_SPLIT_PATCH')
        return { files: [], diff: '', refused: [] };
      throw error;
    },
  );
  const [first] = files;
  if (!first || refused.length > 0) return undefined;
  const isFolder = statSync(source.file).isDirectory();
  const root = isFolder ? source.file : dirname(source.file);
  // What the image is made from stays with the run. A file that stands alone is copied alone.
  const copy = join(folder, isFolder || split.sources ? basename(root) : '.');
  if (isFolder || split.sources) await cp(root, copy, { recursive: true, dereference: true });
  for (const { file, after } of files) await writeFile(join(copy, relative(root, file)), after);
  const variants = await reread(prepared, isFolder ? copy : join(copy, basename(source.file)), cache);
  if (!variants || !hasAll(variants, prepared, wanted)) return undefined;
  return { ...first, files, diff, variants };
}

type Change = (before: string, wanted: readonly WantedModule[]) => string | undefined;

async function changesFor(kind: 'list' | 'policy'): Promise<Change[]> {
  if (kind === 'policy') return [(await import('./patches/policy.js')).patchPolicy];
  const { appendToList, patchList } = await import('./patches/list.js');
  return [patchList, appendToList];
}

async function reread(
  prepared: PreparedImage,
  file: string,
  cache: Cache,
): Promise<Patch['variants'] | undefined> {
  const { image, delivery, userland, split } = prepared;
  const source = image.modules;
  if (source.kind === 'all') return undefined;
  const modules = source.kind === 'split' ? { ...source, file, format: split?.format } : { ...source, file };
  try {
    return await prepareImages({ ...image, modules }, { cache, delivery, userland, allowMissing: true });
  } catch (error) {
    if (error instanceof BootgateError && error.blame === 'user') return undefined;
    throw error;
  }
}

function hasAll(
  variants: Patch['variants'],
  prepared: PreparedImage,
  wanted: readonly WantedModule[],
): boolean {
  const same = variants.find((one) => one.installSet?.name === prepared.installSet?.name);
  const names = new Set(same?.set.names);
  return wanted.every(({ module }) => names.has(module));
}
