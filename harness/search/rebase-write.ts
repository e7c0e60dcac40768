import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { userError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import type { Split } from '../splits/split.js';
import { unifiedDiff } from './patch.js';
import type { WantedModule } from './patches/addition.js';

/** A split's own file with modules in the packages that were asked for; read again, and found to be so. */
export interface SplitPatch {
  file: string;
  after: string;
  /** As `patch -p1` takes it; empty where nothing had to change. */
  diff: string;
  /** Moves that are not in it, and where the module stays. */
  refused: { module: string; package: string; stays: string | null }[];
}

type Move = Required<Pick<WantedModule, 'module' | 'package'>>;

/**
 * Writes moves in the split's own format. Those that the format's rules do not allow, because a module that needs this one or that it
 * needs holds it elsewhere, are left out and named.
 * @param file Absolute path of the split's file.
 * @param read Reads a file as this split.
 * @throws BootgateError blame `user`, E_SPLIT_PATCH: a format or layout that has to be changed by hand.
 */
export async function patchSplit(
  file: string,
  split: Split,
  moves: readonly Move[],
  index: ModuleIndex,
  read: (file: string) => Promise<Split>,
): Promise<SplitPatch> {
  const before = await readFile(file, 'utf8');
  let wanted = moves
    .filter((one) => split.placement.get(one.module)?.package !== one.package)
    .map((one): WantedModule & Move => {
      const rule = split.placement.get(one.module)?.rule;
      return { ...one, scenarios: [], ...(rule ? { rule } : {}) };
    });
  const refused: SplitPatch['refused'] = [];
  let after = before;
  // Under its own name, by which some formats are known.
  const folder = await mkdtemp(join(tmpdir(), 'bootgate-rebase-'));
  try {
    // Each round leaves out one move at least.
    while (wanted.length > 0) {
      const next = await changed(split.format, before, wanted, index);
      if (next === undefined)
        throw userError('E_SPLIT_PATCH', `${shownFile(file)} (${split.format}) cannot be patched`, {
          hint: `change it by hand: ${wanted.map((one) => `${one.module} to ${one.package}`).join(', ')}`,
        });
      const copy = join(folder, basename(file));
      await writeFile(copy, next);
      const { placement } = await read(copy);
      const wrong = wanted.filter((one) => placement.get(one.module)?.package !== one.package);
      if (wrong.length === 0) {
        after = next;
        break;
      }
      for (const one of wrong) refused.push({ ...one, stays: placement.get(one.module)?.package ?? null });
      wanted = wanted.filter((one) => !wrong.includes(one));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { file, after, diff: unifiedDiff(shownFile(file).replace(/^\/+/, ''), before, after), refused };
}

async function changed(
  format: string,
  before: string,
  wanted: readonly WantedModule[],
  index: ModuleIndex,
): Promise<string | undefined> {
  if (format === 'bootgate') return (await import('./patches/own.js')).patchOwnSplit(before, wanted);
  if (format === 'fedora-variants')
    return (await import('./patches/variants.js')).patchVariants(before, wanted, index);
  if (format === 'ubuntu')
    return (await import('./patches/inclusion.js')).patchInclusion(before, wanted, index);
  return undefined;
}
