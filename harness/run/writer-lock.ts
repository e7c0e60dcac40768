import {
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { hostError, userError } from '../errors.js';
import { cleanLine } from '../printable.js';

/**
 * A run's folder has one writer: two would take away each other's disks and report failures that are none. The lock is a file
 * `writer.N.lock`; a writer that died leaves its own behind, and the next one makes N + 1, which only one can. So nothing has to
 * be taken away before the folder is held.
 */
export interface WriterLock {
  release(): void;
}

interface Holder {
  pid: number;
  /** Field 22 of /proc/PID/stat: a pid that is used again has another. */
  started: string;
  /** Of the host as it was started. */
  boot: string;
  /** Pids mean something inside one of these only. */
  pidSpace: string;
  host: string;
  since: string;
}

const NAME = /^writer\.(\d+)\.lock$/;
/** A holder whose process cannot be looked at (another host or container) touches its lock so often. */
const TOUCH_MS = 15_000;
const SILENT_MS = 4 * TOUCH_MS;

/** @throws BootgateError blame `user` E_RUN_BUSY: who writes here, and since when; `host` E_RESULTS where no lock can be made. */
export function lockRun(folder: string): WriterLock {
  const me = ourselves();
  const before = locksIn(folder);
  const held = before.find(({ path }) => isAlive(path, me));
  if (held) throw busy(folder, held.path);
  const path = join(folder, `writer.${(before.at(-1)?.number ?? 0) + 1}.lock`);
  try {
    writeFileSync(path, `${JSON.stringify(me)}\n`, { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw busy(folder, path);
    throw hostError('E_RESULTS', `cannot write in ${folder}: ${message}`, { cause: error });
  }
  // Whoever came by another number: both see each other, or the later one does.
  const rival = locksIn(folder).find((one) => one.path !== path && isAlive(one.path, me));
  if (rival) {
    remove(path);
    throw busy(folder, rival.path);
  }
  for (const old of before) remove(old.path);
  const timer = setInterval(() => touch(path), TOUCH_MS);
  timer.unref();
  return {
    release: () => {
      clearInterval(timer);
      remove(path);
    },
  };
}

function locksIn(folder: string): { number: number; path: string }[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const number = NAME.exec(name)?.[1];
      return number === undefined ? [] : [{ number: Number(number), path: join(folder, name) }];
    })
    .sort((a, b) => a.number - b.number);
}

function isAlive(path: string, me: Holder): boolean {
  const holder = readHolder(path);
  if (holder && holder.boot === me.boot && holder.pidSpace === me.pidSpace)
    return startOf(holder.pid) === holder.started;
  // Half written a moment ago, or not ours to look at.
  try {
    return Date.now() - statSync(path).mtimeMs < SILENT_MS;
  } catch {
    return false; // It was released.
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function busy(folder: string, path: string): Error {
  const holder = readHolder(path);
  const where = holder && holder.host !== hostname() ? ` on ${holder.host}` : '';
  const who = holder ? `process ${holder.pid}${where}, since ${holder.since}` : 'another process';
  return userError('E_RUN_BUSY', cleanLine(`${folder} is being written by ${who}`), {
    hint: 'wait for it or stop it, then resume; or run without --resume, which makes its own folder',
  });
}

function ourselves(): Holder {
  return {
    pid: process.pid,
    started: startOf(process.pid) ?? '',
    boot: readOr('/proc/sys/kernel/random/boot_id'),
    pidSpace: linkOr('/proc/self/ns/pid'),
    host: hostname(),
    since: new Date().toISOString(),
  };
}

/** When a process was started; undefined when it is gone, or only its exit status is left. */
function startOf(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function linkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // The folder is gone: so is what the lock was for.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}
