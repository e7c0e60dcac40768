import { type Architecture, architectureOf, hostArchitecture, libraryFolders } from '../arch/index.js';
import { type Cache, digestOf, digestOfFile } from '../cache.js';
import { hostError } from '../errors.js';
import { guestDir } from '../paths.js';
import { appletLinks } from './applets.js';
import { archiveTime } from './cpio.js';
import { agentEntries, skeleton } from './guest-agent.js';
import { expandPattern, HostFiles, quickStamp } from './host-files.js';
import type { Entry, Segment } from './initramfs.js';
import { LibraryFinder } from './libraries.js';
import { onceAtATime } from './once.js';
import { reseedProgram } from './reseed.js';
import { cachedSegment } from './segment.js';
import {
  defaultUserland,
  type FoundTool,
  fromHost,
  fromPackages,
  type ToolRoot,
  type Userland,
} from './tool-source.js';
import { readUserlandTable, selectTools } from './userland-table.js';

export interface UserlandOptions {
  /** Tools beyond the base, by the names of images/userland.yaml. */
  tools: readonly string[];
  cache: Cache;
  arch?: Architecture | undefined;
  /** Unless given: this machine's programs for its own architecture, packages for another. */
  userland?: Userland | undefined;
  /** Unless given: images/userland.yaml, images/userland.lock and harness/guest. */
  tableFile?: string;
  lockFile?: string;
  guestDir?: string;
  /** What takes its time, a sentence each. */
  log?: (sentence: string) => void;
}

/**
 * The userland segment: base programs, the tools asked for, every library that they load, the guest's agent, and the
 * folders of a root file system. Copied from this machine, or out of packages; cached by the contents of what goes in.
 * @throws BootgateError blame `user`, E_TOOL_UNKNOWN, E_USERLAND_LOCK; blame `host`, E_USERLAND_MISSING (each program with its
 *   package), E_USERLAND_LIBRARY, E_USERLAND_ARCH, E_APT_DOWNLOAD.
 */
export async function userlandSegment(options: UserlandOptions): Promise<Segment> {
  const { cache, log = () => {} } = options;
  const table = await readUserlandTable(options.tableFile);
  const tools = [...table.base, ...selectTools(table, options.tools)];
  const names = tools.map((tool) => tool.name).join(' ');
  const arch = options.arch ?? hostArchitecture().arch;
  const userland = options.userland ?? defaultUserland(arch);
  const files = [options.tableFile, options.lockFile, options.guestDir];
  const asked = [cache.root, 'userland', names, arch, userland, ...files];
  return onceAtATime(asked.join('\0'), async () => {
    const source =
      userland === 'host'
        ? await fromHost(tools, arch)
        : await fromPackages(tools, arch, { cache, log }, options.lockFile);
    const agent = [...agentEntries(options.guestDir ?? guestDir), ...reseedProgram(arch)];
    const scripts = agent.map((entry) => ('data' in entry ? digestOf(entry.path, entry.data) : ''));
    const time = `${archiveTime()}`;
    const key = digestOf('userland 2', time, table.text, names, arch, ...scripts, source.key);
    const memo = new UserlandMemo(cache, key);
    const known = await memo.read();
    const make = async () => collect(await source.open(), agent, arch);
    if (known !== null) return cachedSegment(cache, 'userland', known, async () => (await make()).entries);
    const { entries, paths } = await make();
    const contents = digestOf(...(await Promise.all(entries.map(contentKey))).sort());
    const segment = await cachedSegment(cache, 'userland', contents, () => entries);
    // Packages never change.
    await memo.write(contents, userland === 'host' ? paths : []);
    return segment;
  });
}

/** The files of some tools and all that they need, with the links to them. `usesLdCache` has gone in too. */
export function gather({ root, tools }: Pick<ToolRoot, 'root' | 'tools'>, arch: Architecture) {
  const libraries = new LibraryFinder(arch, root);
  const files = new HostFiles(root);
  const links: Entry[] = [];
  const objects: string[] = [];
  for (const tool of tools) {
    const place = files.add(tool.file);
    objects.push(tool.file);
    links.push(
      ...tool.links.map((link): Entry => ({ path: link.slice(1), type: 'symlink', target: `/${place}` })),
    );
    for (const match of filesOf(tool, arch, root)) {
      files.add(match);
      objects.push(match);
    }
  }
  const sonames = [...new Set(tools.flatMap((tool) => tool.libs))];
  for (const library of libraries.closure(objects, sonames)) files.add(library);
  if (libraries.usesLdCache) files.add('/etc/ld.so.cache');
  return { files, links };
}

function filesOf(tool: FoundTool, arch: Architecture, root: string): string[] {
  return tool.files.flatMap(({ pattern, optional }) => {
    const matches = expandPattern(pattern, libraryFolders(architectureOf(arch)), root);
    if (matches.length === 0 && !optional)
      throw hostError('E_USERLAND_FILE', `${tool.name} needs ${pattern}, but no file here has that name`, {
        hint: `reinstall the package that has ${tool.command}, or correct images/userland.yaml`,
      });
    return matches;
  });
}

/** Everything that goes in, and every path below the root that this depends on. */
async function collect(source: ToolRoot, agent: Entry[], arch: Architecture) {
  const { files, links } = gather(source, arch);
  const busybox = source.tools.find((tool) => tool.name === 'busybox');
  const taken = new Map<string, Entry>();
  // Earlier ones win: the agent's /sbin/modprobe over the host's, and a real file over a link to it.
  for (const entry of [...skeleton, ...agent, ...files.entries(), ...links])
    if (!taken.has(entry.path)) taken.set(entry.path, entry);
  const applets = busybox
    ? appletLinks(await source.applets(busybox.file), files.add(busybox.file), [...taken.keys()])
    : [];
  return { entries: [...taken.values(), ...applets], paths: files.paths() };
}

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
