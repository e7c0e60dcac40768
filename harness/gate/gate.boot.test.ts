import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { prepareImage } from '../image/prepare.js';
import { packageRoot } from '../paths.js';
import { RUN_FILES, SCENARIO_FILES } from '../report/run-folder.js';
import type { RunResult } from '../results/run-result.js';

/** The command of the README's jobs for GitHub and GitLab, to the letter; `--resume latest` after a kill. */
const COMMAND = 'node dist/cli/main.js gate storage --image debian-2014 --retries 1';

const home = mkdtempSync(join(tmpdir(), 'bootgate-gate-boot-'));
const results = join(home, 'results');
const summaryPage = join(home, 'step-summary.md');
const env = {
  ...process.env,
  BOOTGATE_RESULTS: results,
  GITHUB_ACTIONS: 'true',
  GITHUB_STEP_SUMMARY: summaryPage,
  GITHUB_WORKSPACE: packageRoot,
};
const options = { cwd: packageRoot, encoding: 'utf8', env } as const;
const sh = (command: string) => spawnSync('sh', ['-c', command], options);
/** Command lines that name a folder. */
const processesIn = (folder: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(join('/proc', name, 'cmdline'), 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(folder));
const readRun = (folder: string) => JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunResult;

t.test('the README shows this command and no other', async (t) => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  // Those of shards are run by fleet/ci.boot.test.ts.
  const shown = [...readme.matchAll(/^.*(node dist\/cli\/main\.js gate [^\n#]*?)\s*$/gm)]
    .map((match) => match[1])
    .filter((command) => !command?.includes('--shard'));
  t.equal(shown.length, 2, 'the job for GitHub and the job for GitLab');
  for (const command of shown) t.equal(command, COMMAND);
});

t.test('killed without a word, it resumes and boots nothing twice', { timeout: 300_000 }, async (t) => {
  const child = spawn('sh', ['-c', `exec ${COMMAND} --jobs 1`], { cwd: packageRoot, env, stdio: 'ignore' });
  const finished = () =>
    existsSync(results)
      ? readdirSync(results, { recursive: true, encoding: 'utf8' }).filter((file) =>
          file.endsWith('/result.json'),
        )
      : [];
  while (finished().length === 0 && child.exitCode === null) await sleep(50);
  child.kill('SIGKILL');
  await new Promise((ended) => child.once('exit', ended));
  const before = finished();
  t.ok(before.length >= 1 && before.length < 4, `${before.length} had come to an end`);
  const [id = ''] = readdirSync(results);
  const folder = join(results, id);
  t.notOk(existsSync(join(folder, 'run.json')), 'what is incomplete is not there');
  await sleep(1000);
  t.same(processesIn(folder), [], 'no QEMU outlives it');
  const nonces = before.map((file) => readFileSync(join(results, file, '..', 'recording.json'), 'utf8'));

  const done = sh(`${COMMAND} --resume latest`);
  t.equal(done.status, 0, done.stdout + done.stderr);
  t.same(readdirSync(results).sort(), [id, 'latest'], 'it went on in the same folder');
  const run = readRun(folder);
  t.equal(run.resumed?.kept, before.length);
  t.equal(run.verdict, 'pass');
  t.equal(run.gate?.verdict, 'pass');
  t.equal(run.results.length, 4);
  t.same(
    before.map((file) => readFileSync(join(results, file, '..', 'recording.json'), 'utf8')),
    nonces,
    'what had ended was not booted again',
  );
  const left = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  t.same(
    left.filter((file) => /scratch|\.tmp-/.test(file)),
    [],
    'nothing half-made is left',
  );
  for (const file of ['junit.xml', 'results.tap', 'summary.md', 'results.sarif', 'gl-code-quality.json'])
    t.ok(left.includes(file), file);
  t.match(readFileSync(summaryPage, 'utf8'), /## bootgate: .*the gate holds/);

  const again = sh(`${COMMAND} --resume ${id}`);
  t.equal(again.status, 0);
  t.equal(readRun(folder).resumed?.kept, 4, 'a whole run resumed boots nothing');
});

t.test(
  'a module less than in the baseline: red, named, at the head of the reasons',
  { timeout: 300_000 },
  async (t) => {
    // As CI keeps it: the file alone, under another name.
    const baseline = join(home, 'baseline.json');
    const id = basename(realpathSync(join(results, 'latest')));
    copyFileSync(join(results, id, 'run.json'), baseline);
    const kept = readFileSync(join(results, 'latest', 'modules.txt'), 'utf8')
      .split('\n')
      .concat('-virtio_blk');
    const list = join(home, 'modules.txt');
    writeFileSync(list, kept.join('\n'));
    const ledger = join(home, 'ledger.yaml');
    writeFileSync(
      ledger,
      'version: 1\nissues:\n  - { pattern: no such failure, reason: r, link: "https://x.example/1", owner: me, expires: 2099-01-01, intermittent: true }\n',
    );
    const done = sh(
      `node dist/cli/main.js gate storage/virtio-blk storage/nvme -i debian-2014 --modules ${list} --baseline ${baseline} --known-issues ${ledger} --retries 1 --resume ${id}`,
    );
    t.equal(done.status, 1, done.stderr);
    t.match(
      done.stdout,
      /no {4}\S+\/modules\.txt:\d+:\s+storage\/virtio-blk\s+ended\s+as\s+fail\s[^:]*:\s+missing\s+module\s+virtio_blk/,
    );
    t.match(
      done.stdout,
      /^::error .*title=bootgate%3A missing-module::.*virtio_blk/m,
      'annotated for GitHub',
    );
    const { gate, results: all, resumed } = readRun(join(results, 'latest'));
    t.equal(resumed?.kept, 0, 'results of another module set are not kept');
    const failed = all.find(({ verdict }) => verdict === 'fail');
    t.same(
      failed?.tries?.map(({ verdict }) => verdict),
      ['fail', 'fail'],
      'booted again, and not passed for it',
    );
    t.notOk(failed?.flaky);
    t.match(gate?.reasons[0], { kind: 'new-failure', weight: 'no', result: 'storage/virtio-blk' });
    t.same(
      all.map(({ scenario, verdict }) => `${scenario} ${verdict}`).sort(),
      ['storage/nvme pass', 'storage/virtio-blk fail'],
      'and nothing else is red',
    );
    t.same(
      gate?.comparison?.gone.sort(),
      ['storage/ahci', 'storage/virtio-scsi'],
      'what is no longer tried is reported',
    );

    const sarif = sh('node dist/cli/main.js report latest --format sarif');
    t.match(JSON.parse(sarif.stdout), {
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'missing-module', level: 'error' }] }],
    });
    t.match(failed?.findings[0], {
      kind: 'missing-module',
      module: 'virtio_blk',
      chain: /dropped by .*modules\.txt:\d+$/,
    });
    t.equal(failed?.reference?.verdict, 'pass', 'the full module tree was booted to compare');
    t.match(
      done.stdout,
      /\nrests on 1 of 2 scenarios that failed with this set \(1 fail\); 1 passed; [^\n]*compared\s+with/,
    );

    // A run knows by itself what it was made of.
    for (const file of [list, ledger]) rmSync(file);
    const rejudged = sh('node dist/cli/main.js report latest --rejudge --format json');
    const folder = join(results, 'latest');
    t.equal(
      rejudged.stdout,
      readFileSync(join(folder, 'run.json'), 'utf8'),
      'the same rules, the same bytes',
    );

    const known = new Set(RUN_FILES.map(({ name }) => name));
    const files = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isFile());
    t.same(
      files.map(({ name }) => name).filter((name) => !known.has(name)),
      [],
      'results/README.md names them all',
    );
    const ofScenario = readdirSync(join(folder, 'storage/virtio-blk'), { withFileTypes: true });
    t.same(
      ofScenario
        .filter((one) => one.isFile())
        .map(({ name }) => name)
        .filter((name) => !SCENARIO_FILES.some((one) => one.name === name)),
      [],
    );
    const compared = sh(`node dist/cli/main.js compare ${baseline} latest --json`);
    t.equal(compared.status, 1);
    t.match(JSON.parse(compared.stdout), {
      newFailures: [{ name: 'storage/virtio-blk', before: 'pass', after: 'fail' }],
    });
  },
);

t.test('wrong usage ends with 2 before anything is booted', async (t) => {
  const image = join(home, 'image.yaml');
  writeFileSync(
    image,
    'version: 1\nname: b\nkernel: apt:linux-image-amd64\nmodules: all\nbudgets: { modles: 1 MiB }\n',
  );
  const ledger = join(home, 'ledger.yaml');
  writeFileSync(ledger, "version: 1\nissues:\n  - { pattern: '(', reason: x }\n");
  const before = readdirSync(results);
  for (const [flags, words] of [
    ['-i debian-2014 --growth size=lots', /not a valid limit/],
    ['-i debian-2014 --growth speed=1', /size=LIMIT/],
    ['-i debian-2014 --baseline nowhere', /no run at nowhere/],
    ['-i debian-2014 --resume nowhere', /no run to resume/],
    ['-i debian-cloud --resume latest', /is a run of the image debian-2014/],
    [`-i debian-2014 --known-issues ${ledger}`, /ledger\.yaml:3/],
    [`-i ${image}`, /nothing named modles/],
  ] as const) {
    const done = sh(`node dist/cli/main.js gate storage/virtio-blk ${flags}`);
    t.equal(done.status, 2, flags);
    t.match(done.stderr, words);
  }
  t.same(readdirSync(results), before, 'no run was begun');
});

t.test(
  'a kernel package that lost a driver: what passed in the baseline fails the gate, whatever the full tree does',
  { timeout: 400_000 },
  async (t) => {
    // faults.md A1: the package of a policy's kernel has no virtio_blk.ko, so that its full tree has none either.
    const { kernel } = await prepareImage(await loadImage('debian-2014'), { cache: new Cache() });
    const broken = join(home, 'kernel');
    const tree = join(broken, 'lib/modules', kernel.release);
    mkdirSync(tree, { recursive: true });
    mkdirSync(join(broken, 'boot'));
    copyFileSync(kernel.vmlinuz, join(broken, 'boot', `vmlinuz-${kernel.release}`));
    if (kernel.config) copyFileSync(kernel.config, join(broken, 'boot', `config-${kernel.release}`));
    t.equal(spawnSync('cp', ['-a', join(kernel.modulesDir, 'kernel'), tree]).status, 0);
    copyFileSync(join(kernel.modulesDir, 'modules.builtin'), join(tree, 'modules.builtin'));
    copyFileSync(join(kernel.modulesDir, 'modules.order'), join(tree, 'modules.order'));
    const [lost = ''] = readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\/virtio_blk\.ko/.test(file),
    );
    rmSync(join(tree, lost));
    const image = join(home, 'broken.yaml');
    const policy = join(packageRoot, 'images/policies/2014.yaml');
    writeFileSync(image, `version: 1\nname: broken\nkernel: ./kernel\nmodules: { policy: ${policy} }\n`);
    const command = `node dist/cli/main.js gate storage/virtio-blk -i ${image}`;
    const done = sh(`${command} --baseline ${join(home, 'baseline.json')} --allow-known`);
    t.equal(done.status, 1, done.stdout + done.stderr);
    const run = readRun(join(results, 'latest'));
    t.same(
      run.results.map(({ verdict, reference }) => [verdict, reference?.verdict]),
      [['fail', 'fail']],
    );
    t.match(run.gate?.reasons[0], { kind: 'new-failure', message: /the kernel, not the set/ });
    t.notMatch(done.stdout, /the gate holds/);
    t.match(done.stdout, /1 also fails with the full module tree/);
    t.same(
      run.results[0]?.findings.filter(({ kind }) => kind === 'missing-module'),
      [],
      'no module of the tree is blamed',
    );
    t.match(
      readFileSync(join(results, 'latest', 'junit.xml'), 'utf8'),
      /failures="1" errors="0" skipped="0"/,
    );
    t.notMatch(readFileSync(join(results, 'latest', 'results.tap'), 'utf8'), /TODO|SKIP/);
    const alone = sh(`${command} --resume latest`);
    t.equal(alone.status, 1, 'nothing passed: without a baseline as well');
    const rejudged = sh('node dist/cli/main.js report latest --rejudge --format json');
    t.equal(rejudged.stdout, readFileSync(join(results, 'latest', 'run.json'), 'utf8'));
    const compared = sh(`node dist/cli/main.js compare ${join(home, 'baseline.json')} latest`);
    t.equal(compared.status, 1, 'compare says the same');
  },
);
