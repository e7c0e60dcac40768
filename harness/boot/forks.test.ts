import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { hostArchitecture } from '../arch/index.js';
import { Cache } from '../cache.js';
import { hostError } from '../errors.js';
import type { PreparedImage } from '../image/prepare.js';
import { writeCpio } from '../initramfs/cpio.js';
import { reseedProgram } from '../initramfs/reseed.js';
import type { ScenarioResult, Verdict } from '../results/scenario-result.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { BootOptions } from './boot.js';
import { differenceOf } from './canary.js';
import { CheckedForks, disagreement, isSampled } from './checked-forks.js';
import { Executor } from './executor.js';
import { Forks, whyCold } from './forks.js';
import { writeTrial } from './trial-file.js';

const folder = mkdtempSync(join(tmpdir(), 'bootgate-forks-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const prepared = {
  delivery: 'window',
  kernel: { arch: 'x86_64' },
  image: { budgets: {} },
  set: { bytes: 1 },
  installSet: null,
} as unknown as PreparedImage;
const scenario = (more: Partial<Scenario> = {}) =>
  ({
    name: 'storage/one',
    area: 'storage',
    cpus: 1,
    memoryMiB: 64,
    boot: 'direct',
    disks: [],
    nics: [],
    steps: [],
    ...more,
  }) as unknown as Scenario;
const result = (verdict: Verdict, more: Partial<ScenarioResult> = {}) =>
  ({
    scenario: 'storage/one',
    verdict,
    steps: [],
    findings: [],
    modulesLoaded: [],
    files: {},
    ...more,
  }) as ScenarioResult;

t.test('what is never forked says why', async (t) => {
  const rows: [RegExp | null, Partial<Scenario>, Partial<PreparedImage>][] = [
    [/boot itself/, { area: 'boot' }, {}],
    [/boot itself/, { boot: 'packaged' }, {}],
    [/budget on memory/, {}, { image: { budgets: { memory: 1 } } } as unknown as PreparedImage],
    [/aarch64 guests have no templates/, {}, { kernel: { arch: 'aarch64' } } as PreparedImage],
    [/travel in the archive/, {}, { delivery: 'archive' }],
    [/and it has pc/, { machine: 'pc' }, {}],
    [/nvme/, { disks: [{ serial: 'a', bus: 'nvme', sizeMiB: 1 }] } as unknown as Partial<Scenario>, {}],
    [null, { disks: [{ serial: 'a', bus: 'ahci', sizeMiB: 1 }] } as unknown as Partial<Scenario>, {}],
  ];
  for (const [why, one, image] of rows) {
    const said = whyCold({ scenario: scenario(one), prepared: { ...prepared, ...image } });
    if (why === null) t.equal(said, null);
    else t.match(said, why);
  }
});

/** Clones with a given outcome: no QEMU is needed to see what is made of it. */
class Fake extends CheckedForks {
  readonly verdict: Verdict | null;
  readonly colds: string[];
  constructor(verdict: Verdict | null, cold: Verdict, colds: string[] = [], percent = 0) {
    super({
      percent,
      seed: 'x',
      cold: async ({ folder }) => {
        colds.push(folder);
        writeFileSync(join(folder, 'console.log'), 'cold');
        return result(cold);
      },
    });
    this.verdict = verdict;
    this.colds = colds;
  }
  override async fork(options: BootOptions) {
    if (this.verdict === null) return null;
    writeFileSync(join(options.folder, 'console.log'), 'clone');
    return result(this.verdict, { forked: true });
  }
}

t.test('a run: only a pass of a clone counts, and a sample of the passes is booted cold', async (t) => {
  const boot = async (fake: Fake) => {
    const notes: string[] = [];
    const place = mkdtempSync(join(folder, 'run-'));
    const options = {
      scenario: scenario(),
      prepared,
      folder: place,
      onNote: (text: string) => notes.push(text),
    };
    return { ...(await fake.boot(options as unknown as BootOptions)), notes, place };
  };
  const fake = new Fake('pass', 'fail');
  t.match(await boot(fake), { verdict: 'pass', forked: true });
  t.same(fake.colds, [], 'not sampled');

  const red = await boot(new Fake('fail', 'fail'));
  t.match(red, { verdict: 'fail', notes: [] });
  t.notOk(red.forked, 'what counts is the cold boot');
  t.equal(readFileSync(join(red.place, 'console.log'), 'utf8'), 'cold');
  t.equal(readFileSync(join(red.place, 'clone/console.log'), 'utf8'), 'clone', 'its logs are kept');

  const wrong = new Fake('fail', 'pass');
  const mended = await boot(wrong);
  t.equal(mended.verdict, 'pass');
  t.match(mended.notes, [/as a clone it is a fail, and cold a pass: a bug of bootgate/]);
  t.notOk(wrong.mayFork({ scenario: scenario(), prepared }), 'it is forked no more');

  const sampled = new Fake('pass', 'fail', [], 100);
  const caught = await boot(sampled);
  t.equal(caught.verdict, 'fail', 'a pass of a clone does not outlive a cold failure');
  t.match(caught.notes, [/as a clone it is a pass, and cold a fail/]);
  t.match(sampled.summary, { rechecked: 1, percent: 100 });

  t.match(
    await boot(new Fake('pass', 'infra', [], 100)),
    { verdict: 'infra', notes: [] },
    'the host: tried again',
  );
  t.notOk((await boot(new Fake(null, 'pass'))).forked, 'what cannot be forked is booted cold');
});

t.test('the sample follows from the seed, and is as large as it should be', async (t) => {
  const names = Array.from({ length: 2000 }, (_, at) => `area/${at}`);
  const of = (seed: string, percent: number) => names.filter((name) => isSampled(name, { seed, percent }));
  t.same(of('a', 10), of('a', 10));
  t.notSame(of('a', 10), of('b', 10));
  t.ok(of('a', 10).length > 140 && of('a', 10).length < 260, `${of('a', 10).length} of 2000`);
  t.equal(of('a', 0).length, 0);
  t.equal(of('a', 100).length, 2000);
});

t.test('how a clone and a cold boot may differ', async (t) => {
  const base = result('fail', {
    steps: [{ name: 'disk', ok: false, seconds: 1 }],
    findings: [{ kind: 'missing-module', module: 'virtio_blk', evidence: '', hint: '' }],
    modulesLoaded: ['a', 'b'],
  });
  t.equal(disagreement(base, { ...base }), null);
  t.match(disagreement({ ...base, verdict: 'pass' }, base), /a pass, and cold a fail/);
  t.match(disagreement({ ...base, steps: [] }, base), /"none", and cold "disk"/);
  t.match(disagreement({ ...base, findings: [] }, base), /none, and cold missing-module virtio_blk/);
  t.match(disagreement({ ...base, modulesLoaded: ['a'] }, base), /\(b\)/);
  t.match(disagreement({ ...base, modulesLoaded: ['a', 'b', 'c'] }, base), /\(c\)/);

  const facts = {
    verdict: 'pass',
    answered: ['x'],
    unanswered: [],
    unbound: ['pci:1'],
    modulesLoaded: ['a'],
  } as const;
  t.equal(differenceOf(facts, { ...facts }), null);
  t.match(differenceOf(facts, { ...facts, verdict: 'fail' }), /is a fail, and the cold boot a pass/);
  t.match(
    differenceOf(facts, { ...facts, modulesLoaded: ['a', 'b'] }),
    /loaded b, and the cold boot did not/,
  );
  t.match(differenceOf(facts, { ...facts, unbound: [] }), /pci:1 left unbound/);
  t.match(differenceOf(facts, { ...facts, unanswered: ['y'] }), /requested y/);
});

t.test('a reference and a proof are cold, whatever the executor has', async (t) => {
  const seen: string[] = [];
  const forks = new Forks();
  Object.assign(forks, {
    boot: async () => {
      seen.push('clone');
      return result('pass', { forked: true });
    },
  });
  const executor = new Executor({
    accelerator: { requested: 'tcg', used: 'tcg', reason: '' },
    cache: new Cache(join(folder, 'cache')),
    forks,
    backend: async () => {
      seen.push('cold');
      return result('pass');
    },
  });
  const job = { prepared, scenario: scenario(), folder: () => ({ path: join(folder, 'x'), relative: 'x' }) };
  await executor.boot(job);
  await executor.boot({ ...job, cold: true });
  t.same(seen, ['clone', 'cold']);
});

t.test('a scenario’s canary comes before its first clone, once, and decides', async (t) => {
  for (const why of [null, 'a clone of it loaded other modules']) {
    const forks = new Forks();
    let sent = 0;
    const notes: string[] = [];
    forks.guard(scenario(), async () => {
      sent++;
      return why;
    });
    const options = {
      scenario: scenario(),
      prepared,
      folder,
      onNote: (text: string) => notes.push(text),
      // No clone is really made.
      get cache(): never {
        throw hostError('E_FORK', 'no QEMU');
      },
    } as unknown as BootOptions;
    t.equal(forks.canaries, 0);
    t.same(await Promise.all([forks.fork(options), forks.fork(options)]), [null, null]);
    t.equal(sent, 1);
    t.equal(forks.canaries, 1);
    t.match(notes, [why ?? /storage\/one is booted cold: /]);
    t.notOk(forks.mayFork(options));
  }
  const nvme = { disks: [{ serial: 'a', bus: 'nvme', sizeMiB: 1 }] } as unknown as Partial<Scenario>;
  const forks = new Forks();
  forks.guard(scenario(), async () => `${t.fail('what is never cloned needs none')}`);
  t.equal(await forks.fork({ scenario: scenario(nvme), prepared, folder } as unknown as BootOptions), null);
});

t.test('what a clone is told: a line, and one archive of both segments with the secret first', async (t) => {
  const write = async (kind: 'scenario' | 'modules', path: string, text: string) => {
    const file = join(folder, `${kind}.cpio`);
    await writeCpio([{ path, type: 'file', data: Buffer.from(text) }], file);
    return { kind, path: file };
  };
  const segments = [
    await write('modules', 'bootgate/window', 'm'.repeat(70_000)),
    await write('scenario', 'bootgate/scenario/env', 'nonce 1234\n'),
  ];
  const path = join(folder, 'trial');
  await writeTrial({ segments, path, bytes: 1 << 20, seed: 'abc', now: 1_700_000_000_999 });
  const trial = readFileSync(path);
  t.equal(trial.length, 1 << 20);
  t.equal(trial.toString('latin1', 0, 25), 'go 2 2 1700000000 abc\n\0\0\0');
  const nonce = trial.indexOf('nonce 1234');
  t.ok(nonce >= 64 * 1024 && nonce < 2 * 64 * 1024, 'in the blocks that the guest wipes');
  const archive = join(folder, 'trial.cpio');
  writeFileSync(archive, trial.subarray(64 * 1024, 64 * 1024 * 3));
  const names = spawnSync('bsdtar', ['-tf', archive], { encoding: 'utf8' }).stdout.split('\n');
  t.ok(names.includes('bootgate/scenario/env') && names.includes('bootgate/window'), names.join());
  await t.rejects(writeTrial({ segments, path: join(folder, 'small'), bytes: 100_000, seed: '', now: 0 }), {
    code: 'E_FORK',
    message: /need more than/,
  });
});

t.test('the program that reseeds the kernel', { skip: hostArchitecture().arch !== 'x86_64' }, async (t) => {
  const [entry] = reseedProgram('x86_64');
  if (!entry || !('data' in entry)) return t.fail('no program');
  const file = join(folder, 'reseed');
  writeFileSync(file, entry.data, { mode: 0o755 });
  const on = (device: string) => spawnSync('sh', ['-c', `${file} < ${device}`]).status;
  // Another request than RNDRESEEDCRNG is EINVAL (22) there.
  t.equal(on('/dev/urandom'), process.geteuid?.() === 0 ? 0 : 1, 'taken, or refused to who is not root');
  t.equal(on('/dev/null'), 25, 'ENOTTY');
  t.same(reseedProgram('aarch64'), []);
});
