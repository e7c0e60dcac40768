import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { userError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { packageRoot } from '../paths.js';
import type { ScenarioResult, Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import { type Backend, Executor, type ExecutorOptions } from './executor.js';

const harness = join(packageRoot, 'harness');
const sources = readdirSync(harness, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('fixtures'),
);

/** The files in which something is called; where it is declared or imported does not count. */
function callersOf(call: string): string[] {
  return sources
    .filter((file) => {
      const text = readFileSync(join(harness, file), 'utf8').replace(/^.*(function |async boot\().*$/gm, '');
      return text.includes(call);
    })
    .sort();
}

t.test('a guest is started in one place only', async (t) => {
  t.ok(sources.length > 100, 'the sources were found');
  t.same(callersOf('Qemu.start('), ['vm/launch.ts']);
  // The probe of the accelerator, a template and a person's shell have no queue and no verdict.
  t.same(callersOf('readyMachine('), [
    'vm/accelerator.ts',
    'vm/guest.ts',
    'vm/template.ts',
    'vm/terminal.ts',
  ]);
  t.same(callersOf('makeTemplate('), ['boot/templates.ts'], 'into the cache, where nobody writes to it');
  t.same(callersOf('runGuest('), ['boot/boot.ts']);
  // Cold, or by its back ends where those cannot or must not fork; and by what measures both.
  const booting = ['bench/trials.ts', 'boot/checked-forks.ts', 'boot/executor.ts', 'boot/forks.ts'];
  t.same(callersOf('bootScenario'), booting);
  t.same(callersOf("import('p-queue')"), ['boot/executor.ts'], 'one queue');
  // A worker has room for guests of other controllers' executors, which know nothing of its host.
  t.same(
    callersOf('new AdmissionGate('),
    ['boot/executor.ts', 'fleet/queue/worker.ts'],
    'one gate for each host',
  );
  t.same(callersOf('bootWithRetries('), ['boot/executor.ts'], 'one place that tries again');
});

const prepared = {
  delivery: 'window',
  kernel: { arch: 'x86_64' },
  set: { bytes: 1 },
  installSet: null,
} as unknown as PreparedImage;
const scenario = (name: string, more: Partial<Scenario> = {}) =>
  ({ name, area: 'a', cpus: 1, memoryMiB: 64, boot: 'direct', steps: [], ...more }) as Scenario;
const pass = (name: string, verdict: Verdict = 'pass') =>
  ({ scenario: name, verdict, files: {} }) as ScenarioResult;
const root = mkdtempSync(join(tmpdir(), 'bootgate-executor-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const make = (backend: Backend, more: Partial<ExecutorOptions> = {}) =>
  new Executor({
    accelerator: { requested: 'tcg', used: 'tcg', reason: '' },
    cache: new Cache(join(root, 'cache')),
    backend,
    ...more,
  });
const job = (one: Scenario, more = {}) => ({
  prepared,
  scenario: one,
  folder: (attempt: number) => ({ path: join(root, `${attempt}`), relative: `${attempt}` }),
  ...more,
});
const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

t.test('never more guests than jobs, and the heaviest or most wanted first', async (t) => {
  const order: string[] = [];
  let running = 0;
  const executor = make(
    async ({ scenario: { name } }) => {
      t.ok(++running <= 1);
      order.push(name);
      await soon();
      running--;
      return pass(name);
    },
    { jobs: 1 },
  );
  await Promise.all([
    executor.boot(job(scenario('first'))),
    executor.boot(job(scenario('light'))),
    executor.boot(job(scenario('packaged', { boot: 'packaged' }))),
    executor.boot(job(scenario('heavy', { memoryMiB: 500 }))),
    executor.boot(job(scenario('wanted'), { priority: 10_000 })),
  ]);
  t.same(order, ['first', 'wanted', 'heavy', 'packaged', 'light']);
  t.equal(executor.boots, 5);
});

t.test('the host gets a second chance, and what it throws is infra', async (t) => {
  const attempts: number[] = [];
  const flaky = make(async ({ attempt }) => {
    attempts.push(attempt);
    return pass('a', attempt === 1 ? 'infra' : 'pass');
  });
  t.match(await flaky.boot(job(scenario('a'))), { verdict: 'pass' });
  t.same(attempts, [1, 2]);
  const errors: unknown[] = [];
  const broken = make(async () => Promise.reject(new Error('no space left')));
  t.match(await broken.boot(job(scenario('a'), { onError: (error: unknown) => errors.push(error) })), {
    verdict: 'infra',
    reason: 'no space left',
    attempts: 2,
  });
  t.equal(errors.length, 2);
  const wrong = make(async () => Promise.reject(userError('E_MACHINE', 'no such machine')));
  await t.rejects(wrong.boot(job(scenario('a'))), { code: 'E_MACHINE' });
});

t.test('an abort, from outside or by stop, ends all guests and starts none', async (t) => {
  for (const way of ['signal', 'stop'] as const) {
    const controller = new AbortController();
    const begin = new EventEmitter();
    const firstGuest = once(begin, 'guest');
    let begun = 0;
    const executor = make(
      ({ signal }) => {
        begun++;
        begin.emit('guest');
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      },
      { jobs: 1, signal: controller.signal },
    );
    const all = Promise.all([executor.boot(job(scenario('a'))), executor.boot(job(scenario('b')))]);
    await firstGuest;
    if (way === 'signal') controller.abort(new Error('interrupted'));
    else executor.stop(new Error('interrupted'));
    t.same(await all, [undefined, undefined], way);
    t.equal(begun, 1);
    t.equal(await executor.boot(job(scenario('c'))), undefined);
  }
});

t.test('what a person should know is said once', async (t) => {
  const said: string[] = [];
  const executor = make(
    async ({ scenario: { name }, onNote }) => {
      onNote?.('QEMU runs as root');
      onNote?.(name);
      return pass(name);
    },
    { onNote: (sentence) => said.push(sentence) },
  );
  await executor.boot(job(scenario('a')));
  await executor.boot(job(scenario('b')));
  t.same(said, ['QEMU runs as root', 'a', 'b']);
});

t.test('repeated whatever comes of it: one failure makes it flaky, and is what is told', async (t) => {
  const outcomes = (verdicts: Verdict[]) =>
    make(
      async ({ attempt, timeScale }) => ({
        ...pass('a', verdicts[attempt - 1]),
        reason: `boot ${attempt}, deadlines × ${timeScale}`,
      }),
      { timeScale: 3 },
    ).boot(job(scenario('a'), { repeats: 3 }));
  t.match(await outcomes(['pass', 'fail', 'pass']), {
    verdict: 'fail',
    reason: 'boot 2, deadlines × 3',
    flaky: true,
    attempts: 3,
    tries: [{ verdict: 'fail' }, { verdict: 'pass' }, { verdict: 'pass' }],
  });
  const well = await outcomes(['pass', 'pass', 'pass']);
  t.match(well, { verdict: 'pass', attempts: 3 });
  t.equal(well?.tries?.length, 3);
  t.notOk(well?.flaky);
  const never = await outcomes(['fail', 'fail', 'fail', 'pass']);
  t.match(never, { verdict: 'fail', reason: 'boot 1, deadlines × 3', attempts: 3 });
  t.notOk(never?.flaky);
});
