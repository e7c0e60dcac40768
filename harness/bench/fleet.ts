import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fakeRequest, POOL } from '../fleet/fixtures/guests.js';
import { hasRedis, TestRedis } from '../fleet/fixtures/redis.js';
import { Controller } from '../fleet/queue/controller.js';
import { Link } from '../fleet/queue/link.js';
import { openStore } from '../fleet/queue/store.js';
import { liveWorkers } from '../fleet/queue/workers.js';
import { dealOut } from '../fleet/shard.js';
import { packageRoot } from '../paths.js';
import { atLeast, atMost, type Bench, type Figure, figure } from './figure.js';

/** A guest that is played takes so long; real ones take 4 to 20 s. */
const GUEST_MS = 2000;
const ROUNDS = 3;
/** Processes that the workers of one step share: what is measured is the queue, not how many Nodes fit into a machine. */
const PROCESSES = 4;
const BULK = 2000;

export const fleetBench: Bench = {
  name: 'fleet',
  about: 'a queue of boots whose guests are played, on a real Redis; shards on recorded seconds',
  measure: async () => {
    const figures = shards();
    if (!hasRedis) return [...figures, figure('queue', 0, '', 'redis-server is not installed: not measured')];
    const home = mkdtempSync(join(tmpdir(), 'bootgate-bench-fleet-'));
    const redis = await TestRedis.start();
    try {
      for (const workers of [1, 2, 4, 8, 16, 32, 64]) figures.push(await scaling(redis.url, home, workers));
      figures.push(...(await overhead(redis.url, home)));
      return figures;
    } finally {
      await redis.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
};

/** Seconds of the longest shard against the mean. */
function shards(): Figure[] {
  const file = join(packageRoot, 'harness/fleet/fixtures/timings.json');
  const seconds = new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>));
  return [2, 4, 8, 16].map((count) => {
    const sums = dealOut(seconds, count).map((names) =>
      [...names].reduce((sum, name) => sum + (seconds.get(name) ?? 0), 0),
    );
    const mean = sums.reduce((sum, one) => sum + one, 0) / count;
    return atMost(
      `longest of ${count} shards / mean`,
      Math.max(...sums) / mean,
      'ratio',
      1.1,
      `${seconds.size} scenarios`,
    );
  });
}

async function scaling(url: string, home: string, workers: number): Promise<Figure> {
  const crew = await hire(url, home, workers, GUEST_MS);
  const asked = await ask(url, home);
  await asked.all(workers); // everything is connected and cached
  const count = workers * ROUNDS;
  const seconds = await asked.all(count);
  await asked.close();
  await crew.dismiss();
  const efficiency = (count * GUEST_MS) / 1000 / (workers * seconds);
  return atLeast(
    `${workers} workers: efficiency`,
    efficiency,
    'ratio',
    0.9,
    `${count} guests of ${GUEST_MS / 1000} s in ${seconds.toFixed(1)} s`,
  );
}

async function overhead(url: string, home: string): Promise<Figure[]> {
  const crew = await hire(url, home, 8, 0);
  const asked = await ask(url, home);
  await asked.all(100);
  const one = await asked.oneByOne(200);
  const [cpu, memory] = [process.cpuUsage(), process.memoryUsage().rss];
  const seconds = await asked.all(BULK);
  const spent = process.cpuUsage(cpu);
  const grown = Math.max(0, process.memoryUsage().rss - memory);
  await asked.close();
  await crew.dismiss();
  const scale = 10_000 / BULK;
  return [
    atMost(
      'overhead of a request, many at once',
      (1000 * seconds) / BULK,
      'ms',
      20,
      `${BULK} guests that take no time, 8 workers`,
    ),
    figure('from request to recording, one by one', (1000 * one) / 200, 'ms'),
    figure('controller: CPU for 10,000 requests', (scale * (spent.user + spent.system)) / 1e6, 's'),
    figure(
      'controller: memory for 10,000 requests',
      (scale * grown) / 2 ** 20,
      'MiB',
      `measured with ${BULK}`,
    ),
  ];
}

/** Workers in processes of their own; they are there when this settles. */
async function hire(url: string, home: string, workers: number, ms: number) {
  const main = join(packageRoot, 'dist/fleet/fixtures/worker.js');
  const processes = Math.min(PROCESSES, workers);
  const children = Array.from({ length: processes }, (_, at): ChildProcess => {
    const slots = Math.floor(workers / processes);
    const args = [main, url, join(home, 'store'), join(home, `cache-${at}`), String(slots), String(ms)];
    return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  });
  const link = await Link.open(url);
  while ((await liveWorkers(link.redis)).length < processes)
    await new Promise((resolve) => setTimeout(resolve, 50));
  link.close();
  return {
    dismiss: async () => {
      const gone = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(gone);
    },
  };
}

let number = 0;

/** A controller that asks for so many boots; returns seconds. */
async function ask(url: string, home: string) {
  const controller = new Controller({
    link: await Link.open(url),
    store: openStore(join(home, 'store')),
    secret: 'x',
  });
  const { record } = controller.elsewhere(POOL);
  const first = fakeRequest('a/b');
  const boot = async () => {
    const folder = join(home, `guest-${++number}`);
    mkdirSync(folder);
    const request = { ...first.request, nonce: number.toString(16).padStart(16, '0') };
    await record(request, first.files, { accelerator: 'tcg', folder, scratch: folder });
    rmSync(folder, { recursive: true });
  };
  const timed = async (work: () => Promise<unknown>) => {
    const before = performance.now();
    await work();
    return (performance.now() - before) / 1000;
  };
  return {
    all: (count: number) => timed(() => Promise.all(Array.from({ length: count }, boot))),
    oneByOne: (count: number) =>
      timed(async () => {
        for (let left = count; left > 0; left--) await boot();
      }),
    close: () => controller.close(),
  };
}
