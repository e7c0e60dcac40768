import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { userError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { library } from '../library.js';
import type { SharedFlags } from './options.js';
import type { Session } from './session.js';

/**
 * A module set as a person names one for `bisect`: `all`, a module list, a policy, a split (`FILE:core,extra`, in any format that
 * bootgate reads), a kernel (`apt:NAME`, a package file, a tree), a run (its folder, its id or `latest`; `RUN:SET` for one of its
 * install sets). Policies and splits also by their names in the library.
 * @throws BootgateError blame `user` for what none of these is, or for several install sets.
 */
export async function sideOf(text: string, flags: SharedFlags, session: Session): Promise<PreparedImage> {
  const [name, install] = parted(text, session.results);
  const { cache, signal, say } = session;
  if (isRun(name, session.results)) {
    const { storedRun } = await import('./session.js');
    const { imageOfRun } = await import('../image/again.js');
    const { findPackage } = await import('../splits/installsets.js');
    const variants = await imageOfRun(await storedRun(name, flags), { cache, log: say, signal });
    const meant = (one: PreparedImage) =>
      install === undefined ||
      one.installSet?.name === install ||
      (one.split !== null && findPackage(one.split, install) === one.installSet?.name);
    return only(name, variants, variants.filter(meant));
  }
  const { loadImage } = await import('../image/image-file.js');
  const file = flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian';
  const kernel = isKernel(name) ? [name] : flags.kernel;
  const image = await loadImage(file, {
    ...(kernel ? { kernel } : {}),
    ...((await isSplit(name))
      ? { split: name, ...(install === undefined ? {} : { install: [install] }) }
      : { modules: isKernel(name) ? 'all' : name }),
  });
  const variants = await session.prepare(image);
  return only(name, variants, variants);
}

/** `split.yaml:core` is a split and an install set; a file or kernel whose own name has a colon is neither. */
function parted(text: string, results: string): [string, string | undefined] {
  const at = text.lastIndexOf(':');
  if (at < 0 || existsSync(text) || isKernel(text) || isRun(text, results)) return [text, undefined];
  return [text.slice(0, at), text.slice(at + 1)];
}

const isRun = (name: string, results: string): boolean =>
  name === 'latest' ||
  existsSync(join(name, 'run.json')) ||
  (!name.includes('/') && existsSync(join(results, name, 'run.json')));

const isKernel = (name: string): boolean =>
  /^apt:|^installed(?::|$)|\.(?:deb|rpm|udeb)$/.test(name) ||
  existsSync(join(name, 'lib', 'modules')) ||
  existsSync(join(name, 'usr', 'lib', 'modules'));

/** A name on the shelf of splits, or a file or folder in which a split's format is recognised. A policy and a module list are none. */
async function isSplit(name: string): Promise<boolean> {
  if (!existsSync(name))
    return !library().find('policies', name) && library().find('splits', name) !== undefined;
  const { looksLikeSplit } = await import('../splits/detect.js');
  return statSync(name).isDirectory() || looksLikeSplit(name);
}

function only(
  name: string,
  all: readonly PreparedImage[],
  variants: readonly PreparedImage[],
): PreparedImage {
  const [first, ...others] = variants;
  if (first && others.length === 0) return first;
  const sets = all.flatMap(({ installSet }) => installSet?.name ?? []);
  throw userError('E_USAGE', `${name} has ${first ? 'several install sets' : 'no such install set'}`, {
    hint:
      sets.length > 0
        ? `name one: ${sets.map((set) => `${name}:${set}`).join(', ')}`
        : 'this run had no install sets',
  });
}
