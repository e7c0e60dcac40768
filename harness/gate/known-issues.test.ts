import { join } from 'node:path';
import t from 'tap';
import { imagesDir } from '../paths.js';
import type { Finding, ScenarioResult, Verdict } from '../results/scenario-result.js';
import { loadKnownIssues, matchKnownIssues, parseKnownIssues } from './known-issues.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const AT = { release: '6.1.0-56-amd64', now: NOW };

function result(
  scenario: string,
  verdict: Verdict,
  reason: string,
  findings: Finding[] = [],
): ScenarioResult {
  return { scenario, verdict, reason, findings } as unknown as ScenarioResult;
}

const finding = (kind: string, hint: string): Finding => ({ kind, hint, evidence: `${hint} as it stood` });
const BUG = finding('kernel-report', 'kernel BUG in inode.c in ext4_writepages [ext4]: a bug');
const AFTER = finding('kernel-report', 'kernel panic: Fatal exception: the kernel stopped itself');
const OTHER = finding('kernel-report', 'oops: kernel NULL pointer dereference in foo: a bug');

const entry = (more = '') => `
version: 1
issues:
  - pattern: 'kernel BUG in inode\\.c'
    reason: ext4 and short files
    link: https://bugs.example.org/1
    owner: kernel-team
    expires: 2026-12-31
${more}`;

const crash = (...findings: Finding[]) =>
  result('filesystems/ext4', 'crash', findings[0]?.hint ?? '', findings);

t.test('what ships is right', async (t) => {
  t.same(await loadKnownIssues(join(imagesDir, 'known-issues.yaml')), []);
});

t.test('a failure that is known becomes a noted pass', async (t) => {
  const ledger = await parseKnownIssues('known.yaml', entry());
  const { results, problems } = matchKnownIssues([crash(BUG, AFTER)], ledger, AT);
  t.match(results[0], {
    verdict: 'pass',
    reason: '',
    knownIssue: { was: 'crash', wasReason: BUG.hint, owner: 'kernel-team', place: 'known.yaml:4' },
  });
  t.same(problems, []);
});

t.test('what is new is not covered by what is known', async (t) => {
  const ledger = await parseKnownIssues('known.yaml', entry());
  const verdict = (one: ScenarioResult, at = AT) => matchKnownIssues([one], ledger, at).results[0]?.verdict;
  t.equal(verdict(crash(BUG)), 'pass');
  t.equal(verdict(crash(BUG, OTHER)), 'crash', 'a second report that nobody knows');
  t.equal(verdict(crash(OTHER, BUG)), 'crash', 'also where it came first');
  t.equal(verdict(crash(AFTER)), 'crash', 'a panic whose cause is lost');
  t.equal(verdict(crash(AFTER, BUG)), 'crash', 'a panic that came first follows from nothing');
  t.equal(
    verdict(result('a', 'infra', 'kernel BUG in inode.c')),
    'infra',
    "the host's trouble is never known",
  );
  t.equal(verdict(result('a', 'skip', 'kernel BUG in inode.c')), 'skip');
  t.equal(verdict(result('a', 'hang', 'kernel BUG in inode.c')), 'pass', 'by its reason');
  t.equal(
    verdict(
      result('a', 'fail', 'the step failed', [
        finding('missing-module', 'add x'),
        finding('kernel-warning', BUG.hint),
      ]),
    ),
    'fail',
    'only the first finding of a failure is its cause',
  );
  const later = { ...AT, now: new Date('2027-01-01T00:00:00Z') };
  t.equal(verdict(crash(BUG), later), 'crash', 'expired');
  t.equal(
    verdict(crash(BUG), { ...AT, now: new Date('2026-12-31T23:59:59Z') }),
    'pass',
    'the last day counts',
  );
});

t.test('kernels and scenarios are globs', async (t) => {
  const more = "    kernels: ['6.1.*']\n    scenarios: ['filesystems/*']\n";
  const ledger = await parseKnownIssues('known.yaml', entry(more));
  const verdict = (one: ScenarioResult, release: string) =>
    matchKnownIssues([one], ledger, { ...AT, release }).results[0]?.verdict;
  t.equal(verdict(crash(BUG), '6.1.0-56-amd64'), 'pass');
  t.equal(verdict(crash(BUG), '6.10.0'), 'crash');
  t.equal(verdict({ ...crash(BUG), scenario: 'storage/nvme' }, '6.1.0-56-amd64'), 'crash');
});

t.test('an entry that no longer holds is a problem of the ledger', async (t) => {
  const problems = async (results: ScenarioResult[], more = '', at = AT) =>
    matchKnownIssues(results, await parseKnownIssues('known.yaml', entry(more)), at).problems;
  const green = [result('filesystems/ext4', 'pass', '')];
  t.match(await problems(green), [
    { place: { file: 'known.yaml', line: 4 }, message: /no longer matches any failure/ },
  ]);
  t.same(await problems(green, '    intermittent: true\n'), [], 'one that comes and goes');
  t.same(await problems(green, '    scenarios: [storage/nvme]\n'), [], 'what was not booted says nothing');
  t.same(await problems(green, "    kernels: ['5.*']\n"), []);
  t.same(await problems([result('filesystems/ext4', 'infra', '')]), []);
  const late = { ...AT, now: new Date('2027-02-01') };
  t.match(await problems([crash(BUG)], '', late), [{ message: /expired on 2026-12-31: ask kernel-team/ }]);
  t.match(await problems([], '', late), [{ message: /expired/ }], 'whether or not anything was booted');
});

t.test('an invalid ledger says so at its lines', async (t) => {
  const refused = async (text: string, ...messages: RegExp[]) => {
    const error = await parseKnownIssues('known.yaml', text, ['filesystems/ext4', 'storage/nvme']).then(
      () => null,
      (one: { problems: { line: number; message: string }[] }) => one,
    );
    for (const [at, message] of messages.entries()) t.match(error?.problems[at]?.message, message);
    t.equal(error?.problems.length ?? 0, messages.length);
  };
  await refused(entry().replace("inode\\.c'", "('"), /no usable pattern/);
  await refused(entry().replace('kernel BUG in inode\\.c', '.*x?'), /matches everything/);
  for (const pattern of ['[a-z]', '[0-9]+', '...', ': |fail', '(kernel)?'])
    await refused(entry().replace('kernel BUG in inode\\.c', pattern), /matches everything/);
  await refused(entry().replace('kernel BUG', '(?=kernel) BUG'), /not supported/);
  await refused(
    entry("    scenarios: [filesystems/ext4, 'storage/nmve', 'net/*']\n"),
    /storage\/nvme/,
    /net\/\*/,
  );
  await refused(entry("    kernels: ['6.1.*', 'linux-6.1', 'v6*']\n"), /linux-6\.1/, /v6/);
  await refused(entry("    kernels: ['6*', '6.*', '6.[15]*', '?.1', '*-amd64', 6.1.0-56-amd64]\n"));
  await refused(entry().replace('2026-12-31', 'next year'), /expires/);
  await refused(entry().replace('https://bugs.example.org/1', 'nowhere'), /link/);
  await refused(entry('    untill: 3\n'), /unknown key/);
  await refused('version: 1\nissues:\n  - { pattern: abc }\n', /reason/, /link/, /owner/, /expires/);
});

t.test('a pattern cannot be kept busy by what a guest prints', async (t) => {
  const ledger = await parseKnownIssues(
    'known.yaml',
    entry().replace('kernel BUG in inode\\.c', '(a+)+ of [xy]$'),
  );
  const [issue] = ledger;
  const begun = performance.now();
  t.notOk(issue?.pattern.test(`${'a'.repeat(5000)} of z`));
  t.ok(issue?.pattern.test(`ext4: ${'a'.repeat(5000)} of y`), 'found anywhere');
  t.ok(performance.now() - begun < 5000);
});
