/** What befalls a run from outside, at random moments. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../fuzz/random.js';

/** A run that is under way: bootgate's process, and the folder on whose disk it writes. */
export interface Victim {
  pid: number;
  results: string;
}

/** Does its worst, and puts right what a host would put right (a process goes on, a disk has room again). Returns what it did. */
export type Fault = (victim: Victim, random: Random) => Promise<string>;

export const FAULTS: Record<string, Fault> = {
  'a guest killed': async ({ results }, random) => {
    const pid = random.pick(qemusOf(results));
    return `kill -9 of QEMU ${signal(pid, 'SIGKILL')}`;
  },
  'a guest stopped': ({ results }, random) => stop([random.pick(qemusOf(results))], 30, random),
  'bootgate stopped': ({ pid }, random) => stop([pid], 30, random),
  'all of it stopped': ({ pid, results }, random) => stop([pid, ...qemusOf(results)], 60, random),
  'bootgate killed': async ({ pid }) => `kill -9 of bootgate ${signal(pid, 'SIGKILL')}`,
  'the disk full': async ({ results }, random) => {
    const filler = join(results, '.filler');
    const { bavail, bsize } = statfsSync(results);
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    } catch {
      // Somebody else took the last of it.
    }
    const seconds = 1 + random.below(8);
    await sleep(seconds * 1000);
    rmSync(filler, { force: true });
    return `disk full for ${seconds} s`;
  },
  'a slow host': async (_, random) => {
    const [hogs, seconds] = [2 + random.below(12), 5 + random.below(25)];
    const busy = Array.from({ length: hogs }, () =>
      spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
    );
    await sleep(seconds * 1000);
    for (const one of busy) one.kill('SIGKILL');
    return `${hogs} other programs busy for ${seconds} s`;
  },
};

async function stop(pids: (number | undefined)[], most: number, random: Random): Promise<string> {
  for (const pid of pids) signal(pid, 'SIGSTOP');
  const seconds = 1 + random.below(most);
  await sleep(seconds * 1000);
  return `${pids.map((pid) => signal(pid, 'SIGCONT')).join(', ')} stopped for ${seconds} s`;
}

/** Processes of QEMU that work below a folder. */
export function qemusOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu') &&
          readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
        );
      } catch {
        return false; // It has just ended.
      }
    });
}

/** Who has ended meanwhile cannot be hurt. */
function signal(pid: number | undefined, name: NodeJS.Signals): string {
  try {
    if (pid) process.kill(pid, name);
    return `${pid ?? 'of nobody'}`;
  } catch {
    return `${pid} (ended)`;
  }
}
