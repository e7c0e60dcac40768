import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './folders.js';

/**
 * Folders for work under way: `PARENT/PID.START.NAMESPACE.BOOT.RANDOM`. The name says whose it is, so that what a killed
 * process left behind is found, and what a living one uses is not touched.
 */
export async function makeScratch(parent: string): Promise<string> {
  const path = join(parent, `${ownerMark()}.${randomBytes(4).toString('hex')}`);
  await makeFolder(path);
  return path;
}

/** A process of another machine, boot or container cannot be asked whether it lives: its folder is old after a day. */
const FOREIGN_MS = 24 * 3600 * 1000;

/** Removes the folders of processes that are no more. Returns how many. Never throws: the next start tries again. */
export async function sweepScratch(parent: string): Promise<number> {
  let names: string[];
  try {
    names = readdirSync(parent);
  } catch {
    return 0;
  }
  let swept = 0;
  for (const name of names) {
    const path = join(parent, name);
    if (!isLeft(name, path)) continue;
    // A child of the dead process may still write there.
    await rm(path, { recursive: true, force: true, maxRetries: 2 }).then(
      () => swept++,
      () => undefined,
    );
  }
  return swept;
}

function isLeft(name: string, path: string): boolean {
  const [pid = '', start, namespace, boot] = name.split('.');
  if (/^[1-9]\d*$/.test(pid) && namespace === pidNamespace() && boot === bootId())
    return startOf(pid) !== start;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > FOREIGN_MS;
}

function ownerMark(): string {
  const pid = String(process.pid);
  return [pid, startOf(pid), pidNamespace(), bootId()].join('.');
}

/** When a process was started, in ticks since boot (proc(5), stat, field 22): a reused PID has another. Empty for a dead one. */
function startOf(pid: string): string {
  const stat = readOr(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets, and may hold anything.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? '' : (fields[18] ?? '');
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
  } catch {
    return '';
  }
}

let boot: string | undefined;

/** Of the running system; empty where it does not say. */
export function bootId(): string {
  boot ??= readOr('/proc/sys/kernel/random/boot_id').trim().replaceAll('-', '').slice(0, 16);
  return boot;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
