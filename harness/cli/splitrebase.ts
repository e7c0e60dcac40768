import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EXIT, userError } from '../errors.js';
import { library } from '../library.js';
import { loadModuleDetails } from '../modules/details.js';
import { shownFile } from '../modules/place.js';
import { someOf } from '../printable.js';
import { shippedNeeds } from '../search/needs-table.js';
import type { MendedLines } from '../search/patches/gone.js';
import { needsWork, type Rebase, rebase } from '../search/rebase.js';
import { patchSplit, type SplitPatch } from '../search/split-patch.js';
import type { Split } from '../splits/split.js';
import { parseBytes } from '../units.js';
import { printBooted, printRebase } from './rebaseprint.js';
import {
  type LoadedKernel,
  loadKernel,
  loadSplit,
  log,
  printJson,
  type RebaseFlags,
  write,
} from './splitdata.js';

/** A module that grows by less is not named, unless --growth says otherwise. */
const GROWTH = 256 * 1024;

export async function rebaseSplit(source: string, flags: RebaseFlags): Promise<void> {
  if (source === 'packages')
    throw userError('E_USAGE', 'packages have no rules to rebase: give the split that they are made from');
  const growth = flags.growth === undefined ? GROWTH : parseBytes(flags.growth);
  if (growth === undefined)
    throw userError('E_USAGE', `--growth ${flags.growth}: expected a size such as 1MiB`);
  const from = await loadKernel({ ...flags, kernel: flags.from });
  const to = await loadKernel({ ...flags, kernel: flags.to });
  const splits = new Map<'from' | 'to', Split>();
  const facts = flags.files === false ? undefined : { from: await factsOf(from), to: await factsOf(to) };
  const needs = await shippedNeeds(from.index.release);
  const compute = () =>
    rebase({
      from: from.index,
      to: to.index,
      growth,
      ...(flags.least === undefined ? {} : { least: flags.least }),
      ...(facts ? { facts } : {}),
      needs,
      read: async (which) => {
        const split = await loadSplit(source, flags, which === 'from' ? from : to);
        splits.set(which, split);
        return split;
      },
    });
  let answer = await compute();
  // What stops the reading goes first; then everything is asked again.
  const mended = flags.write && !splits.has('to') ? await writeMended(source, answer) : undefined;
  if (mended) answer = await compute();
  const patch = flags.write ? await writeMoves(source, flags, answer, splits.get('to'), to) : undefined;
  const diff = `${mended?.diff ?? ''}${patch?.diff ?? ''}`;
  if (needsWork(answer, splits.get('from')?.partial ?? false)) process.exitCode = EXIT.no;
  const booted = flags.boot ? await bootTouched(source, flags, answer, to) : undefined;
  if (flags.json)
    return printJson({
      schema: 'bootgate/rebase@1',
      ...answer,
      ...(patch ? { patch: diff } : {}),
      ...(booted ? { booted } : {}),
    });
  printRebase(answer, splits.get('from')?.partial ?? false);
  if (diff) write(`\n${diff}`);
  if (booted) printBooted(booted);
}

const factsOf = ({ index, cache }: LoadedKernel) => loadModuleDetails(index, cache);

async function writeMoves(
  source: string,
  flags: RebaseFlags,
  answer: Rebase,
  split: Split | undefined,
  to: LoadedKernel,
): Promise<SplitPatch> {
  if (!split) throw unreadable(answer);
  const file = fileOf(source);
  const moves = answer.suggestions.flatMap(({ module, package: home }) =>
    home === null ? [] : [{ module, package: home }],
  );
  const read = (copy: string) => loadSplit(copy, { ...flags, format: split.format }, to);
  const patch = await patchSplit(file, split, moves, to.index, read);
  for (const { module, package: home, stays } of patch.refused)
    log(`${module} stays in ${stays ?? 'no package'}: its dependencies do not let it go to ${home}`);
  if (patch.along.length > 0)
    log(
      `also move: ${someOf(
        patch.along.map((one) => `${one.module} (${one.from ?? '-'} -> ${one.to ?? '-'})`),
        6,
      )}`,
    );
  if (patch.files.length === 0) log('there is nothing to write');
  for (const { file: changed, after } of patch.files) {
    await writeFile(changed, after);
    log(`${shownFile(changed)} is changed`);
  }
  return patch;
}

const fileOf = (source: string): string =>
  existsSync(source) ? resolve(source) : (library().find('splits', source) ?? source);

const unreadable = (answer: Rebase) =>
  userError('E_SPLIT_PATCH', 'the split cannot be read against the newer kernel', {
    hint: `mend this first: ${someOf(answer.unreadable, 2)}`,
  });

/** A split that stops at modules that are gone: their lines become optional. */
async function writeMended(source: string, answer: Rebase): Promise<MendedLines> {
  const { mendGone } = await import('../search/patches/gone.js');
  const file = fileOf(source);
  const isFolder = existsSync(file) && statSync(file).isDirectory();
  const mended = isFolder ? await mendGone(file, answer.problems, answer.changes.renamed) : null;
  if (!mended || mended.files.length === 0) throw unreadable(answer);
  for (const { file: changed, after } of mended.files) {
    await writeFile(changed, after);
    log(`${shownFile(changed)}: modules that are gone are optional now`);
  }
  return mended;
}

async function bootTouched(source: string, flags: RebaseFlags, answer: Rebase, to: LoadedKernel) {
  const { bootRebase } = await import('./rebaseboot.js');
  return bootRebase(source, flags, answer, to.index);
}
