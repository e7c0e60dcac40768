import { ARCHITECTURES, hostArchitecture } from '../arch/index.js';
import { BootgateError, hostError, userError } from '../errors.js';
import { exec } from '../exec.js';
import { didYouMean } from '../suggest.js';
import { type AptPackage, cachedPackage, showPackages } from './aptpackage.js';
import { type AptContext, type AptView, aptView, architectureIn, targetRelease } from './aptview.js';
import type { KernelSource } from './source.js';

/**
 * What a kernel's files are split over: Debian's and Ubuntu's image packages depend on these. Everything else that
 * they depend on (kmod, initramfs-tools, firmware) is not the kernel.
 */
const KERNEL_PART = /^linux-(image|modules|binary|base-\d)/;
const NOT_PART = /-dbg(sym)?$/;

/**
 * Follows a package through metapackages to everything that may carry the kernel's files, and fetches those without
 * installing them. The files are kept in the cache by name, version and checksum: a second time needs no network.
 * @throws BootgateError blame `user` E_APT_UNKNOWN, blame `host` E_APT_DOWNLOAD, E_APT_CHECKSUM, E_TOOL_MISSING.
 */
export async function fetchFromApt(
  source: KernelSource & { kind: 'apt' },
  context: AptContext,
): Promise<string[]> {
  const arch = architectureIn(source.name);
  const isForeign = arch !== null && arch !== hostArchitecture().names.debian;
  // Lists of our own are fetched for the suite that is asked for, whether this machine has it among its sources or not.
  const view = await aptView(arch, context, isForeign ? source.suite : null);
  const plan = await rememberedPlan(source, view, context);
  const files: string[] = [];
  for (const one of plan) files.push(await download(one, source, view, context));
  return files;
}

type AptSource = KernelSource & { kind: 'apt' };

/** Asking apt costs half a second of CPU each time; its answer stays the same while what it reads does. */
async function rememberedPlan(source: AptSource, view: AptView, context: AptContext) {
  const key = `plan 2 ${source.text} ${view.stamp}`;
  const plan = await context.cache.text('apt-plan', key, async () =>
    JSON.stringify(await makePlan(source, view, context)),
  );
  return JSON.parse(plan) as AptPackage[];
}

async function makePlan(source: AptSource, view: AptView, context: AptContext): Promise<AptPackage[]> {
  let wanted = [source.version ? `${source.name}=${source.version}` : source.name];
  const seen = new Set<string>();
  const plan: AptPackage[] = [];
  while (wanted.length > 0) {
    for (const one of wanted) seen.add(one);
    const found = await show(wanted, source, view, context);
    plan.push(...found);
    const next = found.flatMap((one) => one.depends.flatMap(partOf));
    wanted = [...new Set(next)].filter((one) => !seen.has(one));
  }
  return plan;
}

/** `linux-image-6.1.0-56-amd64 (= 6.1.192-2)` -> `linux-image-6.1.0-56-amd64=6.1.192-2`; of alternatives the first. */
function partOf(clause: string): string[] {
  const match = /^([a-z0-9][a-z0-9+.-]+)(?::\S+)?(?: \((=) ([^)]+)\))?/.exec(clause);
  if (!match?.[1] || !KERNEL_PART.test(match[1]) || NOT_PART.test(match[1])) return [];
  return [match[2] ? `${match[1]}=${match[3]}` : match[1]];
}

/** The candidate version of each name, or the exact one of NAME=VERSION. */
async function show(
  wanted: readonly string[],
  source: AptSource,
  { options }: AptView,
  { signal }: AptContext,
): Promise<AptPackage[]> {
  const all = [...options, ...targetRelease(source.suite)];
  const packages = await showPackages(wanted, all, signal).catch(async (error: unknown) => {
    throw error instanceof BootgateError && error.code === 'E_TOOL_FAILED'
      ? await unknown(wanted, source, options, error)
      : error;
  });
  // apt-cache leaves out what it does not know as long as it knows one of them.
  const missing = wanted.filter((one) => !packages.some(({ name }) => name === one.replace(/[:=].*$/, '')));
  if (missing.length > 0) throw await unknown(missing, source, options);
  return packages;
}

async function download(one: AptPackage, { suite }: AptSource, { options }: AptView, context: AptContext) {
  const { signal } = context;
  if (!/^[0-9a-f]{64}$/.test(one.sha256) || one.path === '')
    throw hostError(
      'E_APT_DOWNLOAD',
      `apt knows ${one.name} ${one.version} only as installed: no archive has it`,
      {
        hint: 'use installed, or run `apt-get update` with the archive that has it',
      },
    );
  const spec = `${one.name}${one.architecture === 'all' ? '' : `:${one.architecture}`}=${one.version}`;
  const args = [...options, ...targetRelease(suite), '-q', 'download', '--', spec];
  const fetch = (cwd: string) =>
    exec('apt-get', args, { cwd, timeout: 1_800_000, env: { LC_ALL: 'C' }, ...(signal ? { signal } : {}) });
  const hint = 'check the network; when the archive has moved on, run `apt-get update` and try again';
  return cachedPackage(one, context, fetch, hint);
}

/** Empty lists and a misspelt name look alike to apt; what other names it knows tells them apart. */
async function unknown(
  wanted: readonly string[],
  { suite }: AptSource,
  options: readonly string[],
  cause?: unknown,
) {
  const { stdout } = await exec('apt-cache', [...options, 'pkgnames', 'linux-image-']);
  const known = stdout.split('\n').filter(Boolean);
  const [first = ''] = wanted;
  const name = first.replace(/[:=].*$/, '');
  const where = suite ? ` in ${suite}` : '';
  const near = known.includes(name) ? '' : didYouMean(name, known);
  return userError('E_APT_UNKNOWN', `apt has no package ${wanted.join(', ')}${where}${near}`, {
    hint: unknownHint(first, name, known),
    cause,
  });
}

function unknownHint(wanted: string, name: string, known: readonly string[]): string {
  if (known.includes(name))
    return `\`apt-cache policy ${name}\` shows the versions and suites that there are`;
  if (known.length === 0) return "apt's lists are empty here: run `apt-get update` (as root), then try again";
  const foreign = ARCHITECTURES.find(({ names }) => name.endsWith(`-${names.debian}`))?.names.debian;
  if (foreign && architectureIn(wanted) === null && foreign !== hostArchitecture().names.debian)
    return `for a kernel of another architecture, write apt:${name}:${foreign}`;
  return '`apt-cache search linux-image` shows the names; `apt-get update` (as root) brings new ones';
}
