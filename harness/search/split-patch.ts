import { existsSync, statSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { userError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import type { Split } from '../splits/split.js';
import { unifiedDiff } from './diff.js';
import type { WantedModule } from './patches/addition.js';
import { PATCHERS } from './patches/splits.js';
import type { Texts } from './patches/texts.js';

/** A split's own files with modules in the packages that were asked for; read again, and found to be so. */
export interface SplitPatch {
  /** Absolute path and new text of each file that changes. */
  files: { file: string; after: string }[];
  /** As `patch -p1` takes it; empty where nothing had to change. */
  diff: string;
  /** Moves that are not in it, and where the module stays. */
  refused: { module: string; package: string; stays: string | null }[];
  /** Modules that nobody asked to move, and that move along: what a moved one needs, or what needs it. */
  along: { module: string; from: string | null; to: string | null }[];
}

type Move = Required<Pick<WantedModule, 'module' | 'package'>>;

/**
 * Writes moves in the split's own format. Those that the format's rules do not allow, because a module that needs this one or that it
 * needs holds it elsewhere, are left out and named.
 * @param source Absolute path of the split's file, or of its folder.
 * @param read Reads a file or folder as this split.
 * @throws BootgateError blame `user`, E_SPLIT_PATCH: a format or layout that has to be changed by hand.
 */
export async function patchSplit(
  source: string,
  split: Split,
  moves: readonly Move[],
  index: ModuleIndex,
  read: (source: string) => Promise<Split>,
): Promise<SplitPatch> {
  const patcher = await PATCHERS[split.format]?.();
  const before = await textsOf(source, split);
  const there = (one: Split, module: string) => one.placement.get(module)?.package ?? null;
  const asked = moves.map((one): WantedModule & Move => {
    const rule = split.placement.get(one.module)?.rule;
    return { ...one, scenarios: [], ...(rule ? { rule } : {}) };
  });
  const isThere = (one: Move, which: Split) => there(which, one.module) === one.package;
  let wanted = asked.filter((one) => !isThere(one, split));
  let settled = asked.filter((one) => isThere(one, split));
  const refused: SplitPatch['refused'] = [];
  const refuse = (some: readonly (WantedModule & Move)[], stays: (module: string) => string | null) => {
    for (const { module, package: home } of some)
      refused.push({ module, package: home, stays: stays(module) });
    wanted = wanted.filter((one) => !some.includes(one));
  };
  const change = (some: readonly WantedModule[]) =>
    patcher?.({ texts: before, file: source, wanted: some, split, index });
  // What cannot be said by itself is left out, so that it keeps nothing else back.
  if (wanted.length > 0 && !change(wanted)) {
    const byHand = wanted.filter((one) => !change([one]));
    if (byHand.length === wanted.length)
      throw userError('E_SPLIT_PATCH', `${shownFile(source)} (${split.format}) cannot be patched`, {
        hint: `change it by hand: ${wanted.map((one) => `${one.module} to ${one.package}`).join(', ')}`,
      });
    refuse(byHand, (module) => there(split, module));
  }
  // Each round leaves out one move at least, or says one that was true before and is not any more.
  while (wanted.length > 0) {
    const after = change(wanted);
    const again = after && (await reread(source, split, after, read));
    if (!again) {
      refuse(wanted, (module) => there(split, module));
      break;
    }
    const wrong = wanted.filter((one) => !isThere(one, again));
    const lost = settled.filter((one) => !isThere(one, again));
    if (wrong.length > 0) {
      refuse(wrong, (module) => there(again, module));
      continue;
    }
    if (lost.length > 0) {
      settled = settled.filter((one) => !lost.includes(one));
      wanted.push(...lost);
      continue;
    }
    const moved = new Set(wanted.map(({ module }) => module));
    const along = [...index.modules.keys()]
      .filter((module) => !moved.has(module) && there(split, module) !== there(again, module))
      .map((module) => ({ module, from: there(split, module), to: there(again, module) }));
    const files = [...after].map(([file, text]) => ({ file, after: text }));
    return { files, diff: diffOf(before, after), refused, along };
  }
  return { files: [], diff: '', refused, along: [] };
}

/** The texts of the files that say where modules go. */
async function textsOf(source: string, split: Split): Promise<Texts> {
  const texts = new Map<string, string>();
  for (const file of split.sources ?? [source])
    if (existsSync(file)) texts.set(file, await readFile(file, 'utf8'));
  return texts;
}

function diffOf(before: Texts, after: Texts): string {
  const shown = (file: string) => shownFile(file).replace(/^\/+/, '');
  const files = [...after.keys()].sort();
  return files
    .map((file) => unifiedDiff(shown(file), before.get(file) ?? '', after.get(file) ?? ''))
    .join('');
}

/**
 * The split from a copy with the changed texts; names and folders stay, by which some formats are known. Undefined where it cannot be
 * read any more.
 */
async function reread(
  source: string,
  split: Split,
  after: Texts,
  read: (source: string) => Promise<Split>,
): Promise<Split | undefined> {
  const scratch = await mkdtemp(join(tmpdir(), 'bootgate-patch-'));
  try {
    const isFolder = statSync(source).isDirectory();
    const root = isFolder ? source : dirname(source);
    const copy = join(scratch, basename(root));
    if (isFolder || split.sources) await cp(root, copy, { recursive: true, dereference: true });
    else await cp(source, join(copy, basename(source)));
    for (const [file, text] of after) await writeFile(join(copy, relative(root, file)), text);
    return await read(isFolder ? copy : join(copy, basename(source)));
  } catch (error) {
    if ((error as { blame?: string }).blame === 'user') return undefined;
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
