import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { userError } from '../errors.js';

/** One thing that --kernel was given, before anything is looked up. */
export type KernelSource =
  /** `suite` is handed to apt as the target release; `version` is exact. */
  | { kind: 'apt'; text: string; name: string; version: string | null; suite: string | null }
  | { kind: 'package'; text: string; path: string; format: 'deb' | 'rpm' }
  | { kind: 'directory'; text: string; path: string }
  /** A vmlinuz, with a directory beside it that has the modules. */
  | { kind: 'image'; text: string; path: string }
  /** `release` null: the running kernel's where it is installed, else the newest that is. */
  | { kind: 'installed'; text: string; release: string | null };

/** The accepted forms, for hints and --help. */
export const KERNEL_FORMS =
  'apt:PACKAGE, apt:PACKAGE:ARCH, apt:PACKAGE=VERSION, apt:PACKAGE/SUITE, a .deb, .udeb or .rpm file (or several, a folder or a glob of them), ' +
  'a directory with vmlinuz and lib/modules/RELEASE, a vmlinuz and the directory of its modules, installed, or installed:RELEASE';

/** Debian policy 5.6.1 and 5.6.12, with apt's `:ARCH`. Nothing here can read as an option of apt. */
const APT_NAME = /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$/;
const APT_VERSION = /^[0-9][A-Za-z0-9.+:~-]*$/;
const APT_SUITE = /^[A-Za-z0-9][A-Za-z0-9.-]*$/;
const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/;

/**
 * Reads one value of --kernel. A file or directory must exist; relative paths start at the working directory.
 * @throws BootgateError blame `user`, E_KERNEL_SOURCE, with the accepted forms.
 */
export function parseKernelSource(text: string): KernelSource {
  if (text === 'installed') return { kind: 'installed', text, release: null };
  if (text.startsWith('installed:')) {
    const release = text.slice('installed:'.length);
    if (!RELEASE.test(release)) throw wrong(text, `${JSON.stringify(release)} is not a kernel release`);
    return { kind: 'installed', text, release };
  }
  if (text.startsWith('apt:')) return parseApt(text);
  const path = resolve(text);
  if (text === '' || !existsSync(path)) throw wrong(text, 'there is no such file or directory');
  const stats = statSync(path);
  if (stats.isDirectory()) return { kind: 'directory', text, path };
  if (!stats.isFile()) throw wrong(text, 'it is neither a file nor a directory');
  if (/\.u?deb$/.test(path)) return { kind: 'package', text, path, format: 'deb' };
  if (/\.rpm$/.test(path)) return { kind: 'package', text, path, format: 'rpm' };
  if (/^(vmlinu[xz]|bzImage|Image|linux|kernel)\b/.test(basename(path))) return { kind: 'image', text, path };
  throw wrong(text, 'a file must be a .deb, .udeb, .rpm or vmlinuz');
}

function parseApt(text: string): KernelSource {
  const rest = text.slice('apt:'.length);
  const [, name = '', mark, value = ''] = /^([^=/]*)(?:([=/])(.*))?$/.exec(rest) ?? [];
  if (!APT_NAME.test(name)) throw wrong(text, `${JSON.stringify(name)} is not a package name`);
  if (mark === '=' && !APT_VERSION.test(value))
    throw wrong(text, `${JSON.stringify(value)} is not a version`);
  if (mark === '/' && !APT_SUITE.test(value)) throw wrong(text, `${JSON.stringify(value)} is not a suite`);
  return {
    kind: 'apt',
    text,
    name,
    version: mark === '=' ? value : null,
    suite: mark === '/' ? value : null,
  };
}

function wrong(text: string, why: string) {
  return userError('E_KERNEL_SOURCE', `cannot take a kernel from ${JSON.stringify(text)}: ${why}`, {
    hint: `a kernel is one of: ${KERNEL_FORMS}`,
  });
}

/** Everything but `apt:NAME`, `installed` and `installed:RELEASE` is a path. */
export const isKernelPath = (source: string): boolean => !/^(?:[a-z]+:|installed$)/.test(source);
