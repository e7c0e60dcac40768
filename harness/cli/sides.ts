import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { userError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import type { SharedFlags } from './options.js';
import type { Session } from './session.js';

/**
 * A module set as a person names one for `bisect`: `all`, a module list, a policy, a split (`FILE:core,extra`), a kernel
 * (`apt:NAME`, a package file, a tree), a run (its folder or `latest`; `RUN:SET` for one of its install sets).
 * @throws BootgateError blame `user` for what none of these is, or for several install sets.
 */
export async function sideOf(text: string, flags: SharedFlags, session: Session): Promise<PreparedImage> {
  const [name, install] = parted(text);
  const { cache, signal, say } = session;
  if (isRun(name)) {
    const { storedRun } = await import('./session.js');
    const { imageOfRun } = await import('../image/again.js');
    const variants = await imageOfRun(await storedRun(name, flags), { cache, log: say, signal });
    return only(
      text,
      variants.filter((one) => install === undefined || one.installSet?.name === install),
    );
  }
  const { loadImage } = await import('../image/image-file.js');
  const file = flags.image ?? process.env.BOOTGATE_IMAGE ?? 'debian';
  const kernel = isKernel(name) ? [name] : flags.kernel;
  const image = await loadImage(file, {
    ...(kernel ? { kernel } : {}),
    ...(isSplit(name)
      ? { split: name, ...(install === undefined ? {} : { install: [install] }) }
      : { modules: isKernel(name) ? 'all' : name }),
  });
  return only(text, await session.prepare(image));
}

function parted(text: string): [string, string | undefined] {
  const at = text.lastIndexOf(':');
  if (at < 0 || existsSync(text) || isKernel(text)) return [text, undefined];
  return [text.slice(0, at), text.slice(at + 1)];
}

const isRun = (name: string): boolean => name === 'latest' || existsSync(join(name, 'run.json'));

const isKernel = (name: string): boolean =>
  /^apt:|^installed(?::|$)|\.(?:deb|rpm|udeb)$/.test(name) ||
  existsSync(join(name, 'lib', 'modules')) ||
  existsSync(join(name, 'usr', 'lib', 'modules'));

/** Policies have rules, our own splits have packages; any other format of a split has no .yaml name. */
const isSplit = (name: string): boolean =>
  /\.ya?ml$/.test(name) && existsSync(name) && /^packages:/m.test(readFileSync(name, 'utf8'));

function only(text: string, variants: readonly PreparedImage[]): PreparedImage {
  const [first, ...others] = variants;
  if (first && others.length === 0) return first;
  throw userError('E_USAGE', `${text} ${first ? 'has several install sets' : 'has no such install set'}`, {
    hint: `name one, for example ${text.split(':')[0]}:${variants[0]?.installSet?.name ?? 'core'}`,
  });
}
