import { mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Cache, digestOfFile } from '../cache.js';
import { BootgateError, hostError, userError } from '../errors.js';
import { exec } from '../exec.js';
import { didYouMean } from '../suggest.js';
import { formatBytes } from '../units.js';
import { clauses, parseControl } from './deb.js';
import { stampOfFolders } from './digest.js';
import type { KernelSource } from './source.js';

/** One package as apt knows it, from its signed lists. */
interface AptPackage {
  name: string;
  version: string;
  architecture: string;
  depends: string[];
  /** Base name of the file in the archive. */
  file: string;
  bytes: number;
  sha256: string;
}

/**
 * What a kernel's files are split over: Debian's and Ubuntu's image packages depend on these. Everything else that
 * they depend on (kmod, initramfs-tools, firmware) is not the kernel.
 */
const KERNEL_PART = /^linux-(image|modules|binary|base-\d)/;
const NOT_PART = /-dbg(sym)?$/;

/** What apt's answer depends on: the lists, what is installed, sources, pins and settings. */
const APT_STATE = ['/var/lib/apt/lists', '/var/lib/dpkg/status', '/etc/apt'];

interface AptContext {
  cache: Cache;
  log: (sentence: string) => void;
  signal?: AbortSignal;
}

/**
 * Follows a package through metapackages to everything that may carry the kernel's files, and fetches those without
 * installing them. The files are kept in the cache by name, version and checksum: a second time needs no network.
 * @throws BootgateError blame `user` E_APT_UNKNOWN, blame `host` E_APT_DOWNLOAD, E_APT_CHECKSUM, E_TOOL_MISSING.
 */
export async function fetchFromApt(
  source: KernelSource & { kind: 'apt' },
  context: AptContext,
): Promise<string[]> {
  const plan = await rememberedPlan(source, context);
  const files: string[] = [];
  for (const one of plan) files.push(await download(one, source, context));
  return files;
}

/** Asking apt costs half a second of CPU each time; its answer stays the same while what it reads does. */
async function rememberedPlan(source: KernelSource & { kind: 'apt' }, context: AptContext) {
  const key = `plan 1 ${source.text} ${process.env.APT_CONFIG ?? ''} ${await stampOfFolders(APT_STATE)}`;
  const plan = await context.cache.text('apt-plan', key, async () =>
    JSON.stringify(await makePlan(source, context)),
  );
  return JSON.parse(plan) as AptPackage[];
}

async function makePlan(source: KernelSource & { kind: 'apt' }, context: AptContext): Promise<AptPackage[]> {
  let wanted = [source.version ? `${source.name}=${source.version}` : source.name];
  const seen = new Set<string>();
  const plan: AptPackage[] = [];
  while (wanted.length > 0) {
    for (const one of wanted) seen.add(one);
    const found = await show(wanted, source, context);
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
  source: KernelSource & { kind: 'apt' },
  { signal }: AptContext,
): Promise<AptPackage[]> {
  const options = [...targetRelease(source), '--no-all-versions', 'show', '--', ...wanted];
  const { stdout } = await exec('apt-cache', options, {
    env: { LC_ALL: 'C' },
    ...(signal ? { signal } : {}),
  }).catch(async (error: unknown) => {
    throw isCode(error, 'E_TOOL_FAILED') ? await unknown(wanted, source, error) : withAptHint(error);
  });
  const packages = stdout
    .split(/\n\n+/)
    .map(parseControl)
    .filter((fields) => fields.has('package'))
    .map(packageOf);
  // apt-cache leaves out what it does not know as long as it knows one of them.
  const missing = wanted.filter((one) => !packages.some(({ name }) => name === one.replace(/[:=].*$/, '')));
  if (missing.length > 0) throw await unknown(missing, source);
  return packages;
}

function packageOf(fields: Map<string, string>): AptPackage {
  const field = (key: string) => fields.get(key) ?? '';
  return {
    name: field('package'),
    version: field('version'),
    architecture: field('architecture'),
    depends: [...clauses(fields.get('pre-depends')), ...clauses(fields.get('depends'))],
    file: basename(field('filename')),
    bytes: Number(field('size')),
    sha256: field('sha256'),
  };
}

async function download(one: AptPackage, source: KernelSource & { kind: 'apt' }, context: AptContext) {
  const { cache, log, signal } = context;
  if (!/^[0-9a-f]{64}$/.test(one.sha256) || one.file === '')
    throw hostError(
      'E_APT_DOWNLOAD',
      `apt knows ${one.name} ${one.version} only as installed: no archive has it`,
      {
        hint: 'use installed, or run `apt-get update` with the archive that has it',
      },
    );
  const key = `${one.name} ${one.version} ${one.architecture} ${one.sha256}`;
  const folder = await cache.entry('apt', key, async (temporary) => {
    log(`downloading ${one.name} ${one.version} (${formatBytes(one.bytes)})`);
    await mkdir(temporary, { recursive: true });
    const spec = `${one.name}${one.architecture === 'all' ? '' : `:${one.architecture}`}=${one.version}`;
    const args = [...targetRelease(source), '-q', 'download', '--', spec];
    await exec('apt-get', args, {
      cwd: temporary,
      timeout: 1_800_000,
      env: { LC_ALL: 'C' },
      ...(signal ? { signal } : {}),
    }).catch((error: unknown) => {
      if (!isCode(error, 'E_TOOL_FAILED')) throw withAptHint(error);
      throw hostError(
        'E_APT_DOWNLOAD',
        `cannot download ${one.name} ${one.version}: ${(error as Error).message}`,
        {
          hint: 'check the network; when the archive has moved on, run `apt-get update`',
          cause: error,
        },
      );
    });
    const got = (await readdir(temporary)).find((name) => name.endsWith('.deb') || name.endsWith('.udeb'));
    const file = join(temporary, got ?? 'nothing');
    if (!got || (await digestOfFile(file)) !== `sha256:${one.sha256}`)
      throw hostError(
        'E_APT_CHECKSUM',
        `the download of ${one.name} ${one.version} does not match apt's lists`,
        {
          hint: 'run `apt-get update` and try again',
        },
      );
    await rename(file, join(temporary, one.file));
  });
  return join(folder, one.file);
}

function targetRelease({ suite }: { suite: string | null }): string[] {
  return suite === null ? [] : ['-o', `APT::Default-Release=${suite}`];
}

/** Empty lists and a misspelt name look alike to apt; what other names it knows tells them apart. */
async function unknown(wanted: readonly string[], { suite }: { suite: string | null }, cause?: unknown) {
  const { stdout } = await exec('apt-cache', ['pkgnames', 'linux-image-']);
  const known = stdout.split('\n').filter(Boolean);
  const [first = ''] = wanted;
  const name = first.replace(/=.*$/, '');
  const where = suite ? ` in ${suite}` : '';
  const near = known.includes(name) ? '' : didYouMean(name, known);
  const hint = known.includes(name)
    ? `\`apt-cache policy ${name}\` shows the versions and suites that there are`
    : known.length > 0
      ? '`apt-cache search linux-image` shows the names; `apt-get update` (as root) brings new ones'
      : "apt's lists are empty here: run `apt-get update` (as root), then try again";
  return userError('E_APT_UNKNOWN', `apt has no package ${wanted.join(', ')}${where}${near}`, {
    hint,
    cause,
  });
}

function withAptHint(error: unknown): unknown {
  if (!isCode(error, 'E_TOOL_MISSING')) return error;
  return hostError('E_TOOL_MISSING', (error as Error).message, {
    hint: 'apt: sources need Debian or Ubuntu; give the package files instead',
    cause: error,
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof BootgateError && error.code === code;
}
