import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import type { RecordGuest } from '../boot/boot.js';
import { Executor } from '../boot/executor.js';
import { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import { packageRoot } from '../paths.js';
import type { Scenario } from '../scenarios/scenario.js';
import { fakeRequest, POOL, play } from './fixtures/guests.js';
import { hasRedis, TestRedis } from './fixtures/redis.js';
import { Controller } from './queue/controller.js';
import { FetchedBlobs } from './queue/fetched.js';
import { Link } from './queue/link.js';
import { openStore } from './queue/store.js';
import { runWorker, type WorkerOptions } from './queue/worker.js';

/** Real Redis, real BullMQ; the guests are played. */
const skip = hasRedis ? false : 'redis-server is not installed';
const test = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { skip, timeout: 120_000 }, run);
const folder = (name: string) => mkdtempSync(join(tmpdir(), `bootgate-queue-${name}-`));
const redis = hasRedis ? await TestRedis.start() : undefined;
t.teardown(() => redis?.stop());
const url = redis?.url ?? '';

interface Home {
  store: string;
  cache: string;
  /** Names of guests, as they are begun. */
  begun: string[];
  /** Says each name as an event. */
  heard: EventEmitter;
}
const home = (): Home => ({
  store: folder('store'),
  cache: folder('cache'),
  begun: [],
  heard: new EventEmitter(),
});

/** A worker in this process. Returns how to stop it. */
async function worker(
  { store, cache, begun, heard }: Home,
  more: Partial<WorkerOptions> & { on?: string; guest?: RecordGuest } = {},
): Promise<() => Promise<void>> {
  const link = await Link.open(more.on ?? url);
  const stop = new AbortController();
  const kept = new Cache(cache, () => {});
  const blobs = openStore(store);
  const announced = async () => (await link.redis.keys('bootgate:worker:*')).length;
  const before = await announced();
  const running = runWorker({
    link,
    store: blobs,
    cache: kept,
    blobs: new FetchedBlobs(blobs, kept),
    pools: [POOL],
    slots: 2,
    memoryMiB: 2048,
    signal: stop.signal,
    say: () => {},
    lockMs: 1500,
    ...more,
    record: async (request, files, options) => {
      begun.push(request.scenario.name);
      heard.emit(request.scenario.name);
      return (more.guest ?? ((one, _files, { folder }) => play(one, folder)))(request, files, options);
    },
  });
  // It is there once it has announced itself.
  while ((await announced()) <= before) await new Promise(setImmediate);
  return async () => {
    stop.abort(new Error('stopped'));
    await running.catch(() => undefined);
    link.close();
  };
}

async function controller({ store }: Home, on = url, graceMs?: number): Promise<Controller> {
  return new Controller({ link: await Link.open(on, graceMs), store: openStore(store), secret: 'x' });
}

/** Boots one request by the queue, as the executor's back end does. */
async function boot(
  from: Controller,
  name: string,
  more: { signal?: AbortSignal; onPhase?: (phase: string) => void } = {},
) {
  const { request, files } = fakeRequest(name);
  const where = folder('boot');
  const { record } = from.elsewhere(POOL);
  const { recording } = await record(request, files, {
    accelerator: 'tcg',
    folder: where,
    scratch: where,
    ...more,
  });
  return { recording, where };
}

/** A worker in a process of its own, to be killed. */
function process_(on: string, { store, cache }: Home, takes: string) {
  const main = join(packageRoot, 'dist/fleet/fixtures/worker.js');
  const child = spawn(process.execPath, [main, on, store, cache, '1', takes], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH ?? '' },
  });
  const said: string[] = [];
  const heard = new EventEmitter();
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(line);
    heard.emit('line');
  });
  const line = async (wanted: string) => {
    while (!said.includes(wanted)) await once(heard, 'line');
  };
  return { child, line };
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

test('a worker boots what a controller asks for, and its logs come back', async (t) => {
  const one = home();
  const stop = await worker(one, {
    guest: async (request, files, { folder, onPhase }) => {
      t.equal(
        readFileSync(files.path(request.kernel.content), 'utf8'),
        'vmlinux\n',
        'the bytes of the kernel',
      );
      onPhase?.('kernel');
      return play(request, folder);
    },
  });
  const from = await controller(one);
  const { pool, accelerator } = await from.choose('x86_64', 'auto');
  t.same(pool, POOL);
  t.match(accelerator, {
    used: 'tcg',
    qemu: '0.0.1',
    reason: /^1 worker with room for 2 guests, QEMU 0\.0\.1$/,
  });
  const phases: string[] = [];
  const { recording, where } = await boot(from, 'a/one', { onPhase: (phase) => phases.push(phase) });
  t.match(recording, { ending: { kind: 'exit' }, nonce: 'feedfacefeedface' });
  t.match(recording.control.toString(), /step-end name=first status=0/);
  t.same(readdirSync(where).sort(), ['console.log', 'control.log', 'recording.json']);
  t.same(phases, ['kernel']);
  await boot(from, 'a/two');
  t.same(one.begun, ['a/one', 'a/two']);
  await from.close();
  await stop();
});

test('the executor has two back ends: retries, order and results are the same', async (t) => {
  const one = home();
  const stop = await worker(one);
  const from = await controller(one);
  const { elsewhere, accelerator } = await from.choose('x86_64', 'tcg');
  const cache = new Cache(folder('executor'));
  const prepared = { kernel: { arch: 'x86_64' }, set: { bytes: 1 }, delivery: 'window', installSet: null };
  const seen: (string | undefined)[] = [];
  const executor = new Executor({
    accelerator,
    cache,
    elsewhere,
    backend: async ({ scenario, record, secrets, folder }) => {
      const { request, files } = fakeRequest(scenario.name, secrets);
      seen.push(secrets?.nonce);
      await record?.(request, files, { accelerator: 'tcg', folder, scratch: folder });
      return { scenario: scenario.name, verdict: seen.length === 1 ? 'infra' : 'pass' } as never;
    },
  });
  const root = folder('executor-run');
  const result = await executor.boot({
    prepared: prepared as unknown as PreparedImage,
    scenario: { name: 'a/b', area: 'a', cpus: 64, memoryMiB: 60_000, boot: 'direct' } as Scenario,
    folder: (attempt) => ({ path: join(root, `${attempt}`), relative: `${attempt}` }),
  });
  t.equal(result?.verdict, 'pass', 'infra was booted again, and this host need not have room for the guest');
  t.equal(new Set(seen).size, 2, 'each attempt has its own secret');
  t.equal(elsewhere.secrets(join(root, '1')).nonce, seen[0], 'which is the same when the run is resumed');
  await from.close();
  await stop();
});

test('a worker that is killed in mid-boot: another one takes over', async (t) => {
  const one = home();
  const dying = process_(url, one, 'hold');
  await dying.line('ready');
  const from = await controller(one);
  while (!(await from.choose('x86_64', 'tcg').catch(() => undefined))) await new Promise(setImmediate);
  const booting = boot(from, 'a/killed');
  await dying.line('begins a/killed');
  await killed(dying.child);
  const stop = await worker(one);
  const { recording } = await booting;
  t.match(recording.control.toString(), /status=0/);
  t.same(one.begun, ['a/killed']);
  await from.close();
  await stop();
});

test('Redis is restarted and has forgotten everything: the boot is asked for again', async (t) => {
  const own = await TestRedis.start();
  const one = home();
  let release = () => {};
  const stop = await worker(one, {
    on: own.url,
    guest: async (request, _files, { folder }) => {
      if (one.begun.length === 1) await new Promise<void>((resolve) => (release = resolve));
      return play(request, folder);
    },
  });
  const from = await controller(one, own.url);
  const begun = once(one.heard, 'a/restart');
  const booting = boot(from, 'a/restart');
  await begun;
  await own.stop();
  await own.start();
  release();
  t.match((await booting).recording.control.toString(), /status=0/);
  await from.close();
  await stop();
  await own.stop();
});

test('Redis is gone for good: what waits ends as a fault of the host', async (t) => {
  const own = await TestRedis.start();
  const one = home();
  const stop = await worker(one, { on: own.url });
  const from = await controller(one, own.url, 200);
  await boot(from, 'a/before');
  const held = await worker(
    { ...one, begun: [] },
    {
      on: own.url,
      guest: (_request, _files, { signal }) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    },
  );
  await stop();
  const booting = t.rejects(boot(from, 'a/lost'), {
    code: 'E_QUEUE',
    blame: 'host',
    message: /away for/,
    hint: /--resume latest/,
  });
  await own.stop();
  await booting;
  await t.rejects(boot(from, 'a/after'), { code: 'E_QUEUE' }, 'and no other is begun');
  await from.close();
  await held();
  await t.rejects(Link.open(own.url), { code: 'E_QUEUE', blame: 'host', message: /ECONNREFUSED/ });
});

test('a damaged cache of a worker is seen, and the file fetched again', async (t) => {
  const one = home();
  const stop = await worker(one, {
    guest: async (request, files, { folder }) => {
      const path = files.path(request.kernel.content);
      t.equal(readFileSync(path, 'utf8'), 'vmlinux\n');
      writeFileSync(path, 'damaged\n');
      return play(request, folder);
    },
  });
  const from = await controller(one);
  await boot(from, 'a/first');
  await boot(from, 'a/second');
  t.equal(one.begun.length, 2);
  await stop();
  // While a guest ran: what it failed at is not held against the kernel.
  const failing = await worker(one, {
    guest: async (request, files, { folder }) => {
      writeFileSync(files.path(request.kernel.content), 'damaged\n');
      return play(request, folder, false);
    },
  });
  const { request, files } = fakeRequest('a/third');
  const where = folder('damaged');
  const { outside } = await from
    .elsewhere(POOL)
    .record(request, files, { accelerator: 'tcg', folder: where, scratch: where });
  t.match(outside.damaged, /was damaged/);
  await from.close();
  await failing();
});

test('what no worker can boot is said at once', async (t) => {
  const own = await TestRedis.start();
  const one = home();
  const alone = await controller(one, own.url);
  await t.rejects(alone.choose('x86_64', 'auto'), {
    code: 'E_NO_WORKER',
    blame: 'host',
    hint: /no worker is running/,
  });
  await alone.close();
  const stop = await worker(one, { on: own.url });
  const from = await controller(one, own.url);
  await t.rejects(from.choose('arm64' as never, 'auto'), { code: 'E_NO_WORKER', message: /arm64/ });
  await t.rejects(from.choose('x86_64', 'kvm'), { code: 'E_NO_WORKER', message: /x86_64 with kvm/ });
  const want = (pool: typeof POOL, memoryMiB = 256) => {
    const { request, files } = fakeRequest('a/none', { memoryMiB });
    return from
      .elsewhere(pool)
      .record(request, files, { accelerator: 'tcg', folder: one.cache, scratch: one.cache });
  };
  await t.rejects(want({ ...POOL, qemu: '9.9.9' }), { code: 'E_NO_WORKER', message: /QEMU 9\.9\.9/ });
  await t.rejects(want(POOL, 4096), {
    code: 'E_NO_WORKER',
    message: /4096 MiB/,
    problems: [{ message: /x86_64 tcg QEMU 0\.0\.1, 2048 MiB/ }],
  });
  t.same(one.begun, []);
  await from.close();
  await stop();
  await own.stop();
});

test('a blob that is not what its digest says is a fault of the host', async (t) => {
  const one = home();
  const stop = await worker(one);
  const from = await controller(one);
  const { files } = fakeRequest('a/bad');
  await mkdir(join(one.store, 'sha256'), { recursive: true });
  // Published once, then changed in the store before any worker has it.
  const { PublishedBlobs } = await import('./queue/published.js');
  const { request } = fakeRequest('a/bad');
  const [kernel] = await new PublishedBlobs(openStore(one.store)).of(request, files);
  const hex = kernel?.digest.slice(7) ?? '';
  writeFileSync(join(one.store, 'sha256', hex.slice(0, 2), hex.slice(2)), 'evil!!!\n');
  await t.rejects(boot(from, 'a/bad'), {
    code: 'E_WORKER',
    blame: 'host',
    message: /has other bytes than sha256:/,
  });
  t.same(one.begun, [], 'nothing was booted with it');
  await from.close();
  await stop();
});

test('two controllers at once, and one boot that both ask for', async (t) => {
  const one = home();
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const stop = await worker(one, {
    guest: async (request, _files, { folder }) => {
      if (request.scenario.name === 'a/shared') await held;
      return play(request, folder);
    },
  });
  const [first, second] = [await controller(one), await controller(one)];
  const all = await Promise.all([boot(first, 'a/mine'), boot(second, 'a/yours')]);
  t.equal(all.length, 2);
  const begun = once(one.heard, 'a/shared');
  const both = [boot(first, 'a/shared')];
  await begun;
  both.push(boot(second, 'a/shared'));
  release();
  for (const { recording } of await Promise.all(both)) t.match(recording.control.toString(), /status=0/);
  t.same([...one.begun].sort(), ['a/mine', 'a/shared', 'a/yours'], 'booted once');
  await first.close();
  await second.close();
  await stop();
});

test('a controller that was killed is resumed: an answer that came meanwhile is taken', async (t) => {
  const one = home();
  const link = await Link.open(url);
  const dying = new Controller({ link, store: openStore(one.store), secret: 'x' });
  let done = () => {};
  const ended = new Promise<void>((resolve) => (done = resolve));
  const stop = await worker(one, {
    guest: async (request, _files, { folder }) => {
      const played = await play(request, folder);
      done();
      return played;
    },
  });
  const begun = once(one.heard, 'a/resumed');
  boot(dying, 'a/resumed').catch(() => undefined);
  await begun;
  // Killed: it can neither collect the answer nor say that nobody wants it.
  link.close();
  await ended;
  const again = await controller(one);
  const { recording } = await boot(again, 'a/resumed');
  t.match(recording.control.toString(), /status=0/);
  await again.close();
  await dying.close();
  await stop();
});

test('Ctrl+C: what runs elsewhere is stopped too', async (t) => {
  const one = home();
  const stopped = new EventEmitter();
  const stop = await worker(one, {
    guest: (_request, _files, { signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () => {
          stopped.emit('guest');
          reject(signal.reason);
        }),
      ),
  });
  const from = await controller(one);
  const abort = new AbortController();
  const begun = once(one.heard, 'a/long');
  const booting = boot(from, 'a/long', { signal: abort.signal });
  await begun;
  const guest = once(stopped, 'guest');
  abort.abort(new Error('interrupted'));
  await t.rejects(booting, { message: 'interrupted' });
  await guest;
  await from.close();
  await stop();
});

test('passwords and users are passed on, and never shown', async (t) => {
  const own = await TestRedis.start(
    '--requirepass',
    'sesame',
    '--user',
    'ci',
    'on',
    '>pass:word',
    '~bootgate:*',
    '&bootgate:*',
    '+@all',
  );
  const where = `127.0.0.1:${own.port}`;
  for (const [address, ok] of [
    [`redis://:sesame@${where}`, true],
    [`redis://ci:pass%3Aword@${where}`, true],
    [`redis://:wrong@${where}`, false],
    [`redis://${where}`, false],
  ] as const) {
    const link = await Link.open(address).catch((error: unknown) => error as Error);
    if (ok) t.ok(link instanceof Link, address);
    else {
      t.match(link, { code: 'E_QUEUE', message: /WRONGPASS|NOAUTH|invalid password/ });
      t.notMatch(JSON.stringify([(link as Error).message, (link as Error).stack]), /wrong@|:wrong/);
    }
    if (link instanceof Link) {
      t.equal(link.name, where);
      link.close();
    }
  }
  const one = home();
  const limited = `redis://ci:pass%3Aword@${where}`;
  const stop = await worker(one, { on: limited });
  const from = await controller(one, limited);
  await boot(from, 'a/acl');
  t.same(one.begun, ['a/acl'], 'keys and channels that begin with bootgate: are enough');
  await from.close();
  await stop();
  await own.stop();
  for (const bad of ['http://x', 'redis://[', 'localhost:6379'])
    await t.rejects(Link.open(bad), { code: 'E_USAGE', blame: 'user' }, bad);
});
