import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { type CheapCommand, cheapCommands, writeRuns } from './fixtures/runs.js';

/**
 * Exit 0 only with an answer, exit 1 only with a no, at whatever moment a signal comes: forty moments with each (a hundred with BOOTGATE_ALL=1), and a few of a
 * run that boots guests. BOOTGATE_SEED and BOOTGATE_MOMENTS choose others.
 */
const main = join(packageRoot, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'bootgate-exit-'));

const { before, after } = writeRuns(folder);

const COMMANDS = [
  ...cheapCommands(before, after),
  [['scenarios', 'check'], 0],
  [['report', after, '--format', 'tap'], 0],
  [['explain', after], 0],
  [['run', '--no-such-option'], 2],
] satisfies CheapCommand[];

t.test('signals at random moments', { timeout: 900_000 }, async (t) => {
  const random = seeded(t, 20261126);
  const moments = Number(process.env.BOOTGATE_MOMENTS ?? (process.env.BOOTGATE_ALL ? 100 : 40));
  const length = await lengthOf(['scenarios', 'list']);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const) {
    const seen = new Map<string, number>();
    const wrong: string[] = [];
    const one = async (number: number) => {
      const [args, own] = COMMANDS[number % COMMANDS.length] ?? [[], 0];
      const after = random() * length * 1.2;
      const { code, killedBy, guarded } = await signalled(args, signal, after);
      const end = killedBy ?? String(code);
      seen.set(end, (seen.get(end) ?? 0) + 1);
      // Before our first line runs, Node itself is loading: nothing of ours can answer, and nothing has begun.
      const young = killedBy === signal && !guarded;
      const fine = code === own || (code === 130 && signal !== 'SIGPIPE') || young;
      if (!fine) wrong.push(`${args.join(' ')}, ${signal} after ${after.toFixed(0)} ms: ${end}`);
    };
    for (let number = 0; number < moments; number += 4)
      await Promise.all([0, 1, 2, 3].map((at) => one(number + at)));
    t.same(wrong, [], `${signal}: ${[...seen].map(([end, count]) => `${end} ${count} times`).join(', ')}`);
  }
});

/** The smallest run that passes, and one whose list lacks the disk's driver: it fails. */
const list = join(folder, 'list.txt');
writeFileSync(list, 'virtio_pci\n');
const GOOD = ['gate', 'storage/virtio-blk', '--image', 'debian', '--reference', 'never'];
const BAD = [...GOOD, '--modules', list];

t.test('a gate through pipes and onto full devices keeps its verdict', { timeout: 900_000 }, async (t) => {
  for (const [number, [args, redirect, own]] of (
    [
      [GOOD, '--reporter tap | head -1', 0],
      [BAD, '| head -3', 1],
      [BAD, '| grep -q FAIL', 1],
      [BAD, '--reporter tap 2> /dev/full -v | true', 1],
      [BAD, '> /dev/full 2>&1 -v', 1],
      [GOOD, '--json > /dev/full', 3],
      [GOOD, '>&- 2>&-', 0],
    ] as [string[], string, number][]
  ).entries()) {
    const results = join(folder, `piped-${number}`);
    const words = [process.execPath, main, ...args, '--results', results].map((word) => `'${word}'`);
    const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', `${words.join(' ')} ${redirect}`], {
      encoding: 'utf8',
    });
    t.equal(status, own, `${args.join(' ')} ${redirect}\n${stderr}`);
    t.equal(verdictIn(results), own === 1 ? 'fail' : 'pass', 'run.json is there');
  }
});

t.test('a signal or a closed terminal during a run', { timeout: 900_000 }, async (t) => {
  const random = seeded(t, 20261127);
  for (let round = 0; round < 8; round++) {
    const signal = (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const)[round % 4] ?? 'SIGINT';
    const results = join(folder, `stopped-${round}`);
    const after = 500 + random() * 8000;
    const { code, killedBy } = await signalled([...BAD, '--results', results], signal, after);
    const what = `${signal} after ${after.toFixed(0)} ms: ${killedBy ?? code}`;
    t.ok(code === 130 ? signal !== 'SIGPIPE' : code === 1, what);
    if (code === 1) t.equal(verdictIn(results), 'fail', what);
    else t.not(verdictIn(results), 'pass', what);
  }
});

function verdictIn(results: string): string | undefined {
  const path = join(results, 'latest', 'run.json');
  if (!existsSync(path)) return undefined;
  return (JSON.parse(readFileSync(realpathSync(path), 'utf8')) as { verdict: string }).verdict;
}

/** Numbers from 0 to 1 that are the same each time (mulberry32); the seed is printed. */
function seeded(t: { comment(text: string): void }, given: number): () => number {
  let state = Number(process.env.BOOTGATE_SEED ?? given);
  t.comment(`seed ${state}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function lengthOf(args: string[]): Promise<number> {
  const started = performance.now();
  await signalled(args, 'SIGPIPE', 60_000);
  return performance.now() - started;
}

/** Whether our handlers are in place: /proc says that SIGHUP, the last of them and one that Node leaves alone, is caught. */
function isGuarded(child: ChildProcess): boolean {
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
    return (BigInt(`0x${caught}`) & 1n) !== 0n;
  } catch {
    return true;
  }
}

function signalled(
  args: string[],
  signal: NodeJS.Signals,
  after: number,
): Promise<{ code: number | null; killedBy: NodeJS.Signals | null; guarded: boolean }> {
  return new Promise((resolve) => {
    // tap loads itself, and signal handlers of its own, into every node that its environment reaches.
    const clean = ['-i', `PATH=${process.env.PATH}`, `HOME=${homedir()}`];
    const child = spawn('env', [...clean, process.execPath, main, ...args], { stdio: 'ignore' });
    let guarded = true;
    const timer = setTimeout(() => {
      guarded = isGuarded(child);
      child.kill(signal);
    }, after);
    child.on('close', (code, killedBy) => {
      clearTimeout(timer);
      resolve({ code, killedBy, guarded });
    });
  });
}
