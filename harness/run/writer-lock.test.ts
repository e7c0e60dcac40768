import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { exitCodeOf } from '../errors.js';
import { packageRoot } from '../paths.js';
import type { RunOptions } from './options.js';
import { runPlan } from './run.js';
import { lockRun } from './writer-lock.js';

const folders: string[] = [];
const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'bootgate-lock-'));
  folders.push(path);
  return path;
};
t.teardown(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

/** Another process that takes the lock of `path`, says how that went, and then keeps it until it is killed. */
function holder(path: string) {
  const module = JSON.stringify(new URL('./writer-lock.ts', import.meta.url).href);
  const script = `import { lockRun } from ${module};
    try { lockRun(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000); } catch (error) { console.log(error.code); }`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = once(child.stdout, 'data').then(([bytes]) => String(bytes).trim());
  return { child, said };
}

t.test('one writer at a time, and the second is told who', async (t) => {
  const path = folder();
  const first = lockRun(path);
  const error = t.throws(() => lockRun(path), {
    code: 'E_RUN_BUSY',
    message: new RegExp(`process ${process.pid}, since \\d{4}-`),
  });
  t.equal(exitCodeOf(error), 2);
  first.release();
  t.same(readdirSync(path), [], 'nothing is left');
  lockRun(path).release();
  t.throws(() => lockRun(join(path, 'none')), { code: 'ENOENT' });
});

t.test('a lock dies with its process, even by kill -9', { timeout: 60_000 }, async (t) => {
  const path = folder();
  const { child, said } = holder(path);
  t.equal(await said, 'held');
  t.throws(() => lockRun(path), { code: 'E_RUN_BUSY', message: new RegExp(`process ${child.pid}`) });
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.equal(readdirSync(path).length, 1, 'it has left its lock behind');
  const next = lockRun(path);
  t.equal(readdirSync(path).length, 1, 'and the next one takes it away');
  next.release();
  t.same(readdirSync(path), []);
});

t.test('of many that come at once over a dead lock, at most one gets it', { timeout: 120_000 }, async (t) => {
  const path = folder();
  const dead = { pid: 2 ** 22 + 1, started: '1', boot: '', pidSpace: '', host: 'h', since: 'then' };
  const mine = lockRun(path);
  const [own = ''] = readdirSync(path);
  const { boot, pidSpace } = JSON.parse(readFileSync(join(path, own), 'utf8')) as typeof dead;
  mine.release();
  writeFileSync(join(path, 'writer.1.lock'), JSON.stringify({ ...dead, boot, pidSpace }));
  const all = Array.from({ length: 6 }, () => holder(path));
  const said = await Promise.all(all.map((one) => one.said));
  for (const { child } of all) child.kill('SIGKILL');
  t.ok(said.filter((word) => word === 'held').length <= 1, said.join(', '));
  t.ok(said.every((word) => word === 'held' || word === 'E_RUN_BUSY'));
});

t.test('a pid that is used again, another host, a damaged lock', async (t) => {
  const path = folder();
  const lock = lockRun(path);
  const [name = ''] = readdirSync(path);
  const file = join(path, name);
  const me = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const write = (value: unknown, secondsAgo = 0) => {
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
    const then = new Date(Date.now() - secondsAgo * 1000);
    utimesSync(file, then, then);
  };
  write({ ...me, started: '1' });
  lockRun(path).release();
  t.same(readdirSync(path), [], 'the same pid, another process');
  write({ ...me, boot: 'other', host: 'elsewhere' }, 5);
  t.throws(() => lockRun(path), { message: /on elsewhere/ }, 'it was touched a moment ago');
  write({ ...me, boot: 'other' }, 3600);
  lockRun(path).release();
  write('', 1);
  t.throws(() => lockRun(path), { code: 'E_RUN_BUSY' }, 'it is being written');
  write('{"pid', 3600);
  lockRun(path).release();
  lock.release();
});

t.test('a run that is still being written is not resumed, and nothing of it is touched', async (t) => {
  const path = folder();
  writeFileSync(join(path, 'plan.json'), 'a plan');
  writeFileSync(join(path, 'run.json'), 'a verdict');
  const lock = lockRun(path);
  const before = readdirSync(path).sort();
  const resume = { folder: { id: 'a', path }, started: new Date(), image: 'a' };
  const attempt = runPlan({ resume, prepared: {}, plan: { boots: [], skips: [] } } as unknown as RunOptions);
  await t.rejects(attempt, { code: 'E_RUN_BUSY', blame: 'user' });
  t.same(readdirSync(path).sort(), before);
  t.equal(readFileSync(join(path, 'run.json'), 'utf8'), 'a verdict');
  lock.release();
});
