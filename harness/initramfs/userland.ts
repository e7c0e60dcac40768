import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Architecture, architectureOf, hostArchitecture, libraryFolders } from '../arch/index.js';
import { type Cache, digestOf, digestOfFile } from '../cache.js';
import { BootgateError, hostError } from '../errors.js';
import { exec } from '../exec.js';
import { guestDir } from '../paths.js';
import { archiveTime } from './cpio.js';
import { expandPattern, HostFiles, quickStamp, USR_MERGED, watchedBy } from './host-files.js';
import { findCommand, missingPrograms } from './host-programs.js';
import type { Entry, Segment } from './initramfs.js';
import { LibraryFinder } from './libraries.js';
import { onceAtATime } from './once.js';
import { reseedProgram } from './reseed.js';
import { cachedSegment } from './segment.js';
import { type GuestTool, readUserlandTable, selectTools } from './userland-table.js';

export interface UserlandOptions {
  /** Tools beyond the base, by the names of images/userland.yaml. */
  tools: readonly string[];
  cache: Cache;
  arch?: Architecture;
  /** Unless given: images/userland.yaml and harness/guest. */
  tableFile?: string;
  guestDir?: string;
}

/** A program of the table, found. */
interface FoundTool extends GuestTool {
  file: string;
}

/**
 * The userland segment: base programs, the tools asked for, every library that they load, the guest's agent, and the
 * folders of a root file system. Copied from this machine; cached by the contents of what goes in.
 * @throws BootgateError blame `user`, E_TOOL_UNKNOWN; blame `host`, E_USERLAND_MISSING (each program with its
 *   package), E_USERLAND_LIBRARY, E_USERLAND_ARCH.
 */
export async function userlandSegment(options: UserlandOptions): Promise<Segment> {
  const table = await readUserlandTable(options.tableFile);
  const tools = [...table.base, ...selectTools(table, options.tools)];
  const names = tools.map((tool) => tool.name).join(' ');
  const asked = [options.cache.root, 'userland', names, options.arch, options.tableFile, options.guestDir];
  return onceAtATime(asked.join('\0'), async () => {
    const found = await findAll(tools);
    const arch = options.arch ?? hostArchitecture().arch;
    const agent = [...agentEntries(options.guestDir ?? guestDir), ...reseedProgram(arch)];
    const scripts = agent.map((entry) => ('data' in entry ? digestOf(entry.path, entry.data) : ''));
    const folders = libraryFolders(architectureOf(arch));
    const patterns = found.flatMap(({ files }) =>
      files.flatMap(({ pattern }) => watchedBy(pattern, folders)),
    );
    const stamps = [...found.map(({ file }) => file), '/etc/ld.so.cache', ...patterns].map(quickStamp);
    const key = digestOf(
      'userland 1',
      `${archiveTime()}`,
      table.text,
      names,
      options.arch ?? '',
      ...scripts,
      ...stamps,
    );
    const memo = new UserlandMemo(options.cache, key);
    const known = await memo.read();
    if (known !== null)
      return cachedSegment(
        options.cache,
        'userland',
        known,
        async () => (await collect(found, agent, arch)).entries,
      );
    const { entries, paths } = await collect(found, agent, arch);
    const contents = digestOf(...(await Promise.all(entries.map(contentKey))).sort());
    const segment = await cachedSegment(options.cache, 'userland', contents, () => entries);
    await memo.write(contents, paths);
    return segment;
  });
}

async function findAll(tools: readonly GuestTool[]): Promise<FoundTool[]> {
  const found = await Promise.all(
    tools.map(async (tool) => ({ ...tool, file: (await findCommand(tool.command)) ?? '' })),
  );
  const missing = found.filter((tool) => tool.file === '');
  if (missing.length > 0) throw await missingPrograms(missing);
  return found;
}

/** Everything that goes in, and every host path that this depends on. */
async function collect(tools: readonly FoundTool[], agent: Entry[], arch: Architecture) {
  const libraries = new LibraryFinder(arch);
  const files = new HostFiles();
  const links: Entry[] = [];
  const objects: string[] = [];
  for (const tool of tools) {
    const place = files.add(tool.file);
    objects.push(tool.file);
    links.push(
      ...tool.links.map((link): Entry => ({ path: link.slice(1), type: 'symlink', target: `/${place}` })),
    );
    for (const { pattern, optional } of tool.files) {
      const matches = expandPattern(pattern, libraryFolders(architectureOf(arch)));
      if (matches.length === 0 && !optional)
        throw hostError('E_USERLAND_FILE', `${tool.name} needs ${pattern}, but no file here has that name`, {
          hint: `reinstall the package that has ${tool.command}, or correct images/userland.yaml`,
        });
      for (const match of matches) files.add(match);
      objects.push(...matches);
    }
  }
  const sonames = [...new Set(tools.flatMap((tool) => tool.libs))];
  for (const library of libraries.closure(objects, sonames)) files.add(library);
  if (libraries.usesLdCache) files.add('/etc/ld.so.cache');
  const fixed = [...skeleton, ...agent];
  const busybox = tools.find((tool) => tool.name === 'busybox');
  const taken = new Map<string, Entry>();
  // Earlier ones win: the agent's /sbin/modprobe over the host's, and a real file over a link to it.
  for (const entry of [...fixed, ...files.entries(), ...links])
    if (!taken.has(entry.path)) taken.set(entry.path, entry);
  const applets = busybox ? await appletLinks(busybox.file, files.add(busybox.file), [...taken.keys()]) : [];
  return { entries: [...taken.values(), ...applets], paths: files.paths() };
}

/**
 * What programs other than busybox may want to run by name (ip netns exec, system(3), xargs). Only these get a link where
 * the shell finds its applets without: the kernel takes more than a millisecond of a TCG boot for each.
 */
const LINKED_APPLETS = new Set(
  (
    'ash sh awk cat chmod cp cut date dd df dirname dmesg echo env expr false find free grep gzip head hostname id ' +
    'ifconfig kill killall ln ls lsmod mkdir mkfifo mknod mount mv nc netstat pidof ping ping6 ps readlink rm rmdir route ' +
    'sed seq setsid sleep sort stat stty sync sysctl tail tar tee test timeout touch tr true udhcpc umount uname uniq wc ' +
    'wget xargs yes zcat'
  ).split(' '),
);

/**
 * A symbolic link for each applet, except where a real program has that name. busybox's sh may be built to run its
 * applets before it looks at PATH (Debian's is: FEATURE_SH_STANDALONE). Then few links are needed, and
 * /bootgate/programs.sh makes a function of each real program that an applet would hide; steps source it.
 */
async function appletLinks(busybox: string, place: string, taken: readonly string[]): Promise<Entry[]> {
  const { stdout } = await exec(busybox, ['--list']);
  const programs = new Map<string, string>();
  for (const path of taken) if (/^usr\/s?bin\//.test(path)) programs.set(basename(path), path);
  const applets = stdout.split('\n').filter((name) => name !== '' && !name.includes('/'));
  const { exitCode } = await exec(busybox, ['sh', '-c', 'cut --help'], {
    env: { PATH: '/nonexistent' },
    okCodes: [0, 127],
  });
  const standalone = exitCode === 0;
  const hidden = applets.filter(
    (name) => programs.has(name) && /^[a-z_]\w*$/i.test(name) && name !== 'busybox',
  );
  return [
    ...applets
      .filter((name) => !programs.has(name) && (!standalone || LINKED_APPLETS.has(name)))
      .map((name): Entry => ({ path: `usr/bin/${name}`, type: 'symlink', target: `/${place}` })),
    text(
      'bootgate/programs.sh',
      hidden.map((name) => `${name}() { /${programs.get(name)} "$@"; }\n`).join(''),
    ),
  ];
}

/** The scripts of harness/guest: init and modprobe where the kernel looks for them, the rest below /bootgate. */
function agentEntries(folder: string): Entry[] {
  const places = new Map([
    ['init.sh', 'init'],
    ['modprobe.sh', 'usr/sbin/modprobe'],
  ]);
  const tools = ['insmod', 'modinfo', 'depmod'].map(
    (name): Entry => ({ path: `usr/sbin/${name}`, type: 'symlink', target: '/bootgate/module-tools.sh' }),
  );
  const scripts = readdirSync(folder).filter((name) => /\.(sh|awk)$/.test(name));
  if (!scripts.includes('init.sh'))
    throw new BootgateError(`${folder} holds no init.sh: the installation is incomplete`, {
      code: 'E_GUEST_AGENT',
      blame: 'bug',
    });
  const files = scripts.sort().map((name): Entry => {
    const data = readFileSync(join(folder, name));
    return { path: places.get(name) ?? `bootgate/${name}`, type: 'file', mode: 0o755, data };
  });
  return [...files, ...(scripts.includes('module-tools.sh') ? tools : [])];
}

const text = (path: string, data: string): Entry => ({ path, type: 'file', data: Buffer.from(data) });
const folder = (path: string, mode = 0o755): Entry => ({ path, type: 'directory', mode });

/** A usr-merged root. /dev/console must be there before anything is mounted: init's own output goes to it. */
const skeleton: Entry[] = [
  ...USR_MERGED.map((name): Entry => ({ path: name, type: 'symlink', target: `usr/${name}` })),
  ...['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/lib/modules'].map((path) => folder(path)),
  ...['dev', 'proc', 'sys', 'run', 'etc', 'mnt', 'var', 'bootgate'].map((path) => folder(path)),
  folder('tmp', 0o1777),
  folder('root', 0o700),
  { path: 'var/run', type: 'symlink', target: '/run' },
  { path: 'dev/console', type: 'device', kind: 'char', major: 5, minor: 1, mode: 0o600 },
  { path: 'dev/null', type: 'device', kind: 'char', major: 1, minor: 3, mode: 0o666 },
  text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
  text('etc/group', 'root:x:0:\n'),
  text('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
];

async function contentKey(entry: Entry): Promise<string> {
  if (entry.type !== 'file') return JSON.stringify(entry);
  const digest = 'data' in entry ? digestOf(entry.data) : await digestOfFile(entry.source);
  return JSON.stringify([entry.path, entry.mode ?? null, digest]);
}

/**
 * Which contents a row of unchanged host files came to, so that a warm build reads no libraries. Only a hint, replaced
 * when a file has changed: the segment itself is keyed by content.
 */
class UserlandMemo {
  readonly #cache: Cache;
  readonly #key: string;

  constructor(cache: Cache, key: string) {
    this.#cache = cache;
    this.#key = key;
  }

  /** The digest of the contents; null when it is not known, or a file is another one now. */
  async read(): Promise<string | null> {
    const text = await this.#cache.recall('userland-memo', this.#key);
    if (text === null) return null;
    const { contents, stamps } = JSON.parse(text) as {
      contents: string;
      stamps: [path: string, stamp: string][];
    };
    return stamps.every(([path, stamp]) => quickStamp(path) === stamp) ? contents : null;
  }

  async write(contents: string, paths: readonly string[]): Promise<void> {
    const stamps = paths.map((path) => [path, quickStamp(path)]);
    await this.#cache.keep('userland-memo', this.#key, JSON.stringify({ contents, stamps }));
  }
}
