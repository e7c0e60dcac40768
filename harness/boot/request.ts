import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { canBootDirectly } from '../arch/index.js';
import { type Cache, digestOf } from '../cache.js';
import { userError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { buildInitramfs } from '../initramfs/build.js';
import type { ModuleDelivery, Segment } from '../initramfs/initramfs.js';
import type { Kernel } from '../kernel/kernel.js';
import { packageRoot } from '../paths.js';
import { type Secrets, type ShellFacts, scenarioEntries } from '../scenarios/payload.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { Machine } from '../vm/machine.js';
import type { LocalFiles } from './local-files.js';
import { memoryFor } from './memory.js';

/**
 * One boot as a plain JSON value: all that it follows from, files by what is in them. Whoever has those files (see
 * local-files.ts) boots the same guest from it. It lies in the scenario's folder as recipe.json.
 */
export interface BootRequest {
  schema: typeof SCHEMA;
  /** Machine, devices and steps as declared; its file is relative to the package where it is one of ours. */
  scenario: Scenario;
  kernel: Pick<Kernel, 'release' | 'arch' | 'digest'> & {
    /** Of the file that is booted; see `contentOf`. */
    content: string;
    boot: Machine['boot'];
  };
  set: {
    /** Of the module tree that the set is a part of. */
    tree: string;
    digest: string;
    modules: string[] | 'all';
  };
  userland: { tools: string[] };
  delivery: ModuleDelivery;
  initramfs: { segments: Omit<Segment, 'path'>[]; bytes: number; digest: string };
  window: { content: string; bytes: number } | null;
  /** Of the guest: what the scenario declares, or more where the archive needs it. */
  memoryMiB: number;
  /** Authenticates the agent's records. */
  nonce: string;
  /** What the patterns on disks and shares are made from. */
  seed: string;
}

const SCHEMA = 'bootgate/boot@1';
export const RECIPE = 'recipe.json';

/** What a request needs of an image: of one that was prepared, or of a stored run (image/stored.ts). */
export type BootedImage = Pick<PreparedImage, 'kernel' | 'vmlinux' | 'set' | 'index' | 'delivery'> &
  Partial<Pick<PreparedImage, 'userland'>>;

export interface RequestOptions {
  prepared: BootedImage;
  scenario: Scenario;
  cache: Cache;
  nonce: string;
  seed: string;
  /** Where the scenario's own segment is written. */
  scenarioPath: string;
  /** Learns where on this host the request's files lie. */
  files: LocalFiles;
  /** For `bootgate shell`. */
  shell?: ShellFacts;
}

/** `image + scenario -> request`: builds or finds the initramfs, and names everything by its content. */
export async function makeRequest(options: RequestOptions): Promise<BootRequest> {
  const { prepared, scenario, cache, nonce, seed, files } = options;
  const built = await buildInitramfs({
    set: prepared.set,
    tools: scenario.tools,
    scenarioEntries: scenarioEntries(scenario, { nonce, seed }, options.shell),
    delivery: prepared.delivery,
    cache,
    arch: prepared.kernel.arch,
    userland: prepared.userland,
    scenarioPath: options.scenarioPath,
  });
  return requestOf(prepared, scenario, { nonce, seed }, built, files);
}

/** The request of an initramfs that is built; `files` learns where its files lie. */
export function requestOf(
  { kernel, vmlinux, set, index, delivery }: BootedImage,
  scenario: Scenario,
  { nonce, seed }: Secrets,
  { segments, bytes, digest, window }: Awaited<ReturnType<typeof buildInitramfs>>,
  files: LocalFiles,
): BootRequest {
  const boot = scenario.boot === 'direct' && canBootDirectly(kernel.arch, vmlinux).ok ? 'direct' : 'packaged';
  const content = contentOf(boot === 'direct' ? 'vmlinux' : 'vmlinuz', kernel.digest);
  files.add(content, boot === 'direct' ? vmlinux.path : kernel.vmlinuz);
  for (const segment of segments) files.add(segment.digest, segment.path);
  const windowContent = contentOf('window', kernel.digest, index.digest);
  if (window) files.add(windowContent, window.file);
  return {
    schema: SCHEMA,
    scenario: { ...scenario, file: shown(scenario.file) },
    kernel: { release: kernel.release, arch: kernel.arch, digest: kernel.digest, content, boot },
    set: {
      tree: index.digest,
      digest: set.digest,
      modules: set.names.length === index.modules.size ? 'all' : set.names,
    },
    userland: { tools: [...scenario.tools] },
    delivery,
    initramfs: { segments: segments.map(({ path: _path, ...segment }) => segment), bytes, digest },
    window: window && { content: windowContent, bytes: window.bytes },
    memoryMiB: memoryFor(scenario, { delivery, set, kernel }),
    nonce,
    seed,
  };
}

/** The name of a file that follows from others by a fixed rule, so that its own bytes need not be hashed: `vmlinux:sha256:...`. */
function contentOf(kind: 'vmlinuz' | 'vmlinux' | 'window', ...digests: string[]): string {
  return `${kind}:${digests.length === 1 ? digests[0] : digestOf(...digests)}`;
}

function shown(file: string): string {
  const inside = relative(packageRoot, file);
  return inside.startsWith('..') ? file : inside;
}

/** A request as it was written. @throws user error E_RECIPE for what is none, or is of another version. */
export function parseRequest(text: string, where: string): BootRequest {
  let value: BootRequest | undefined;
  try {
    value = JSON.parse(text) as BootRequest;
  } catch {
    // Told below.
  }
  if (value?.schema === SCHEMA) return value;
  throw userError('E_RECIPE', `${where} is not a boot request of this version of bootgate (${SCHEMA})`, {
    hint: 'run the scenario again',
  });
}

export async function readRequest(path: string): Promise<BootRequest> {
  return parseRequest(await readFile(path, 'utf8'), path);
}
