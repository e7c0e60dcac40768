import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { BootgateError } from '../errors.js';
import { type GateInput, withGate } from '../gate/gate-input.js';
import { parseKnownIssues } from '../gate/known-issues.js';
import { gateSettings } from '../gate/thresholds.js';
import { gateSchema } from '../image/gate-section.js';
import type { RunResult } from '../results/run-result.js';
import { resultName, type Verdict } from '../results/scenario-result.js';
import { exitCodeOfVerdict } from '../results/verdict.js';
import { findResumable } from '../run/resume.js';
import { FIXTURE, PLAN, result, type StoredPart, storedPart, wholeOf } from './fixtures/stored.js';
import { mergeRuns } from './merge.js';

const results = mkdtempSync(join(tmpdir(), 'bootgate-merge-'));
const NOW = new Date('2026-06-01T00:00:00Z');
const merge = (...parts: string[]) => mergeRuns(parts, results, NOW);
const read = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8');

async function gateInput(more: Partial<GateInput> = {}): Promise<GateInput> {
  const ledger = (pattern: string, scenarios: string) =>
    `  - { pattern: '${pattern}', reason: r, link: 'https://x.example/1', owner: me, expires: 2026-12-31, scenarios: ['${scenarios}'] }\n`;
  return {
    now: NOW,
    settings: gateSettings({ allowKnown: true }, gateSchema.parse({})),
    knownIssues: await parseKnownIssues(
      'ledger.yaml',
      `version: 1\nissues:\n${ledger('because of crash', 'a/*')}${ledger('never seen', 'b/*')}`,
    ),
    check: null,
    overBudget: [],
    baseline: {
      ...FIXTURE,
      results: [result('a/0', 'pass'), result('a/1', 'fail'), result('z/gone', 'pass')],
    },
    ...more,
  };
}

t.test('a merged gate is the gate of the whole, whatever the shards', async (t) => {
  const verdict = fc.constantFrom<Verdict>('pass', 'pass', 'pass', 'fail', 'crash', 'hang', 'infra', 'skip');
  const { knownIssues } = await gateInput();
  // A gate that can hold; in the other one, entries of the ledger that match nothing speak against it too.
  const whole = await gateInput({
    knownIssues: knownIssues.map((issue) => ({ ...issue, intermittent: true })),
  });
  const over = await gateInput({ overBudget: [{ what: 'modules', limit: 1, bytes: 2, contributors: [] }] });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(verdict, fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 7 }),
      fc.constantFrom<'run' | 'gate' | 'over budget'>('run', 'gate', 'over budget'),
      async (dealt, kind) => {
        const input = { run: undefined, gate: whole, 'over budget': over }[kind];
        const all = dealt.map(([verdict], at) => result(`${at % 2 ? 'b' : 'a'}/${at}`, verdict));
        const parts = await Promise.all(
          [1, 2, 3].map((index) =>
            storedPart({
              results: all.filter((_, at) => dealt[at]?.[1] === index),
              planned: all.map(resultName),
              shard: { index, count: 3 },
              ...(input ? { input } : {}),
            }),
          ),
        );
        const { result: merged, folder } = await merge(...parts);
        const wanted = input ? withGate(wholeOf(all), input) : wholeOf(all);
        seen.add(`${kind}: ${(wanted.gate ?? wanted).verdict}`);
        const comparable = ({ verdict, counts, results, gate }: RunResult) => {
          const { comparison, ...rest } = gate ?? { comparison: null };
          return JSON.stringify({ verdict, counts, results, gate: rest, gone: comparison?.gone });
        };
        if (comparable(merged) !== comparable(wanted)) t.equal(comparable(merged), comparable(wanted));
        for (const path of [...parts, folder.path]) rmSync(path, { recursive: true });
        return comparable(merged) === comparable(wanted);
      },
    ),
    {
      numRuns: 20,
      // What must be among the samples, whatever the seed.
      examples: (['run', 'gate', 'over budget'] as const).flatMap((kind) =>
        (['pass', 'infra', 'fail'] as const).map((second): [[Verdict, number][], typeof kind] => [
          [
            ['pass', 1],
            [second, 2],
          ],
          kind,
        ]),
      ),
    },
  );
  for (const wanted of ['pass', 'incomplete', 'fail'])
    for (const kind of ['run', 'gate']) t.ok(seen.has(`${kind}: ${wanted}`), `${kind}: ${wanted}`);
  t.ok(seen.has('over budget: fail'));
});

t.test('a shard by itself says only what its own boots show', async (t) => {
  const input = await gateInput({ overBudget: [{ what: 'modules', limit: 1, bytes: 2, contributors: [] }] });
  const verdictOf = (results: RunResult['results']) =>
    withGate(wholeOf(results, { shard: { index: 1, count: 2 } }), input).gate;
  t.equal(verdictOf([result('b/1', 'pass')]).verdict, 'pass', 'no budget, no stale entry of the ledger');
  t.equal(verdictOf([]).verdict, 'pass', 'more shards than boots');
  t.equal(verdictOf([result('a/1', 'crash')]).verdict, 'pass', 'a known issue');
  t.equal(verdictOf([result('b/1', 'fail')]).verdict, 'fail');
  t.equal(verdictOf([result('b/1', 'infra')]).verdict, 'incomplete');
  t.match(verdictOf([]).reasons, [{ kind: 'coverage', weight: 'note', message: /^shard 1 of 2/ }]);
  t.equal(withGate(wholeOf([]), await gateInput()).gate.verdict, 'incomplete', 'a whole gate needs evidence');
});

t.test('logs and reports of all shards are in the merged run, which can be resumed', async (t) => {
  const planned = ['a/0', 'b/1'];
  const parts = [
    await storedPart({ results: [result('a/0', 'pass')], planned, shard: { index: 1, count: 2 } }),
    await storedPart({ results: [result('b/1', 'fail')], planned, shard: { index: 2, count: 2 } }),
  ];
  symlinkSync('/etc/passwd', join(parts[1] ?? '', 'b/1/link'));
  const { folder, result: merged, notes } = await merge(...parts);
  t.same(notes, []);
  t.equal(read(folder.path, 'a/0/console.log'), 'pass in 1\n');
  t.equal(read(folder.path, 'b/1/console.log'), 'fail in 2\n');
  t.equal(read(folder.path, 'run.log'), '{"of":1}\n{"of":2}\n');
  t.notOk(existsSync(join(folder.path, 'b/1/link')), 'a link in a folder from elsewhere is left out');
  for (const file of ['run.json', 'junit.xml', 'results.tap', 'report.html', 'modules.txt', 'plan.json'])
    t.ok(existsSync(join(folder.path, file)), file);
  t.match(merged, { verdict: 'fail', merged: [{ shard: { index: 1 } }, { shard: { index: 2 } }] });
  t.equal(merged.shard, undefined);
  const resumable = await findResumable(folder.path, results, 'x');
  t.equal(resumable.shard, undefined, 'gate --resume boots what is missing');
});

t.test('gaps leave the verdict open and are told', async (t) => {
  const planned = ['a/0', 'b/1', 'b/2'];
  const first = await storedPart({
    results: [result('a/0', 'pass')],
    planned,
    shard: { index: 1, count: 3 },
  });
  const cut = await storedPart({ results: [], missing: ['b/1'], planned, shard: { index: 2, count: 3 } });
  const killed = await storedPart({ results: [], planned, shard: { index: 3, count: 3 }, killed: true });
  const { result: merged, notes } = await merge(first, cut, killed);
  t.equal(exitCodeOfVerdict(merged.verdict), 3);
  t.same(merged.missing, ['b/1', 'b/2']);
  t.match(notes, [
    /^shard 3\/3 .*was killed/,
    'missing: shard 3/3',
    /^no result of 2 scenarios: b\/1, b\/2$/,
  ]);
  await t.rejects(merge(killed), { code: 'E_MERGE', hint: /ended without a result/ });
});

t.test('of several results a failure counts before a pass, and an answer before none', async (t) => {
  const planned = ['a/0'];
  const part = (verdict: Verdict, more = {}) =>
    storedPart({ results: [result('a/0', verdict, more)], planned, shard: { index: 1, count: 1 } });
  const verdictOf = async (...parts: Promise<string>[]) =>
    (await merge(...(await Promise.all(parts)))).result.results[0];
  const flaky = await merge(await part('pass'), await part('fail'));
  t.match(flaky.result.results[0], { verdict: 'fail', flaky: true, attempts: 2, tries: { length: 2 } });
  t.match(flaky.notes, [/^1 in several runs, where a failure counts before a pass: a\/0$/]);
  const [, second] = flaky.result.results[0]?.tries ?? [];
  t.match(read(flaky.folder.path, second?.console ?? ''), /^pass in/, "the other one's log is kept");
  t.match(read(flaky.folder.path, 'a/0/console.log'), /^fail in/);
  t.equal((await verdictOf(part('infra'), part('pass')))?.verdict, 'pass');
  t.equal((await verdictOf(part('fail'), part('infra')))?.verdict, 'fail');
  t.equal((await verdictOf(part('pass'), part('pass')))?.flaky, undefined);
});

t.test('runs of one image, booted by hand with other scenarios, are merged too', async (t) => {
  const { result: merged } = await merge(
    await storedPart({ results: [result('a/0', 'pass')] }),
    await storedPart({ results: [result('b/1', 'pass')] }),
  );
  t.equal(merged.verdict, 'pass');
  t.same(merged.results.map(resultName), ['a/0', 'b/1']);
});

t.test('parts of different wholes are refused, with the difference', async (t) => {
  const planned = ['a/0', 'b/1'];
  const input = await gateInput();
  const first: StoredPart = {
    results: [result('a/0', 'pass')],
    planned,
    shard: { index: 1, count: 2 },
    input,
  };
  const other = { ...first, results: [result('b/1', 'pass')], shard: { index: 2, count: 2 } };
  const rows: [string, StoredPart, RegExp][] = [
    [
      'version',
      { ...other, plan: { version: '9.9.9' } },
      /^bootgate: 9\.9\.9 in shard 2\/2 .*, 0\.1\.0 in shard 1\/2/,
    ],
    [
      'kernel',
      { ...other, plan: { kernel: { ...PLAN.kernel, release: '6.12' } } },
      /^kernel: 6\.12 .* 6\.1\.0 /,
    ],
    ['set', { ...other, plan: { sets: [{ digest: 'sha256:3' }] } }, /^modules: sha256:3 in shard 2/],
    [
      'install sets',
      { ...other, plan: { sets: [{ name: 'core', digest: 'x' }] } },
      /^install sets: core in .* all in/,
    ],
    [
      'scenario',
      { ...other, plan: { boots: planned.map((name) => ({ name, scenario: 'changed' })) } },
      /^scenarios changed from .*: a\/0, b\/1$/,
    ],
    [
      'selection',
      { ...other, planned: ['b/1'] },
      /^only shard 1\/2 .* was to boot, not shard 2\/2 .*: a\/0$/,
    ],
    ['count', { ...other, shard: { index: 2, count: 3 } }, /^shards: of 3 in .*of 2 in/],
    [
      'settings',
      { ...other, input: { ...input, settings: { ...input.settings, retries: 4 } } },
      /settings of the gate/,
    ],
    ['ledger', { ...other, input: { ...input, knownIssues: [] } }, /known issues differ/],
    ['baseline', { ...other, input: { ...input, baseline: null } }, /baseline differ .*"none" in/],
  ];
  const { input: _input, ...run } = other;
  rows.push(['kind', run, /^kind: run in .* gate in/]);
  for (const [what, second, words] of rows) {
    const error = await merge(await storedPart(first), await storedPart(second)).catch(
      (caught: unknown) => caught,
    );
    if (!(error instanceof BootgateError)) throw new Error(`${what} was merged: ${error}`);
    t.match(error, { code: 'E_MERGE', blame: 'user' }, what);
    t.match(error.problems.map(({ message }) => message).join('\n'), new RegExp(words.source, 'm'), what);
  }
});

t.test('parts are found where CI puts them', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'bootgate-artifacts-'));
  const planned = ['a/0', 'b/1'];
  mkdirSync(join(home, 'empty'));
  await storedPart(
    { results: [result('a/0', 'pass')], planned, shard: { index: 1, count: 2 } },
    join(home, 'one', 'r1'),
  );
  await storedPart(
    { results: [result('b/1', 'pass')], planned, shard: { index: 2, count: 2 } },
    join(home, 'two', 'r2'),
  );
  symlinkSync('r1', join(home, 'one', 'latest'));
  t.equal((await merge(home)).result.results.length, 2, 'a folder of folders of runs');
  t.equal((await merge(join(home, 'one'), join(home, 'two/r2/run.json'))).notes.length, 0);
  await t.rejects(merge(join(home, 'empty')), { code: 'E_RUN' });
  const escaping = await storedPart({
    results: [result('../../b', 'pass', { files: result('a/0', 'pass').files })],
  });
  await t.rejects(merge(escaping), { code: 'E_MERGE', message: /invalid name/ });
});
