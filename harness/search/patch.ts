import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import type { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import { type PreparedImage, prepareImages } from '../image/prepare.js';
import { shownFile } from '../modules/place.js';
import type { Split } from '../splits/split.js';
import type { WantedModule } from './patches/addition.js';

/** A changed file of the image, checked: the image that it makes has every module that was wanted. */
export interface Patch {
  /** Absolute path of the file to change. */
  file: string;
  after: string;
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
  const before = await readFile(source.file, 'utf8').catch(() => undefined);
  if (before === undefined) return undefined;
  for (const change of await changesFor(source.kind, prepared.split)) {
    const after = change(before, wanted, prepared);
    if (after === undefined || after === before) continue;
    // Under its own name, by which some formats are known.
    const file = join(folder, source.file.split('/').at(-1) ?? 'changed');
    await writeFile(file, after);
    const variants = await reread(prepared, file, cache);
    if (!variants || !hasAll(variants, prepared, wanted)) continue;
    return {
      file: source.file,
      after,
      diff: unifiedDiff(shownFile(source.file).replace(/^\/+/, ''), before, after),
      variants,
    };
  }
  return undefined;
}

/**
 * A unified diff of two texts, as `patch -p1` and `git apply` take it; empty when they are equal.
 * @param file shown as a/FILE and b/FILE.
 */
export function unifiedDiff(file: string, before: string, after: string): string {
  if (before === after) return '';
  return createTwoFilesPatch(`a/${file}`, `b/${file}`, before, after, undefined, undefined, {
    context: 3,
    headerOptions: FILE_HEADERS_ONLY,
  });
}

type Change = (
  before: string,
  wanted: readonly WantedModule[],
  prepared: PreparedImage,
) => string | undefined;

async function changesFor(kind: 'list' | 'policy' | 'split', split: Split | null): Promise<Change[]> {
  if (kind === 'list') {
    const { appendToList, patchList } = await import('./patches/list.js');
    return [patchList, appendToList];
  }
  if (kind === 'policy') return [(await import('./patches/policy.js')).patchPolicy];
  if (split?.format === 'bootgate') return [(await import('./patches/own.js')).patchOwnSplit];
  if (split?.format === 'fedora-variants') {
    const { patchVariants } = await import('./patches/variants.js');
    return [(before, wanted, { index }) => patchVariants(before, wanted, index)];
  }
  return [];
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
