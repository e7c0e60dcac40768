import { existsSync } from 'node:fs';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { StoredRun } from '../results/read.js';
import { readContents } from './contents.js';
import { absentSource, storedVariants } from './handover.js';
import { imageOfKernel, loadImage } from './image-file.js';
import { type PreparedImage, prepareImages } from './prepare.js';

/**
 * The image of an old run, made again from the same files; its modules from the run's folder where the list, policy or split is not
 * on this machine.
 * @throws BootgateError blame `user`, E_RUN_RECIPE: the run is older than this, or what it was made from has changed so that
 *   it is another kernel, or another set of modules, now.
 */
export async function imageOfRun(
  run: StoredRun,
  options: {
    cache: Cache;
    log?: (sentence: string) => void;
    signal?: AbortSignal | undefined;
    /** Where the kernel is now, if not where the run had it. */
    kernel?: string[] | undefined;
  },
): Promise<[PreparedImage, ...PreparedImage[]]> {
  const { recipe, kernel } = run.result.image;
  if (!recipe)
    throw userError('E_RUN_RECIPE', `${run.folder} does not record what its image was made from`, {
      hint: 'run it again with this version of bootgate',
    });
  const { cache, log = () => {}, signal } = options;
  const kernelSource = options.kernel ?? recipe.kernel;
  const image = existsSync(recipe.file)
    ? await loadImage(recipe.file)
    : await imageOfKernel(kernelSource, {});
  const absent = absentSource(recipe);
  if (absent !== undefined) log(`${absent} is not here: the modules are those of ${run.folder}/modules.txt`);
  const prepared = await prepareImages(
    {
      ...image,
      name: run.result.image.name,
      kernel: kernelSource,
      modules: absent === undefined ? recipe.modules : { kind: 'all' },
    },
    {
      cache,
      delivery: recipe.delivery,
      userland: recipe.userland,
      // A list that was taken then is taken now: its modules are compared below.
      allowMissing: true,
      log,
      ...(signal ? { signal } : {}),
    },
  );
  if (prepared[0].kernel.digest !== kernel.digest)
    throw userError(
      'E_RUN_RECIPE',
      `${kernelSource.join(' ')} is a different kernel now than in ${run.result.id}`,
      {
        hint: 'run it again first',
      },
    );
  const variants = absent === undefined ? prepared : await storedVariants(run, prepared[0], recipe);
  for (const { set, installSet } of variants) {
    const had = (await readContents(run.folder, installSet?.name)).map(({ name }) => name);
    if (!isSameSet(had, set.names))
      throw userError(
        'E_RUN_RECIPE',
        `${set.source} has changed since ${run.result.id}: ${told(had, set.names)}`,
        {
          hint: 'run it again first: a fix would not be for what failed',
        },
      );
  }
  return variants;
}

/** Both come from sets: no name is there twice. */
export function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const names = new Set(one);
  return one.length === other.length && other.every((name) => names.has(name));
}

/** `it had 2416 modules, now it has 2417 (+xfs)` */
export function told(had: readonly string[], has: readonly string[]): string {
  const without = (all: readonly string[], some: readonly string[]) => {
    const names = new Set(some);
    return all.filter((name) => !names.has(name));
  };
  const changes = [
    ...without(has, had).map((name) => `+${name}`),
    ...without(had, has).map((name) => `-${name}`),
  ];
  const more = changes.length > MOST_CHANGES ? ', ...' : '';
  return `it had ${had.length} modules, now it has ${has.length} (${changes.slice(0, MOST_CHANGES).join(', ')}${more})`;
}

const MOST_CHANGES = 4;
