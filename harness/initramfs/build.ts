import { constants, createReadStream } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import type { Architecture } from '../arch/index.js';
import { type Cache, digestOf } from '../cache.js';
import { BootgateError } from '../errors.js';
import type { ModuleSet } from '../modules/module.js';
import type { Window } from '../vm/machine.js';
import { writeCpio } from './cpio.js';
import { USR_MERGED } from './host-files.js';
import type { Entry, Initramfs, ModuleDelivery, Segment } from './initramfs.js';
import { modulesSegment } from './modules-segment.js';
import { cachedSegment } from './segment.js';
import type { Userland } from './tool-source.js';
import { userlandSegment } from './userland.js';
import { buildWindow } from './window.js';
import { writeAll } from './write-all.js';

export interface InitramfsRequest {
  set: ModuleSet;
  /** Tools beyond the base, by the names of images/userland.yaml. */
  tools: readonly string[];
  /** The guest's input; may be empty. */
  scenarioEntries: readonly Entry[];
  delivery: ModuleDelivery;
  cache: Cache;
  /** Of the kernel; the userland must be of it too. The host's unless given. */
  arch?: Architecture;
  /** Where the tools come from; see UserlandOptions. */
  userland?: Userland | undefined;
  log?: (sentence: string) => void;
  /**
   * Where the scenario's segment is written, as it differs with each boot. Without it the segment goes into the
   * cache, where nobody will ever ask for it again.
   */
  scenarioPath?: string;
}

/**
 * `module set -> initramfs`: the segments that make up one guest's initramfs, from the cache or made now, and the
 * module window that goes with them. Requests that run side by side make each segment once.
 */
export async function buildInitramfs(
  request: InitramfsRequest,
): Promise<Initramfs & { window: Window | null }> {
  const started = performance.now();
  const { set, tools, delivery, cache, arch, userland: from, log } = request;
  checkScenarioEntries(request.scenarioEntries);
  const [userland, { modules, window }, scenario] = await Promise.all([
    userlandSegment({ tools, cache, arch, userland: from, ...(log ? { log } : {}) }),
    deliver(set, delivery, cache),
    scenarioSegment(request),
  ]);
  const segments = [userland, modules, ...(scenario ? [scenario] : [])];
  return {
    segments,
    bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
    digest: digestOf(...segments.map((segment) => segment.digest)),
    buildMs: performance.now() - started,
    window,
  };
}

async function deliver(set: ModuleSet, delivery: ModuleDelivery, cache: Cache) {
  const built = delivery === 'window' ? await buildWindow(set.index, cache) : null;
  const modules = await modulesSegment(set, delivery, built?.offsets ?? null, cache);
  return { modules, window: built?.window ?? null };
}

/** The kernel replaces the link /lib by a folder when an archive has an entry lib/x: every program would be gone. */
function checkScenarioEntries(entries: readonly Entry[]): void {
  for (const entry of entries)
    if ((USR_MERGED as readonly string[]).includes(entry.path.split('/')[0] ?? ''))
      throw new BootgateError(
        `a scenario's segment must not contain ${entry.path}: write usr/${entry.path}`,
        {
          code: 'E_ARCHIVE_ENTRY',
          blame: 'bug',
        },
      );
}

async function scenarioSegment(request: InitramfsRequest): Promise<Segment | null> {
  const { scenarioEntries, scenarioPath: path, cache } = request;
  if (scenarioEntries.length === 0) return null;
  if (path) return { kind: 'scenario', path, ...(await writeCpio(scenarioEntries, path)) };
  const key = digestOf(...scenarioEntries.map((entry) => JSON.stringify(entry)));
  return cachedSegment(cache, 'scenario', key, () => [...scenarioEntries]);
}

/**
 * Puts segments one after another into one file, as QEMU wants it. The first is copied by the file system where it
 * can share blocks. Every segment is a multiple of 512 bytes, so each starts where the kernel looks for an archive.
 */
export async function assemble(segments: readonly Segment[], path: string): Promise<{ bytes: number }> {
  const [first, ...rest] = segments;
  if (!first) throw new Error('an initramfs has at least one segment');
  await copyFile(first.path, path, constants.COPYFILE_FICLONE);
  const out = await open(path, 'a');
  try {
    for (const segment of rest)
      for await (const chunk of createReadStream(segment.path, { highWaterMark: 1 << 20 }))
        await writeAll(out, chunk as Uint8Array);
  } finally {
    await out.close();
  }
  return { bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0) };
}
