import t from 'tap';
import type { Finding, ScenarioResult } from '../results/scenario-result.js';
import { causesOf, causeTable, storiesOf } from './causes.js';
import { secondsLeft } from './left.js';
import { styleOf } from './screen.js';

const plain = styleOf({ colour: false });

function failed(scenario: string, more: Partial<ScenarioResult> = {}): ScenarioResult {
  return { scenario, verdict: 'fail', reason: 'a step failed', findings: [], ...more } as ScenarioResult;
}

const missing = (module: string, from?: string): Finding[] => [
  { kind: 'missing-module', module, evidence: '', hint: '', ...(from ? { package: from } : {}) } as Finding,
];

t.test('a cause is told once, with all that it explains, the heaviest first', async (t) => {
  const causes = causesOf([
    failed('boot/one'),
    failed('storage/a', { findings: missing('sd_mod', 'linux-extra') }),
    failed('storage/b', { findings: missing('sd_mod', 'linux-extra') }),
    failed('storage/c', { verdict: 'pass' }),
    failed('storage/d', { verdict: 'infra' }),
  ]);
  t.same(causes, [
    { title: 'missing module: sd_mod', package: 'linux-extra', results: ['storage/a', 'storage/b'] },
    { title: 'a step failed', results: ['boot/one'] },
  ]);
});

t.test('nothing failed: no table', async (t) => {
  t.equal(causeTable([failed('a/b', { verdict: 'pass' })], 80, plain), '');
  t.equal(
    causeTable([failed('a/b'), failed('a/c', { verdict: 'infra' })], 80, plain),
    '',
    'one story is told anyway',
  );
});

t.test('40, 80 and 200 columns', async (t) => {
  const many = Array.from({ length: 15 }, (_, at) =>
    failed(`storage/disk-${at}`, { findings: missing('sd_mod') }),
  );
  for (const width of [40, 80, 200]) {
    const lines = causeTable(many, width, plain).split('\n');
    t.same(
      lines.filter((line) => line.length > width),
      [],
      `${width} columns`,
    );
    t.match(lines.join(' '), /\(15 failures\).*disk-11, .*3 more/);
  }
});

t.test('the time left follows an earlier run', async (t) => {
  const history = {
    seconds: new Map([
      ['a/a', 10],
      ['a/b', 20],
    ]),
    guestSecondsPerSecond: 2,
  };
  const scenarios = ['a/a', 'a/b', 'a/new'];
  t.equal(secondsLeft({ scenarios, history }, new Set(), []), 23, '10 + 20 + the mean of 15, two at once');
  t.equal(secondsLeft({ scenarios, history }, new Set(['a/a']), [{ scenario: 'a/b', seconds: 12 }]), 12);
  t.equal(
    secondsLeft({ scenarios, history }, new Set(['a/a', 'a/new']), [{ scenario: 'a/b', seconds: 2 }]),
    18,
    'the last one is alone',
  );
  t.equal(secondsLeft({ scenarios, history }, new Set(scenarios), []), undefined, 'all are done');
  t.equal(secondsLeft({ scenarios }, new Set(), []), undefined, 'no earlier run');
});

t.test('of failures with one cause the first is told, and names the others', async (t) => {
  const stories = storiesOf([
    failed('a/a', { findings: missing('sd_mod') }),
    failed('a/b', { findings: missing('sd_mod') }),
    failed('a/c'),
    failed('a/d'),
    failed('a/e', { verdict: 'infra', findings: missing('sd_mod') }),
    failed('a/f', { findings: missing('sd_mod'), reference: { verdict: 'fail' } as never }),
    failed('a/g', { verdict: 'pass', findings: missing('sd_mod') }),
  ]);
  t.same(
    stories.map(({ one, same }) => [one.scenario, ...same]),
    [['a/a', 'a/b'], ['a/c'], ['a/d'], ['a/e'], ['a/f']],
  );
});
