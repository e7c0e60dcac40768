/** One run under fire, and what is left of it. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../fuzz/random.js';
import { MAIN, newestRun } from '../kvm/as-user.js';
import type { RunResult } from '../results/run-result.js';
import type { Verdict } from '../results/scenario-result.js';
import { FAULTS, qemusOf } from './faults.js';

/** What is booted, and what comes of it on a host where nothing happens. */
export interface Truth {
  image: string;
  verdicts: Map<string, Verdict>;
}

export interface Round {
  boots: number;
  asTruth: number;
  infra: number;
  /** `storage/nvme: pass, should be fail`. */
  wrong: string[];
  /** What was done to it. */
  faults: string[];
  /** Processes and folders that outlived it. */
  left: string[];
  /** The most that bootgate's process had: MiB of memory, open descriptors. */
  peak: { memoryMiB: number; descriptors: number };
  status: number | null;
}

/** Four guests for each core. */
export const JOBS = 4 * availableParallelism();

/**
 * Boots scenarios with faults at random moments; a run that was killed is resumed until it ends by itself. A fault each `pause`
 * seconds or so.
 */
export async function playRound(
  truth: Truth,
  scenarios: readonly string[],
  results: string,
  random: Random,
  pause: number,
): Promise<Round> {
  const peak = { memoryMiB: 0, descriptors: 0 };
  const faults: string[] = [];
  let status: number | null = null;
  mkdirSync(results, { recursive: true });
  for (let tries = 0; tries < 5; tries++) {
    // A run that was killed before it had begun cannot be resumed.
    const resume = begun(results) ? ['--resume', 'latest'] : [];
    const args = ['gate', ...scenarios, '--image', truth.image, '--reference', 'never', ...resume];
    const child = spawn(process.execPath, [MAIN, ...args, '-j', `${JOBS}`, '--results', results], {
      stdio: 'ignore',
    });
    const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
    let running = true;
    void ended.then(() => {
      running = false;
    });
    const watching = watch(child.pid ?? 0, peak, () => running);
    while (running) {
      await Promise.race([ended, sleep(1000 * (1 + random.below(2 * pause)))]);
      if (!running) break;
      const fault = FAULTS[random.pick(Object.keys(FAULTS))];
      if (fault) faults.push(await fault({ pid: child.pid ?? 0, results }, random));
    }
    status = await ended;
    await watching;
    if (status !== null) break;
  }
  await sleep(500);
  const run = newestRun(results);
  const counts = compare(truth, run);
  return { ...counts, faults, left: leftOf(results), peak, status };
}

const begun = (results: string): boolean => readdirSync(results).some((name) => !name.startsWith('.'));

async function watch(pid: number, peak: Round['peak'], running: () => boolean): Promise<void> {
  while (running()) {
    try {
      const kib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      peak.memoryMiB = Math.max(peak.memoryMiB, kib / 1024);
      peak.descriptors = Math.max(peak.descriptors, readdirSync(`/proc/${pid}/fd`).length);
    } catch {
      // It has just ended.
    }
    await sleep(500);
  }
}

/** A verdict is right, undecided (infra), or wrong. */
export function compare(
  truth: Truth,
  run: RunResult | null,
): Pick<Round, 'boots' | 'asTruth' | 'infra' | 'wrong'> {
  const results = run?.results ?? [];
  const wrong = results
    .filter(({ scenario, verdict }) => verdict !== 'infra' && verdict !== truth.verdicts.get(scenario))
    .map(
      ({ scenario, verdict, reason }) =>
        `${scenario}: ${verdict}, should be ${truth.verdicts.get(scenario)}: ${reason}`,
    );
  const infra = results.filter(({ verdict }) => verdict === 'infra').length;
  const boots = results.reduce((sum, { attempts }) => sum + (attempts ?? 1), 0);
  return { boots, asTruth: results.length - infra - wrong.length, infra, wrong };
}

/** Guests without a harness, and files that nobody will read. */
function leftOf(results: string): string[] {
  const guests = qemusOf(results).map((pid) => `QEMU ${pid}`);
  const files = readdirSync(results).filter((name) => name.startsWith('.'));
  return [...guests, ...files];
}
