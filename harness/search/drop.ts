import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { userError } from '../errors.js';
import { makeModuleSet, type PreparedImage } from '../image/prepare.js';
import { shownFile } from '../modules/place.js';
import { someOf } from '../printable.js';
import { loadSplit } from '../splits/read.js';
import { didYouMean } from '../suggest.js';
import { unifiedDiff } from './diff.js';
import type { WantedModule } from './patches/addition.js';
import { patchList } from './patches/list.js';
import { patchPolicy } from './patches/policy.js';
import type { SetSize } from './rightsize.js';
import { patchSplit, type SplitPatch } from './split-patch.js';

/** An image's own file without parts of the tree that no scenario touched; read again, and found to be so. */
export type Dropped = Pick<SplitPatch, 'files' | 'diff'> & {
  /** Modules that stay all the same, because one that stays needs them, or because the format cannot say it. */
  stay: string[];
  /** Bytes of modules that leave the set. */
  saved: number;
};

export interface DropOptions {
  prepared: PreparedImage;
  size: SetSize;
  /** As the answer names them: `drivers/infiniband`. */
  parts: readonly string[];
  /** Of a split: the package that they go to; found by itself where only one is outside of the install set. */
  to?: string | undefined;
  cache: Cache;
  /** Where a changed copy is put to be read again. */
  folder: string;
}

/**
 * Takes parts out of a set, in the terms of the list, policy or split that says what is in it.
 * @throws BootgateError blame `user`: E_NO_SUCH_PART, E_USAGE (the whole tree, no package to go to), E_SPLIT_PATCH.
 */
export async function dropParts(options: DropOptions): Promise<Dropped> {
  const { prepared, size } = options;
  const modules = new Map<string, string>();
  for (const part of options.parts) {
    const group = size.between.groups.find(({ subsystem }) => subsystem === part);
    const known = size.between.groups.map(({ subsystem }) => subsystem);
    if (!group)
      throw userError(
        'E_NO_SUCH_PART',
        `${part} cannot be dropped from ${size.name}${didYouMean(part, known)}`,
        {
          hint: `what no scenario touched: ${someOf(known, 8)}`,
        },
      );
    for (const name of [...group.modules, ...group.takesAlong])
      if (!modules.has(name)) modules.set(name, part);
  }
  const source = prepared.image.modules;
  if (source.kind === 'all')
    throw userError('E_USAGE', 'the full module tree has no file to change', {
      hint: 'start from a policy or a list: --modules FILE',
    });
  if (source.kind === 'split') return dropFromSplit(options, source.file, [...modules.keys()]);
  return dropFromFile(options, source.kind, source.file, modules);
}

async function dropFromFile(
  { prepared, folder }: DropOptions,
  kind: 'policy' | 'list',
  file: string,
  modules: ReadonlyMap<string, string>,
): Promise<Dropped> {
  const { index, set } = prepared;
  const whole = (part: string) =>
    set.names.every(
      (name) => modules.has(name) || !index.modules.get(name)?.path.startsWith(`kernel/${part}/`),
    );
  const wanted = [...modules].map(([module, part]): WantedModule => {
    const inside = index.modules.get(module)?.path.startsWith(`kernel/${part}/`);
    return { module, scenarios: [], out: true, ...(inside && whole(part) ? { part } : {}) };
  });
  const before = await readFile(file, 'utf8');
  const after = (kind === 'policy' ? patchPolicy : patchList)(before, wanted);
  if (after === undefined)
    throw userError('E_SPLIT_PATCH', `${shownFile(file)} cannot be patched`, {
      hint: `leave out by hand: ${someOf([...modules.keys()], 8)}`,
    });
  const copy = join(folder, file.split('/').at(-1) ?? 'changed');
  await writeFile(copy, after);
  const again = await makeModuleSet(index, { kind, file: copy }, { allowMissing: true });
  const left = new Set(again.names);
  return {
    files: after === before ? [] : [{ file, after }],
    diff: unifiedDiff(shownFile(file).replace(/^\/+/, ''), before, after),
    stay: [...modules.keys()].filter((name) => left.has(name)).sort(),
    saved: set.bytes - again.bytes,
  };
}

async function dropFromSplit(
  { prepared, size, to, cache }: DropOptions,
  file: string,
  modules: readonly string[],
): Promise<Dropped> {
  const { split, installSet, index, kernel } = prepared;
  if (!split || !installSet || file === 'packages')
    throw userError(
      'E_USAGE',
      'built packages have no rules to change: give the split that they are made from',
    );
  const outside = split.packages.filter(({ name, meta }) => !meta && !installSet.packages.includes(name));
  const target = to ?? (outside.length === 1 ? outside[0]?.name : undefined);
  if (target === undefined || !split.packages.some(({ name }) => name === target))
    throw userError('E_USAGE', `${size.name}: say with --to which package the modules go to`, {
      hint: `outside of it: ${outside.map(({ name }) => name).join(', ') || 'none'}`,
    });
  const moves = modules.map((module) => ({ module, package: target }));
  const read = (copy: string) => loadSplit(copy, { kernel, index, cache }, { format: split.format });
  const patch = await patchSplit(file, split, moves, index, read);
  const refused = new Set(patch.refused.map(({ module }) => module));
  const gone = [...modules.filter((name) => !refused.has(name)), ...patch.along.map(({ module }) => module)];
  return {
    files: patch.files,
    diff: patch.diff,
    stay: [...refused].sort(),
    saved: gone.reduce((sum, name) => sum + (index.modules.get(name)?.bytes ?? 0), 0),
  };
}
