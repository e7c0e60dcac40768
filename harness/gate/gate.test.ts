import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { believed, isWorthKeeping, type Reference } from '../boot/reference.js';
import { bootWithRetries } from '../boot/retries.js';
import { gateSchema, parseGrowth } from '../image/gate-section.js';
import type { PreparedImage } from '../image/prepare.js';
import { packageRoot } from '../paths.js';
import type { GateReport } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult, Verdict } from '../results/scenario-result.js';
import { countVerdicts } from '../results/scenario-result.js';
import { exitCodeOfVerdict, verdictOf } from '../results/verdict.js';
import { findResumable, withdrawVerdict, writePlan } from '../run/resume.js';
import type { OverBudget } from '../splits/budgets.js';
import type { CheckFinding } from '../splits/finding.js';
import { budgetsOf } from './budgets.js';
import { withKnownIssues } from './gate-input.js';
import { type Judged, judgeGate } from './judge-gate.js';
import { parseKnownIssues } from './known-issues.js';
import { gateSettings, isOver } from './thresholds.js';

const FIXTURE = JSON.parse(
  readFileSync(join(packageRoot, 'harness', 'report', 'fixtures', 'run.json'), 'utf8'),
) as RunResult;
const [PASSED] = FIXTURE.results as [ScenarioResult];
const SETTINGS = gateSettings({}, gateSchema.parse({}));
const MIB = 2 ** 20;

function one(scenario: string, verdict: Verdict, more: Partial<ScenarioResult> = {}): ScenarioResult {
  return { ...PASSED, scenario, verdict, reason: verdict === 'pass' ? '' : `because of ${verdict}`, ...more };
}

function run(results: ScenarioResult[], more: Partial<RunResult> = {}): RunResult {
  return { ...FIXTURE, results, counts: countVerdicts(results), ...more };
}

function gate(result: RunResult, more: Partial<Judged> = {}): GateReport {
  return judgeGate({
    result,
    check: null,
    overBudget: [],
    baseline: null,
    ledgerProblems: [],
    settings: SETTINGS,
    ...more,
  });
}

const kinds = (report: GateReport) => report.reasons.map(({ weight, kind }) => `${weight} ${kind}`);

t.test('verdicts', async (t) => {
  t.test('it holds when everything passes, and says nothing', async (t) => {
    const report = gate(run([one('a/x', 'pass'), one('a/y', 'skip')]));
    t.equal(report.verdict, 'pass');
    t.same(report.reasons, []);
    t.equal(exitCodeOfVerdict(report.verdict, false), 0);
    t.equal(exitCodeOfVerdict(report.verdict, true), 130);
  });

  t.test('each bad verdict fails it by itself', async (t) => {
    for (const verdict of ['fail', 'crash', 'hang'] as const) {
      const report = gate(run([one('a/x', 'pass'), one('a/y', verdict)]));
      t.same(kinds(report), ['no failure'], verdict);
      t.equal(exitCodeOfVerdict(report.verdict, false), 1);
    }
  });

  t.test('the host at fault leaves it open, and never hides a failure', async (t) => {
    const open = gate(run([one('a/x', 'pass'), one('a/y', 'infra')]));
    t.equal(open.verdict, 'incomplete');
    t.equal(exitCodeOfVerdict(open.verdict, false), 3);
    const both = gate(run([one('a/x', 'infra'), one('a/y', 'fail')]));
    t.same(kinds(both), ['no failure', 'undecided infra']);
    t.equal(exitCodeOfVerdict(both.verdict, false), 1);
  });

  t.test('what was not tried, and a run that tried nothing, are no pass', async (t) => {
    const cut = gate(run([one('a/x', 'pass')], { missing: ['a/y', 'a/z'] }));
    t.same(kinds(cut), ['undecided unfinished']);
    t.match(cut.reasons[0]?.message, /2 not tried \(a\/y, a\/z\)/);
    t.equal(gate(run([])).verdict, 'incomplete');
    t.equal(gate(run([one('a/x', 'skip')])).verdict, 'incomplete');
  });

  t.test('what fails with the full module tree too is the kernel, and a failure', async (t) => {
    const reference = { verdict: 'fail' as const, reason: 'no', cached: false, lacking: [] };
    const own = one('a/y', 'fail', { reference });
    const report = gate(run([one('a/x', 'pass'), own]));
    t.same(kinds(report), ['no failure']);
    t.match(report.reasons[0]?.message, /the kernel, not the set \(it fails with the full module tree too\)/);
    t.equal(verdictOf([one('a/x', 'pass'), own], false), 'fail');
    t.equal(report.verdict, gate(run([one('a/x', 'pass'), one('a/y', 'fail')])).verdict, 'as without it');
    const image = { ...reference, image: 'debian' };
    t.match(
      gate(run([one('a/y', 'fail', { reference: image })])).reasons[0]?.message,
      /with the image debian too/,
    );

    // faults.md A1: the kernel's package has lost its drivers; nothing passes, with a baseline and without.
    const lost = run([own, { ...own, scenario: 'a/z' }]);
    t.equal(gate(lost).verdict, 'fail');
    const before = run([one('a/y', 'pass'), one('a/z', 'pass')]);
    for (const allowKnown of [false, true]) {
      const settings = { ...SETTINGS, allowKnown };
      const held = gate(lost, { baseline: before, settings });
      t.equal(held.verdict, 'fail', `passed in the baseline, allowKnown ${allowKnown}`);
      t.same(kinds(held).slice(0, 2), ['no new-failure', 'no new-failure']);
    }
  });

  t.test('green rests on something that passed', async (t) => {
    const known = {
      reason: 'r',
      link: 'l',
      owner: 'o',
      expires: 'e',
      place: 'k.yaml:1',
      was: 'fail' as const,
      wasReason: 'w',
    };
    const excused = one('a/x', 'pass', { knownIssue: known });
    t.same(kinds(gate(run([excused]))), ['no nothing-passed', 'note known-issue']);
    t.equal(verdictOf([excused], false), 'fail');
    t.equal(gate(run([excused, one('a/y', 'pass')])).verdict, 'pass');
    const failing = run([one('a/x', 'fail')]);
    const allowed = { baseline: failing, settings: { ...SETTINGS, allowKnown: true } };
    t.same(kinds(gate(failing, allowed)), ['no nothing-passed', 'note failure']);
    t.equal(verdictOf([one('a/x', 'skip')], false), 'incomplete', 'a run that booted nothing');
    const untold = one('a/x', 'pass', {
      reference: { verdict: 'infra', reason: 'QEMU would not start', cached: false, lacking: [] },
    });
    const open = gate(run([untold]));
    t.same(kinds(open), ['undecided reference'], 'a comparison that was asked for and could not be made');
    t.equal(verdictOf([untold], false), 'incomplete');
    t.equal(gate(run([untold, one('a/y', 'fail')])).verdict, 'fail');
  });

  t.test('flaky fails it unless it is allowed', async (t) => {
    const tries = [
      { verdict: 'fail' as const, reason: 'x', console: 'a' },
      { verdict: 'pass' as const, reason: '', console: 'b' },
    ];
    const flaky = run([one('a/x', 'fail', { flaky: true, attempts: 2, tries })]);
    t.same(kinds(gate(flaky)), ['no flaky']);
    t.match(gate(flaky).reasons[0]?.message, /flaky, 1 of 2 boots pass/);
    const allowed = gate(flaky, { settings: { ...SETTINGS, allowFlaky: true } });
    t.same(kinds(allowed), ['note flaky']);
    t.equal(allowed.verdict, 'pass');
  });

  t.test('reasons stand in order of weight, whatever order they came in', async (t) => {
    const verdicts = fc.constantFrom<Verdict>('pass', 'fail', 'crash', 'hang', 'infra', 'skip');
    const rank = { no: 0, undecided: 1, note: 2 };
    fc.assert(
      fc.property(
        fc.array(verdicts, { maxLength: 12 }),
        fc.array(verdicts, { maxLength: 12 }),
        (now, then) => {
          const [result, baseline] = [now, then].map((list) =>
            run(list.map((verdict, at) => one(`a/${at}`, verdict))),
          ) as [RunResult, RunResult];
          const report = gate(result, { baseline });
          const ranks = report.reasons.map(({ weight }) => rank[weight]);
          if (ranks.some((value, at) => value < (ranks[at - 1] ?? 0))) throw new Error(`order: ${ranks}`);
          const bad = now.some((verdict) => ['fail', 'crash', 'hang'].includes(verdict));
          const tried = now.some((verdict) => verdict === 'pass');
          const wanted = bad ? 'fail' : now.includes('infra') || !tried ? 'incomplete' : 'pass';
          return report.verdict === wanted;
        },
      ),
    );
    t.pass('for any two runs');
  });
});

t.test('static check and budgets', async (t) => {
  const finding = (severity: CheckFinding['severity'], key = 'symbol-edge:a'): CheckFinding => ({
    id: 'symbol-edge',
    key,
    severity,
    message: 'a needs b, which is in a package that may be missing',
    place: { file: 'split.yaml', line: 7, text: 'a' },
    mend: 'move b to core (+4 KiB)',
  });
  const check = (...findings: CheckFinding[]): GateReport['check'] => ({
    counts: { error: 0, warning: 0, note: 0 },
    findings,
  });
  const good = run([one('a/x', 'pass')]);

  const error = gate(good, { check: check(finding('error')) });
  t.same(kinds(error), ['no static-check']);
  t.same(error.reasons[0]?.place, { file: 'split.yaml', line: 7 });
  t.match(error.reasons[0]?.hint, /move b to core/);
  t.equal(gate(good, { check: check(finding('warning'), finding('note')) }).verdict, 'pass');
  const strict = { ...SETTINGS, check: 'warning' as const };
  t.equal(gate(good, { check: check(finding('warning')), settings: strict }).verdict, 'fail');
  t.equal(gate(good, { check: check(finding('note')), settings: strict }).verdict, 'pass');

  const baseline = { ...good, gate: error };
  const known = { check: check(finding('error'), finding('error', 'symbol-edge:new')), baseline };
  t.same(kinds(gate(good, known)), ['no static-check', 'no static-check'], 'known errors are errors');
  const lenient = gate(good, { ...known, settings: { ...SETTINGS, allowKnown: true } });
  t.same(kinds(lenient), ['no static-check', 'note static-check'], 'new ones stay');

  const over: OverBudget = {
    what: 'package core',
    limit: 60 * MIB,
    bytes: 61 * MIB,
    contributors: ['xfs', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'tenth'].map((module) => ({
      module,
      bytes: 2 * MIB,
      scenarios: [],
    })),
  };
  const heavy = gate(good, { overBudget: [over] });
  t.same(kinds(heavy), ['no budget']);
  t.match(heavy.reasons[0]?.message, /61\.0 MiB, 1\.0 MiB over its budget of 60\.0 MiB/);
  t.match(heavy.reasons[0]?.hint, /xfs \(2\.0 MiB\).*tenth/, 'all ten');
  t.same(kinds(gate(good, { ledgerProblems: [{ message: 'expired' }] })), ['no known-issue']);
});

t.test('against a baseline', async (t) => {
  const before = run([one('a/x', 'pass'), one('a/y', 'fail'), one('a/z', 'crash'), one('a/gone', 'pass')]);

  t.test('new failures come first, fixed ones are reported', async (t) => {
    const after = run([one('a/x', 'fail'), one('a/y', 'fail'), one('a/z', 'pass')]);
    const report = gate(after, { baseline: before });
    t.same(kinds(report), ['no new-failure', 'no failure', 'note coverage', 'note fixed']);
    t.equal(report.reasons[0]?.result, 'a/x');
    t.match(report.reasons[1]?.message, /a\/y .*as in the baseline/);
    const lenient = gate(run([one('a/x', 'pass'), one('a/y', 'fail')]), {
      baseline: before,
      settings: { ...SETTINGS, allowKnown: true },
    });
    t.equal(lenient.verdict, 'pass');
    t.ok(kinds(lenient).includes('note failure'));

    const allowKnown = { baseline: before, settings: { ...SETTINGS, allowKnown: true } };
    const missing = (module: string) => ({ kind: 'missing-module', module, evidence: '', hint: '' });
    const otherwise: Partial<ScenarioResult>[] = [
      { verdict: 'crash' },
      { findings: [missing('xfs')] },
      { steps: [{ name: 'another', ok: false, seconds: 1 }] },
    ];
    for (const more of otherwise) {
      const changed = gate(run([one('a/x', 'pass'), one('a/y', 'fail', more)]), allowKnown);
      t.same(kinds(changed)[0], 'no new-failure', `another failure than before: ${JSON.stringify(more)}`);
    }
    const timed = gate(
      run([one('a/x', 'pass'), one('a/y', 'fail', { reason: 'other words', seconds: 9 })]),
      allowKnown,
    );
    t.equal(timed.verdict, 'pass', 'the same step failed: the same failure');
  });

  t.test('growth beyond its limits, and not below', async (t) => {
    const weighing = (bytes: number) =>
      run([one('a/x', 'pass')], {
        image: { ...FIXTURE.image, modules: { ...FIXTURE.image.modules, bytes } },
      });
    const baseline = weighing(150 * MIB);
    t.same(kinds(gate(weighing(150 * MIB), { baseline })), []);
    t.same(kinds(gate(weighing(150.4 * MIB), { baseline })), [], 'less than 512 KiB');
    t.same(kinds(gate(weighing(151 * MIB), { baseline })), [], 'less than 1 %');
    const report = gate(weighing(155 * MIB), { baseline });
    t.same(kinds(report), ['no size']);
    t.match(report.reasons[0]?.hint, /modules \+5\.0 MiB/);
    t.same(kinds(gate(weighing(100 * MIB), { baseline })), [], 'shrinking is welcome');
    const off = { ...SETTINGS, growth: { ...SETTINGS.growth, size: null } };
    t.same(kinds(gate(weighing(155 * MIB), { baseline, settings: off })), []);
  });

  t.test('memory, and what is only noise', async (t) => {
    const using = (mib: number) =>
      run([one('a/x', 'pass', { memory: { modulesBytes: 0, usedAfterBootBytes: mib * MIB } })]);
    t.same(kinds(gate(using(19), { baseline: using(18) })), []);
    t.same(kinds(gate(using(21), { baseline: using(18) })), ['no memory']);
  });

  t.test('CPU time by the median: one slow guest is no regression', async (t) => {
    const costing = (...seconds: number[]) =>
      run(seconds.map((cpuSeconds, at) => one(`a/${at}`, 'pass', { cpuSeconds })));
    const baseline = costing(5, 5, 6, 5, 6);
    t.same(kinds(gate(costing(5, 30, 6, 5, 6), { baseline })), [], 'one alone');
    const slower = costing(7, 7, 9, 7, 9);
    t.same(kinds(gate(slower, { baseline })), ['note cpu'], 'hosts differ: noted');
    const settings = gateSettings({}, gateSchema.parse({ growth: { cpu: '25 %' } }));
    t.same(kinds(gate(slower, { baseline, settings })), ['no cpu'], 'a limit that somebody set holds');
    const kvm = { ...slower, accelerator: { ...slower.accelerator, used: 'kvm' as const } };
    t.same(kinds(gate(kvm, { baseline, settings })), [], 'another accelerator is not compared');
  });
});

t.test('the ledger of known issues', async (t) => {
  const text = (expires: string) =>
    `version: 1\nissues:\n  - { pattern: because of crash, reason: it is known, link: 'https://x.example/1', owner: me, expires: ${expires} }\n`;
  const ledger = await parseKnownIssues('ledger.yaml', text('2026-06-30'));
  const crashed = run([one('a/x', 'pass'), one('a/y', 'crash', { findings: [] })], { verdict: 'fail' });
  const weigh = (now: string, from = crashed) => {
    const { result, problems } = withKnownIssues(from, ledger, new Date(now));
    return { result, report: gate(result, { ledgerProblems: problems }) };
  };
  const known = weigh('2026-06-30T12:00:00Z');
  t.equal(known.result.verdict, 'pass');
  t.match(known.result.counts, { pass: 2, crash: 0 });
  t.same(kinds(known.report), ['note known-issue']);
  t.match(known.report.reasons[0], { message: /a\/y would be crash: known until 2026-06-30/, result: 'a/y' });

  const expired = weigh('2026-07-01T12:00:00Z');
  t.same(kinds(expired.report), ['no failure', 'no known-issue']);
  t.match(expired.report.reasons[1]?.place, { file: 'ledger.yaml', line: 3 });
  const gone = weigh('2026-06-01T00:00:00Z', run([one('a/x', 'pass')]));
  t.same(kinds(gone.report), ['no known-issue'], 'an entry that matches nothing has to go');
  const infra = weigh('2026-06-01T00:00:00Z', run([one('a/x', 'infra', { reason: 'because of crash' })]));
  t.same(kinds(infra.report), ['undecided infra'], 'the host is never explained away');
});

t.test('budgets of an image without a split', async (t) => {
  const modules = new Map([
    ['xfs', { bytes: 3 * MIB }],
    ['ext4', { bytes: 2 * MIB }],
  ]);
  const variants = (budgets: Record<string, number>) =>
    [
      {
        image: { file: 'x.yaml', budgets },
        split: null,
        index: { modules },
        set: { names: ['ext4', 'xfs'] },
      },
    ] as unknown as [PreparedImage];
  const measured = {
    ...FIXTURE.image,
    vmlinuz: { bytes: 10 * MIB },
    modules: { ...FIXTURE.image.modules, bytes: 5 * MIB },
  };
  const using = [one('a/x', 'pass', { memory: { modulesBytes: 0, usedAfterBootBytes: 30 * MIB } })];
  t.same(
    budgetsOf(variants({ vmlinuz: 10 * MIB, modules: 5 * MIB }), measured, []),
    [],
    'just as much is kept',
  );
  const [over] = budgetsOf(variants({ modules: 4 * MIB }), measured, using);
  t.match(over, { what: 'modules', bytes: 5 * MIB, contributors: [{ module: 'xfs' }, { module: 'ext4' }] });
  t.match(budgetsOf(variants({ memory: 29 * MIB }), measured, using), [{ what: 'memory', bytes: 30 * MIB }]);
  t.same(
    budgetsOf(variants({ memory: 1 }), measured, []),
    [],
    'what was not measured is not held against it',
  );
  t.throws(() => budgetsOf(variants({ modles: 1, memroy: 1 }), measured, []), {
    code: 'E_BUDGET',
    message: /modles or memroy/,
  });
});

t.test('budgets of a split are held to the install set', async (t) => {
  const index = {
    release: '6.1.0-test',
    modules: new Map(
      [
        { name: 'ext4', path: 'kernel/fs/ext4/ext4.ko', bytes: 2 * MIB },
        { name: 'xfs', path: 'kernel/fs/xfs/xfs.ko', bytes: 3 * MIB },
      ].map((module) => [module.name, module]),
    ),
  };
  const place = { file: 'x.yaml', line: 1, text: '' };
  const split = {
    name: 'x',
    file: 'x.yaml',
    packages: [
      { name: 'core', depends: [], place },
      { name: 'extra', depends: ['core'], place },
    ],
    placement: new Map([
      ['ext4', { package: 'core', rule: null }],
      ['xfs', { package: 'extra', rule: null }],
    ]),
    twice: new Map(),
    budgets: {},
  };
  const core = (budgets: Record<string, number>) =>
    [
      { image: { file: 'x.yaml', budgets }, split, index, set: { names: ['ext4'], bytes: 2 * MIB } },
    ] as unknown as [PreparedImage];
  const measured = {
    vmlinuz: { bytes: 10 * MIB },
    initramfs: { ...FIXTURE.image.initramfs, bytes: MIB },
    modules: { ...FIXTURE.image.modules, bytes: 2 * MIB },
  };
  t.same(budgetsOf(core({ modules: 2 * MIB, total: 13 * MIB }), measured, []), [], 'extra is not in it');
  t.match(budgetsOf(core({ modules: MIB }), measured, []), [
    { bytes: 2 * MIB, contributors: [{ module: 'ext4' }] },
  ]);
  t.match(budgetsOf(core({ total: 12 * MIB }), measured, []), [{ bytes: 13 * MIB }]);
});

t.test('growth as it is written', async (t) => {
  t.same(parseGrowth('5 %'), { percent: 5 });
  t.same(parseGrowth('1 MiB'), { amount: MIB });
  t.same(parseGrowth('0.5% and 1MiB'), { percent: 0.5, amount: MIB });
  t.equal(parseGrowth('off'), null);
  for (const wrong of ['', 'lots', '5 % and 6 %', '-1 %', '1 MiB and', '5 per cent'])
    t.equal(parseGrowth(wrong), undefined, JSON.stringify(wrong));
  t.throws(() => gateSchema.parse({ growth: { size: 'lots' } }));
  t.ok(isOver({ percent: 5 }, 100, 106));
  t.notOk(isOver({ percent: 5 }, 100, 105));
  t.notOk(isOver({ percent: 5, amount: 10 }, 100, 106), 'over both is too much');
  const both = gateSettings(
    { growth: { size: null }, retries: 2 },
    gateSchema.parse({ growth: { size: '3 %' }, retries: 1 }),
  );
  t.equal(both.growth.size, null, 'the flag comes before the file');
  t.equal(both.retries, 2);
});

t.test('retries', async (t) => {
  const play = async (verdicts: Verdict[], retries: number) => {
    let boots = 0;
    const result = await bootWithRetries(async (attempt) => {
      boots++;
      t.equal(attempt, boots, 'attempts are numbered in a row');
      const verdict = verdicts[attempt - 1];
      return verdict && one('a/x', verdict, { attempts: attempt });
    }, retries);
    return { boots, result };
  };
  t.match(await play(['pass'], 3), { boots: 1, result: { verdict: 'pass', attempts: 1 } });
  t.match(await play(['fail', 'pass'], 0), { boots: 1, result: { verdict: 'fail', attempts: 1 } });
  const flaky = await play(['fail', 'pass', 'pass'], 2);
  t.match(flaky, { boots: 2, result: { verdict: 'fail', flaky: true, attempts: 2 } });
  t.same(
    flaky.result?.tries?.map(({ verdict }) => verdict),
    ['fail', 'pass'],
  );
  const broken = await play(['fail', 'hang', 'crash'], 2);
  t.match(broken, { boots: 3, result: { verdict: 'fail', attempts: 3 } });
  t.notOk(broken.result?.flaky, 'one that never passes is not flaky');
  t.match(await play(['infra', 'pass'], 0), { boots: 2, result: { verdict: 'pass', attempts: 2 } });
  t.match(await play(['infra', 'infra', 'pass'], 5), { boots: 2, result: { verdict: 'infra' } });
  const lost = await play(['fail', 'infra', 'infra'], 2);
  t.match(lost, { boots: 3, result: { verdict: 'fail' } });
  t.notOk(lost.result?.flaky, 'infra is no pass');
  t.equal((await play(['fail'], 2)).result, undefined, 'interrupted while it was tried again');

  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom<Verdict>('pass', 'fail', 'crash', 'hang', 'infra'), {
        minLength: 40,
        maxLength: 40,
      }),
      fc.nat(5),
      async (verdicts, retries) => {
        const result = await bootWithRetries(
          async (attempt) => one('x', verdicts[attempt - 1] ?? 'pass'),
          retries,
        );
        // What the first boot that was one has said is the verdict: nothing is retried away.
        const [a = 'pass', b = 'pass'] = verdicts;
        return result?.verdict === (a === 'infra' ? b : a);
      },
    ),
  );
});

t.test('a reference that fails is booted again before it is believed', async (t) => {
  const answer = async (...verdicts: Verdict[]) => {
    const boots: boolean[] = [];
    const { verdict, confirmed } = await believed(async (again) => {
      boots.push(again);
      return { verdict: verdicts[boots.length - 1] } as Reference;
    });
    const kept = isWorthKeeping({ verdict, ...(confirmed ? { confirmed } : {}) });
    return `${verdict} after ${boots.length}${kept ? ', kept' : ''}`;
  };
  t.equal(await answer('pass'), 'pass after 1, kept');
  t.equal(await answer('fail', 'fail'), 'fail after 2, kept');
  t.equal(await answer('fail', 'pass'), 'pass after 2, kept');
  t.equal(await answer('hang', 'pass'), 'pass after 2, kept');
  t.equal(await answer('hang', 'hang'), 'hang after 2', 'asked for anew in the next run');
  t.equal(await answer('fail', 'crash'), 'crash after 2');
  t.equal(await answer('fail', 'infra'), 'infra after 2', 'one failure alone is no answer');
  t.equal(await answer('infra'), 'infra after 1');
  t.notOk(isWorthKeeping({ verdict: 'fail' }), 'what older versions have remembered after one boot');
});

t.test('a run that goes on no longer says how it ended', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'bootgate-gate-test-'));
  const verdicts = [
    'run.json',
    'junit.xml',
    'report.html',
    'results.tap',
    'summary.md',
    'results.sarif',
    'gl-code-quality.json',
  ];
  for (const name of [...verdicts, 'plan.json', 'modules.txt', 'bootgate.log'])
    writeFileSync(join(path, name), '');
  mkdirSync(join(path, 'storage'));
  await withdrawVerdict({ id: 'x', path });
  t.same(readdirSync(path).sort(), ['bootgate.log', 'modules.txt', 'plan.json', 'storage']);
  await withdrawVerdict({ id: 'x', path }); // nothing to take back is no mistake
});

t.test('which run is resumed', async (t) => {
  const results = mkdtempSync(join(tmpdir(), 'bootgate-gate-test-'));
  for (const [id, image] of [
    ['20260101-000000-old', 'x'],
    ['20260102-000000-new', 'x'],
  ] as const) {
    mkdirSync(join(results, id));
    await writePlan({ id, path: join(results, id) }, new Date('2026-01-02T03:04:05Z'), image);
  }
  mkdirSync(join(results, '20260103-000000-alien'));
  const latest = await findResumable('latest', results, 'x');
  t.equal(latest.folder.id, '20260102-000000-new', 'the newest that has a plan');
  t.equal(latest.started.toISOString(), '2026-01-02T03:04:05.000Z');
  t.equal((await findResumable('20260101-000000-old', results, 'x')).folder.id, '20260101-000000-old');
  t.equal(
    (await findResumable(join(results, '20260101-000000-old'), 'elsewhere', 'x')).folder.id,
    '20260101-000000-old',
  );
  await t.rejects(findResumable('latest', results, 'y'), { code: 'E_RESUME', message: /image x, not of y/ });
  await t.rejects(findResumable('nowhere', results, 'x'), { code: 'E_RESUME' });
  writeFileSync(join(results, '20260102-000000-new', 'plan.json'), '{ cut o');
  t.equal(
    (await findResumable('latest', results, 'x')).folder.id,
    '20260101-000000-old',
    'a broken plan is none',
  );
});
