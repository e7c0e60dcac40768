import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
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
import { packageRoot } from '../paths.js';
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
  const shown = [...readme.matchAll(/^.*(node dist\/cli\/main\.js gate [^\n#]*?)\s*$/gm)].map(
    (match) => match[1],
  );
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
  t.notOk(existsSync(join(folder, 'run.json')), 'what is not whole is not there');
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
      .filter((line) => !line.startsWith('virtio_blk '));
    const list = join(home, 'modules.txt');
    writeFileSync(list, kept.join('\n'));
    const done = sh(
      `node dist/cli/main.js gate storage/virtio-blk storage/nvme -i debian-2014 --modules ${list} --baseline ${baseline} --retries 1 --resume ${id}`,
    );
    t.equal(done.status, 1, done.stderr);
    t.match(done.stdout, /no {4}storage\/virtio-blk says fail [^:]*: missing\s+module\s+virtio_blk/);
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
      'what is no longer tried is told',
    );

    const sarif = sh('node dist/cli/main.js report latest --format sarif');
    t.match(JSON.parse(sarif.stdout), {
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'missing-module', level: 'error' }] }],
    });
    rmSync(list); // a run knows its modules by itself
    const rejudged = sh('node dist/cli/main.js report latest --rejudge --format json');
    const verdicts = (run: RunResult) =>
      run.results.map((one) => [one.scenario, one.verdict, one.reason, one.steps]);
    t.same(
      verdicts(JSON.parse(rejudged.stdout)),
      verdicts(readRun(join(results, 'latest'))),
      'the same rules, the same verdicts',
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
    ['-i debian-2014 --growth size=lots', /that is no growth/],
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
