import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { userError } from '../errors.js';
import { isKernelPath, KERNEL_FORMS } from './source.js';

const PACKAGE = /\.(u?deb|rpm)$/;
/** What a build of a kernel makes besides the kernel: symbols, headers, sources, tools and documentation. */
const OTHER =
  /(-dbg|-dbgsym|-debuginfo\S*|-debugsource|-headers|-devel|-doc|-docs|-libc-dev|-source|-kbuild|-tools|-perf|-cpupower|-buildinfo|-cross)([-_.]|$)|\.src\.rpm$|^(perf|bpftool|rtla|rv|libperf|python3-perf|linux-kbuild|linux-cpupower)[-_]/;

/**
 * What --kernel was given with globs (`build/*.deb`) and folders of packages put as the package files that they come to, sorted. Of
 * both only packages that a kernel is made of: no headers, debug symbols, sources or tools. Anything else stays as it is.
 * @throws BootgateError blame `user`, E_KERNEL_SOURCE: a glob that matches nothing, or a folder that has only other packages.
 */
export function expandSources(sources: readonly string[]): string[] {
  return [...new Set(sources.flatMap(expandOne))];
}

function expandOne(source: string): string[] {
  if (!isKernelPath(source)) return [source];
  const kind = kindOf(source);
  if (kind === 'nothing' && /[*?]/.test(source)) return matches(source);
  return kind === 'folder' ? (packagesIn(source) ?? [source]) : [source];
}

/** A path that cannot be asked about (a NUL in it, a name too long, no right to look) is told by whoever opens it. */
function kindOf(path: string): 'folder' | 'file' | 'nothing' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'nothing';
  }
}

function matches(glob: string): string[] {
  const slash = glob.lastIndexOf('/');
  const [folder, pattern] = slash < 0 ? ['.', glob] : [glob.slice(0, slash) || '/', glob.slice(slash + 1)];
  const found = filesOf(folder, pattern);
  const chosen = kernelOnly(found.map((file) => (slash < 0 ? file : join(folder, file))));
  if (chosen.length > 0) return chosen;
  throw none(
    glob,
    found.length === 0 ? 'it matches no file' : 'it matches no package that a kernel is made of',
  );
}

/** Undefined for a folder without packages, and for one that has a kernel itself. */
function packagesIn(folder: string): string[] | undefined {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw none(folder, (cause as Error).message);
  }
  const packages = names.filter((name) => PACKAGE.test(name));
  if (packages.length === 0 || names.some((name) => /^(lib|usr|boot|kernel|modules\.\w+)$/.test(name)))
    return undefined;
  const chosen = kernelOnly(packages.sort().map((name) => join(folder, name)));
  if (chosen.length === 0) throw none(folder, 'it has no package that a kernel is made of');
  return chosen;
}

/** Names of a folder that a pattern of `*`, `?` and letters matches, sorted; folders above the last one are taken as they stand. */
function filesOf(folder: string, pattern: string): string[] {
  const body = pattern.replace(/[*]+|[?]|[\\^$.|+(){}[\]]/g, (part) =>
    part.startsWith('*') ? '.*' : part === '?' ? '.' : `\\${part}`,
  );
  const matcher = new RegExp(`^${body}$`);
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.') && matcher.test(name))
      .sort();
  } catch {
    return [];
  }
}

const kernelOnly = (files: readonly string[]): string[] =>
  files.filter((file) => !OTHER.test(file.slice(file.lastIndexOf('/') + 1)));

function none(source: string, why: string) {
  return userError('E_KERNEL_SOURCE', `cannot take a kernel from ${JSON.stringify(source)}: ${why}`, {
    hint: `a kernel is one of: ${KERNEL_FORMS}`,
  });
}
