import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parseStringPromise } from 'xml2js';
import { z } from 'zod';
import { packageRoot } from '../paths.js';
import { cleanText } from '../printable.js';
import { compareRuns, verdictOfComparison } from '../results/compare.js';
import type { GateReport } from '../results/gate-report.js';
import { restsOn } from '../results/rests-on.js';
import type { RunResult } from '../results/run-result.js';
import { type Finding, isFailure, type ScenarioResult } from '../results/scenario-result.js';
import { exitCodeOfVerdict, verdictOf } from '../results/verdict.js';
import { githubAnnotations, gitlabCodeQuality } from './annotations.js';
import { comparisonText } from './comparetext.js';
import { gateText } from './gatetext.js';
import { junitXml } from './junit.js';
import { markdownSummary, writeMarkdown } from './markdown.js';
import { parsePlace, type Remark, remarksOf, repositoryRoot } from './remarks.js';
import { sarifLog, sarifText } from './sarif.js';
import { styleOf } from './screen.js';
import { tapDocument } from './tap.js';

const RUN = JSON.parse(
  readFileSync(join(packageRoot, 'harness', 'report', 'fixtures', 'run.json'), 'utf8'),
) as RunResult;
const PLAIN = styleOf({ colour: false });
const FAILED = RUN.results.find(({ verdict }) => verdict === 'fail') as ScenarioResult;

/** A run with a gate's word on it: reasons of every weight, a static check, and a place in a split. */
const CHECK: NonNullable<GateReport['check']> = {
  counts: { error: 1, warning: 1, note: 0 },
  findings: [
    {
      id: 'symbol-edge',
      key: 'symbol-edge:virtio_blk:virtio',
      severity: 'error',
      message: 'virtio_blk needs virtio, which is in extra',
      place: { file: join(packageRoot, 'images/splits/a b.yaml'), line: 12, text: '- virtio' },
      mend: 'move virtio to core (+16 KiB)',
    },
    { id: 'rule-unused', key: 'rule-unused:x', severity: 'warning', message: 'matches nothing' },
  ],
};
const GATE: GateReport = {
  schema: 'bootgate/gate@1',
  verdict: 'fail',
  reasons: [
    { kind: 'budget', weight: 'no', message: 'package core is 61.0 MiB', hint: 'the heaviest: xfs' },
    { kind: 'infra', weight: 'undecided', message: 'x could not be tried' },
    { kind: 'cpu', weight: 'note', message: 'a boot costs 30 % more CPU time' },
  ],
  check: CHECK,
  overBudget: [],
  comparison: null,
};
const GATED: RunResult = { ...RUN, gate: GATE };

/**
 * SARIF 2.1.0 by its specification, as far as this program writes it: every object closed, so that a property of another
 * name or in another place is an error. (Written from the standard's text, section by section.)
 */
const message = z.strictObject({ text: z.string().min(1) }); // 3.11
const level = z.enum(['none', 'note', 'warning', 'error']); // 3.27.10
const uri = z.string().refine((text) => !/[\s\\]/.test(text) && !text.startsWith('/'), 'a URI reference');
const sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'), // 3.13.2
  runs: z.array(
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string().min(1), // 3.19.8
          semanticVersion: z.string().regex(/^\d+\.\d+\.\d+/), // 3.19.12
          rules: z.array(
            z.strictObject({
              id: z.string().min(1), // 3.49.3
              shortDescription: message,
              defaultConfiguration: z.strictObject({ level }), // 3.49.14, 3.50.3
            }),
          ),
        }),
      }),
      automationDetails: z.strictObject({ id: z.string().endsWith('/') }), // 3.17.2
      invocations: z.array(
        z.strictObject({ executionSuccessful: z.boolean(), startTimeUtc: z.iso.datetime() }), // 3.20.14, 3.9
      ),
      columnKind: z.enum(['utf16CodeUnits', 'unicodeCodePoints']), // 3.14.17
      results: z.array(
        z.strictObject({
          ruleId: z.string().min(1),
          ruleIndex: z.int().min(0),
          level,
          message,
          locations: z
            .array(
              z.strictObject({
                physicalLocation: z.strictObject({
                  artifactLocation: z.strictObject({ uri, uriBaseId: z.literal('%SRCROOT%').optional() }),
                  region: z.strictObject({ startLine: z.int().min(1) }), // 3.30.5
                }),
              }),
            )
            .optional(),
          partialFingerprints: z.record(z.string(), z.string()), // 3.27.17
        }),
      ),
      properties: z.record(z.string(), z.unknown()), // 3.8
    }),
  ),
});

t.test('SARIF is SARIF', async (t) => {
  for (const run of [RUN, GATED, { ...RUN, results: [] }]) {
    const remarks = remarksOf(run, packageRoot);
    const text = JSON.stringify(sarifLog(run, remarks, '1.2.3'));
    const [log] = sarif.parse(JSON.parse(text)).runs;
    const rules = log?.tool.driver.rules.map(({ id }) => id) ?? [];
    t.equal(new Set(rules).size, rules.length, 'rule ids are unique');
    for (const one of log?.results ?? []) t.equal(rules[one.ruleIndex], one.ruleId);
    t.equal(log?.results.length, remarks.length);
  }
  const written = sarif.parse(JSON.parse(await sarifText(GATED, remarksOf(GATED, packageRoot))));
  const edge = written.runs[0]?.results.find(({ ruleId }) => ruleId === 'symbol-edge');
  t.match(edge?.locations?.[0]?.physicalLocation, {
    artifactLocation: { uri: 'images/splits/a%20b.yaml', uriBaseId: '%SRCROOT%' },
    region: { startLine: 12 },
  });
  t.throws(() => sarif.parse({ ...written, extra: 1 }), 'the check can fail');
});

/** How GitHub's runner reads a workflow command (actions/runner, ActionCommand.cs), written down anew. */
function readCommand(line: string) {
  const [, command, properties = '', data = ''] = /^::(\w+)(?: ([^\n]*?))?::([^\n]*)$/.exec(line) ?? [];
  if (!command) return undefined;
  const plain = (text: string, also: [string, string][] = []) =>
    [['%0D', '\r'] as const, ['%0A', '\n'] as const, ...also, ['%25', '%'] as const].reduce(
      (result, [code, character]) => result.replaceAll(code, character),
      text,
    );
  const pairs = properties
    .split(',')
    .filter(Boolean)
    .map((pair) => {
      const at = pair.indexOf('=');
      return [
        pair.slice(0, at),
        plain(pair.slice(at + 1), [
          ['%3A', ':'],
          ['%2C', ','],
        ]),
      ] as const;
    });
  return { command, properties: Object.fromEntries(pairs), data: plain(data) };
}

const remark = fc.record({
  id: fc.stringMatching(/^[a-z-]{1,12}$/),
  level: fc.constantFrom<Remark['level']>('error', 'warning', 'note'),
  message: fc.string({ unit: fc.constantFrom('a', '%', ':', ',', '\n', '\r', '0A', '::', 'é', ' ') }),
  fingerprint: fc.stringMatching(/^[0-9a-f]{32}$/),
  place: fc.record({
    file: fc.string({ unit: fc.constantFrom('a', '/', '%', ':', ',', ' ', '=', '3A'), minLength: 1 }),
    line: fc.integer({ min: 1, max: 9999 }),
  }),
});

t.test("GitHub's annotations", async (t) => {
  fc.assert(
    fc.property(fc.array(remark, { maxLength: 5 }), (all) => {
      const remarks = all.filter((one) => one.level !== 'note');
      const lines = githubAnnotations(all).split('\n').slice(0, -1);
      return (
        lines.length === remarks.length &&
        lines.every((line, at) => {
          const one = remarks[at];
          const read = readCommand(line);
          if (!one) return false;
          return (
            read?.command === one.level &&
            read.properties.file === one.place.file &&
            read.properties.line === String(one.place.line) &&
            read.data === cleanText(one.message)
          );
        })
      );
    }),
  );
  t.match(
    githubAnnotations(remarksOf(GATED, packageRoot)),
    /^::error file=images\/splits\/a b\.yaml,line=12,/m,
  );
});

t.test("GitLab's code quality report", async (t) => {
  const issue = z.strictObject({
    description: z.string().min(1),
    check_name: z.string().min(1),
    fingerprint: z.string().min(1),
    severity: z.enum(['info', 'minor', 'major', 'critical', 'blocker']),
    location: z.strictObject({ path: z.string().min(1), lines: z.strictObject({ begin: z.int().min(1) }) }),
  });
  const issues = z.array(issue).parse(JSON.parse(gitlabCodeQuality(remarksOf(GATED, packageRoot))));
  const edge = issues.find(({ check_name }) => check_name === 'symbol-edge');
  t.match(edge, { severity: 'critical', location: { path: 'images/splits/a b.yaml', lines: { begin: 12 } } });
  t.equal(new Set(issues.map(({ fingerprint }) => fingerprint)).size, issues.length);
  t.same(JSON.parse(gitlabCodeQuality([])), [], 'nothing to say is an empty list');
});

t.test('remarks', async (t) => {
  const missing: Finding = {
    kind: 'missing-module',
    evidence: 'x',
    module: 'virtio_pci',
    rule: `${join(packageRoot, 'images/policies/2014.yaml')}:31`,
    hint: 'add virtio_pci',
  };
  const many = ['a/1', 'a/2', 'a/3'].map((scenario) => ({ ...FAILED, scenario, findings: [missing] }));
  const [first, ...others] = remarksOf({ ...RUN, results: many }, packageRoot);
  t.match(first, {
    id: 'missing-module',
    level: 'error',
    place: { file: 'images/policies/2014.yaml', line: 31 },
  });
  t.match(first?.message, /missing module virtio_pci: a\/1 \(and 2 more\)/);
  t.same(others, [], 'one cause is one remark');

  const moved = { ...missing, rule: missing.rule?.replace(':31', ':99') as string };
  const same = { ...RUN, results: [{ ...FAILED, scenario: 'a/1', findings: [moved] }] };
  const alone = { ...RUN, results: [{ ...FAILED, scenario: 'a/1', findings: [missing] }] };
  t.equal(
    remarksOf(same, packageRoot)[0]?.fingerprint,
    remarksOf(alone, packageRoot)[0]?.fingerprint,
    'lines that move leave an alert what it is',
  );
  const levels = remarksOf(GATED, packageRoot).map((one) => one.level);
  t.same(
    levels,
    [...levels].sort((a, b) => 'ewn'.indexOf(a[0] ?? '') - 'ewn'.indexOf(b[0] ?? '')),
  );
  t.notOk(
    remarksOf(GATED, packageRoot).some(({ id }) => id === 'infra'),
    'the host is nobody’s line',
  );
  t.same(parsePlace('a/b.yaml:12'), { file: 'a/b.yaml', line: 12 });
  t.same(parsePlace('a/b.yaml:12:3'), { file: 'a/b.yaml', line: 12 });
  t.equal(parsePlace('no place'), undefined);
  t.equal(repositoryRoot({ GITHUB_WORKSPACE: '/w' }), '/w');
  t.equal(repositoryRoot({ CI_PROJECT_DIR: '/p' }), '/p');
  t.equal(repositoryRoot({}, '/here'), '/here');
});

t.test('Markdown: hostile text stays text', async (t) => {
  const hostile =
    '| <script>x</script> [l](javascript:x) `c` **b** ![i](http://x) @someone #1 \x1b[31m </details>';
  const one: ScenarioResult = {
    ...FAILED,
    scenario: hostile,
    reason: hostile,
    consoleTail: ['````', '```', hostile],
    findings: [{ kind: 'step-failed', evidence: hostile, hint: hostile }],
  };
  const reasons: GateReport['reasons'] = [{ kind: 'failure', weight: 'no', message: hostile, hint: hostile }];
  const text = markdownSummary({ ...RUN, results: [one], gate: { ...GATE, reasons } });
  const outside = text.replace(/^(`{3,})text\n[\s\S]*?^\1$/gm, '');
  t.notMatch(outside, /<script|(?<!\\)\[l|(?<!\\)`c|(?<!\\)\*\*b|@someone|\x1b/);
  t.equal(outside.match(/<\/details>/g)?.length, outside.match(/<details>/g)?.length);
  t.match(text, /^`{5}text$/m, 'the fence is longer than what it holds');
  for (const table of outside.matchAll(/(?:^\|.*\|\n)+/gm)) {
    const cells = table[0]
      .trim()
      .split('\n')
      .map((row) => row.match(/(?<!\\)\|/g)?.length);
    t.equal(new Set(cells).size, 1, 'every row of a table has the same cells');
  }
});

t.test('Markdown: why a verdict does not count as it stands', async (t) => {
  const knownIssue = { reason: 'r', link: 'l', owner: 'o', expires: 'e', place: 'p:1', wasReason: 'w' };
  const results: ScenarioResult[] = [
    { ...FAILED, scenario: 'a/1', flaky: true },
    { ...FAILED, scenario: 'a/2', reference: { verdict: 'fail', reason: 'r', cached: true, lacking: [] } },
    { ...FAILED, scenario: 'a/3', verdict: 'pass', knownIssue: { ...knownIssue, was: 'fail' } },
  ];
  const text = markdownSummary({ ...RUN, results });
  t.match(text, /a\/1 \| ❌ fail \(flaky\)/);
  t.match(text, /a\/2 \| ❌ fail \(with the full module tree too\)/);
  t.match(text, /a\/3 \| ✅ pass \(known issue\)/);
});

t.test('Markdown: on the page of the job', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-ci-test-'));
  const page = join(folder, 'page.md');
  await writeMarkdown(folder, GATED, { GITHUB_STEP_SUMMARY: page });
  await writeMarkdown(folder, GATED, { GITHUB_STEP_SUMMARY: page });
  const summary = readFileSync(join(folder, 'summary.md'), 'utf8');
  t.equal(readFileSync(page, 'utf8'), summary + summary, 'added to what other steps wrote');
  t.match(summary, /^## bootgate: ❌ the gate does not hold\n/);
  const told: string[] = [];
  await writeMarkdown(folder, GATED, { GITHUB_STEP_SUMMARY: join(folder, 'not', 'here') }, (one) =>
    told.push(one),
  );
  t.match(
    told,
    [/^the summary could not be added to the page of the job: ENOENT/],
    'told, and the gate goes on',
  );
  await writeMarkdown(folder, RUN, {});
  t.match(
    readFileSync(join(folder, 'summary.md'), 'utf8'),
    /^## bootgate: ❌ fail\n/,
    'a run without a gate',
  );
});

t.test('JUnit and TAP: nothing that failed is skipped, whatever allows it', async (t) => {
  const reference = { verdict: 'fail' as const, reason: 'r', cached: true, lacking: [] };
  const knownIssue = {
    ...{ reason: 'it is known', link: 'l', owner: 'o', expires: 'e', place: 'p:1' },
    was: 'crash' as const,
    wasReason: 'an oops',
  };
  const results: ScenarioResult[] = [
    { ...FAILED, scenario: 'a/own', reference },
    { ...FAILED, scenario: 'a/flaky', flaky: true },
    { ...FAILED, scenario: 'a/known', verdict: 'pass', knownIssue },
  ];
  const noted: GateReport['reasons'] = [
    { kind: 'flaky', weight: 'note', message: 'a/flaky is flaky & allowed', result: 'a/flaky' },
    { kind: 'failure', weight: 'note', message: 'a/own ended as fail', result: 'a/own' },
  ];
  const xml = await junitXml({ ...RUN, results, gate: { ...GATE, reasons: noted } }, new Map());
  const { testsuites } = await parseStringPromise(xml);
  t.match(testsuites.$, { tests: '3', failures: '2', errors: '0', skipped: '0' });
  const [own, flaky, known] = testsuites.testsuite[0].testcase;
  t.match(own.failure[0]._, /the kernel, not the set: it fails with the full module tree too/);
  t.ok(flaky.failure);
  t.match(known['system-out'][0], /known issue until e: it is known \(o, l\)\nwithout it: crash, an oops/);
  const tap = tapDocument(results);
  t.match(tap, /^not ok 1 - a\/own$/m);
  t.match(tap, /cause: "?the kernel, not the set/);
  t.notMatch(tap, /TODO|SKIP/);
});

t.test('one line says what a verdict rests on', async (t) => {
  const reference = { verdict: 'fail' as const, reason: 'r', cached: true, lacking: [] };
  const passed = { ...FAILED, verdict: 'pass' as const };
  const own = { ...FAILED, reference };
  const of = (results: ScenarioResult[], more: Partial<RunResult> = {}) =>
    restsOn({ ...RUN, results, verdict: verdictOf(results, false), ...more });
  const [count, ofCount] = [RUN.image.modules.count, RUN.image.modules.ofCount];
  t.ok(count < ofCount);
  t.equal(of([passed, passed]), 'rests on 2 of 2 scenarios that passed with this set');
  t.equal(
    of([passed, own]),
    'rests on 1 of 2 scenarios that failed with this set (1 fail); 1 passed; 1 also fails with the full module tree',
  );
  t.equal(
    of([passed, { ...passed, verdict: 'skip' }, { ...passed, verdict: 'infra' }], { missing: ['x', 'y'] }),
    'rests on 1 of 4 scenarios that passed with this set; 1 could not be decided; 2 were not tried; 1 skipped',
  );
  const whole = { ...RUN.image, modules: { ...RUN.image.modules, count: ofCount } };
  t.match(of([passed], { image: whole }), /1 of 1 scenario that passed with the full module tree$/);
  const gate: GateReport = {
    ...GATE,
    verdict: 'pass',
    reasons: [{ kind: 'failure', weight: 'note', message: 'm', result: 'r' }],
    comparison: compareRuns(RUN, RUN),
  };
  t.equal(
    of([passed, own], { gate }),
    `rests on 1 of 2 scenarios that passed with this set; 1 also fails with the full module tree; 1 fails as in the baseline; compared with ${RUN.id}`,
  );
  t.match(of([passed], { gate: GATE }), /; 1 reason does not come from a boot$/);
});

t.test('the gate in a terminal', async (t) => {
  const text = gateText(GATED, PLAIN, 80);
  t.match(
    text,
    /^ {2}no {4}package core is 61\.0 MiB\n {11}-> the heaviest: xfs\n {2}open {2}x could not be tried/,
  );
  t.match(
    text,
    /the gate does not hold: 1 reason; static check: 1 error, 1 warning, 0 notes\nrests on [^\n]+\n$/,
  );
  t.same(
    text.split('\n').filter((line) => [...line].length > 80 && !line.startsWith('rests on')),
    [],
  );
  const reasons = Array.from({ length: 20 }, (_, at): GateReport['reasons'][number] => ({
    kind: 'static-check',
    weight: 'no',
    message: `module ${at}`,
  }));
  t.match(
    gateText({ ...RUN, gate: { ...GATE, reasons } }, PLAIN),
    /module 5\n +and 14 more like this, listed in run\.json/,
  );
});

t.test('two runs compared', async (t) => {
  const verdicts = fc.constantFrom<ScenarioResult['verdict']>(
    'pass',
    'fail',
    'crash',
    'hang',
    'infra',
    'skip',
  );
  const runOf = (list: (readonly [string, ScenarioResult['verdict']])[]): RunResult => ({
    ...RUN,
    results: list.map(([scenario, verdict]) => ({ ...FAILED, scenario, verdict })),
  });
  const runs = fc
    .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), verdicts), { selector: ([name]) => name })
    .map(runOf);
  fc.assert(
    fc.property(runs, runs, (before, after) => {
      const there = compareRuns(before, after);
      const back = compareRuns(after, before);
      const names = (list: { name: string }[]) =>
        list
          .map(({ name }) => name)
          .sort()
          .join();
      const verdictOf = (run: RunResult, name: string) =>
        run.results.find((one) => one.scenario === name)?.verdict;
      // What is new there is fixed on the way back, where the other side passed; infra is never a change.
      const fixedBack = there.newFailures.filter(({ before: was }) => was === 'pass');
      if (names(back.fixed) !== names(fixedBack)) throw new Error('not the mirror');
      if (names(there.stillFailing) !== names(back.stillFailing)) throw new Error('still failing differs');
      const changed = [...there.newFailures, ...there.fixed, ...there.stillFailing];
      for (const { name } of there.fixed)
        if (verdictOf(after, name) !== 'pass') throw new Error('fixed is a pass');
      return (
        changed.every(({ name }) => verdictOf(after, name) !== 'infra') &&
        after.results.filter(isFailure).length === there.newFailures.length + there.stillFailing.length
      );
    }),
  );
  const same = compareRuns(RUN, RUN);
  t.same([same.newFailures, same.fixed, same.appeared, same.gone], [[], [], [], []]);
  t.ok(same.sizes.every(({ before, after }) => before === after));
  t.match(comparisonText(same, PLAIN), /failing as before: 3/);

  const skipped = compareRuns(runOf([['a', 'pass']]), runOf([['a', 'skip']]));
  t.same(skipped.gone, ['a'], 'what is skipped now is no longer tested');

  const exit = (before: RunResult, after: RunResult) =>
    exitCodeOfVerdict(verdictOfComparison(compareRuns(before, after)));
  const good = runOf([['a', 'pass']]);
  t.equal(exit(good, good), 0);
  t.equal(exit(runOf([['a', 'fail']]), runOf([['a', 'fail']])), 0, 'failing as before is no change');
  t.equal(
    exit(
      good,
      runOf([
        ['a', 'crash'],
        ['b', 'infra'],
      ]),
    ),
    1,
    'a failure outranks what is undecided',
  );
  t.equal(exit(good, runOf([['a', 'infra']])), 3, 'the host did not let it be compared');
  t.equal(exit(good, { ...good, missing: ['b'] }), 3, 'interrupted');
  t.equal(exit(good, runOf([['b', 'pass']])), 3, 'nothing in common: nothing was compared');
  t.match(
    comparisonText(compareRuns(good, runOf([['a', 'infra']])), PLAIN),
    /could not be decided: 1\n {2}a\n/,
  );

  const sets = (bytes: number): RunResult => ({
    ...RUN,
    installSets: [
      {
        name: 'core',
        packages: ['core'],
        modules: { count: 1, bytes },
        initramfs: { bytes: 5 },
        counts: RUN.counts,
      },
    ],
  });
  const { sizes } = compareRuns(sets(100), sets(150));
  const vmlinuz = RUN.image.vmlinuz.bytes;
  t.same(
    sizes.find(({ what }) => what === 'core: total'),
    { what: 'core: total', before: vmlinuz + 105, after: vmlinuz + 155 },
  );
});
