import { existsSync } from 'node:fs';
import { STDIN } from '../modules/list.js';
import type { StoredRun } from '../results/read.js';
import type { ImageRecipe } from '../results/run-result.js';
import type { Split } from '../splits/split.js';
import type { PreparedImage } from './prepare.js';
import { readStoredSet } from './rules-file.js';

/** The file that a run took its modules from, where it is not here: standard input, or a run of another machine. */
export function absentSource({ modules }: ImageRecipe): string | undefined {
  if (modules.kind === 'all' || (modules.kind === 'split' && modules.file === 'packages')) return undefined;
  if (modules.file === STDIN) return 'standard input';
  return existsSync(modules.file) ? undefined : modules.file;
}

/**
 * The variants of a run from what its folder has of them (modules.txt, rules.json), for a run whose list, policy or split is not here.
 * @param whole its kernel with the full module tree.
 */
export async function storedVariants(
  { folder, result }: StoredRun,
  whole: PreparedImage,
  { modules }: ImageRecipe,
): Promise<[PreparedImage, ...PreparedImage[]]> {
  const one = async (installSet?: { name: string; packages: string[] }): Promise<PreparedImage> => {
    const { set, split } = await readStoredSet(folder, installSet?.name, whole.index);
    return {
      ...whole,
      image: { ...whole.image, modules },
      set,
      split: split && splitOf(split.placement, modules),
      installSet: installSet ? { ...installSet, modules: set.names } : null,
    };
  };
  const [first, ...rest] = result.installSets ?? [];
  if (!first) return [await one()];
  return [await one(first), ...(await Promise.all(rest.map(one)))];
}

/** As much of a split as its run has kept: where each module was, and by which rule. */
function splitOf(placement: Split['placement'], modules: ImageRecipe['modules']): Split {
  const file = 'file' in modules ? modules.file : '';
  const names = [...new Set([...placement.values()].map((placed) => placed.package))];
  return {
    name: file.replace(/^.*\/|\.\w+$/g, ''),
    format: 'stored',
    file,
    packages: names.map((name) => ({ name, depends: [], place: { file, line: 1, text: '' } })),
    placement,
    twice: new Map(),
    partial: true,
    unused: [],
    notes: [],
    budgets: {},
  };
}
