import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { hasRedis, TestRedis } from './fixtures/redis.js';

/** Real guests by real workers: BOOTGATE_ALL=1 npx tap harness/fleet/queue.boot.test.ts. */
const all = process.env.BOOTGATE_ALL === '1';
const skip = !all ? 'BOOTGATE_ALL=1' : !hasRedis ? 'redis-server is not installed' : false;
const main = join(packageRoot, 'dist', 'cli', 'main.js');
const home = mkdtempSync(join(tmpdir(), 'bootgate-queue-boot-'));
const store = join(home, 'store');
const children: ChildProcess[] = [];
t.teardown(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** A bootgate, whose standard error is read line by line. */
function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BOOTGATE_STORE: store, ...env },
  });
  children.push(child);
  const said: string[] = [];
  const heard = new EventEmitter();
  const keep = (line: string) => {
    said.push(line);
    heard.emit('line');
  };
  createInterface({ input: child.stderr }).on('line', keep);
  createInterface({ input: child.stdout }).on('line', keep);
  const exit = once(child, 'exit').then(([status]) => status as number | null);
  return {
    child,
    said,
    exit,
    line: async (wanted: RegExp) => {
      while (!said.some((one) => wanted.test(one))) await once(heard, 'line');
    },
  };
}

/** A worker's cache is its own: what it boots came through the store. */
const worker = (url: string, name: string) =>
  start(['worker', '--queue', url, '--jobs', '1', '--accel', 'tcg', '--memory', '2048'], {
    BOOTGATE_CACHE: join(home, `cache-${name}`),
  });
const resultOf = (results: string) =>
  JSON.parse(readFileSync(join(home, results, 'latest', 'run.json'), 'utf8')) as RunResult;
const summary = ({ results }: RunResult) => results.map(({ scenario, verdict }) => `${scenario} ${verdict}`);
/** QEMUs whose parent died: none may be left. */
const qemusOf = (pid: number | undefined) =>
  spawnSync('pgrep', ['-P', `${pid}`, '-f', 'qemu-system'], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
    .filter(Boolean);
const isAlive = (pid: string) => spawnSync('kill', ['-0', pid]).status === 0;

t.test('a run by two workers, one of which is killed in mid-boot', { skip, timeout: 600_000 }, async (t) => {
  const redis = await TestRedis.start();
  t.teardown(() => redis.stop());
  const first = worker(redis.url, 'one');
  await first.line(/worker for/);
  const run = start([
    'run',
    'storage/virtio-blk',
    'storage/nvme',
    '--image',
    'debian-2014',
    '--queue',
    redis.url,
  ]);
  await first.line(/boots storage\//);
  let guests: string[] = [];
  while (guests.length === 0) {
    await new Promise(setImmediate);
    guests = qemusOf(first.child.pid);
  }
  const second = worker(redis.url, 'two');
  await second.line(/worker for/);
  first.child.kill('SIGKILL');
  await first.exit;
  t.equal(await run.exit, 0, run.said.slice(-5).join('\n'));
  for (const pid of guests) t.notOk(isAlive(pid), 'no QEMU is left of the worker that was killed');
  const result = resultOf('results');
  t.same(summary(result), ['storage/nvme pass', 'storage/virtio-blk pass']);
  t.match(result.accelerator, { used: 'tcg', reason: /1 worker with room for 1 guest, QEMU \d/ });
  const left = readdirSync(join(home, 'results', 'latest', 'storage', 'nvme'));
  for (const file of [
    'console.log',
    'control.log',
    'recording.json',
    'qemu.sh',
    'recipe.json',
    'outside.json',
    'result.json',
  ])
    t.ok(left.includes(file), file);
  const again = spawnSync(process.execPath, [main, 'report', 'latest', '--rejudge', '--format', 'json'], {
    cwd: home,
    encoding: 'utf8',
  });
  t.same(summary(JSON.parse(again.stdout)), summary(result), 'judged again from what the workers recorded');
  second.child.kill('SIGTERM');
  t.equal(await second.exit, 130);
});

t.test('a gate that was killed is resumed', { skip, timeout: 600_000 }, async (t) => {
  const redis = await TestRedis.start();
  t.teardown(() => redis.stop());
  const only = worker(redis.url, 'one');
  await only.line(/worker for/);
  const args = [
    'gate',
    'storage/virtio-blk',
    'storage/nvme',
    '--image',
    'debian-2014',
    '--queue',
    redis.url,
    '--results',
    'resumed',
  ];
  const killed = start(args);
  await killed.line(/^ {2}ok +storage\//);
  killed.child.kill('SIGKILL');
  await killed.exit;
  const again = start([...args, '--resume', 'latest']);
  t.equal(await again.exit, 0, again.said.slice(-5).join('\n'));
  const result = resultOf('resumed');
  t.ok((result.resumed?.kept ?? 0) >= 1);
  t.same(summary(result), ['storage/nvme pass', 'storage/virtio-blk pass']);
  only.child.kill('SIGTERM');
  await only.exit;
});
