import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Boot } from '../boot/job.js';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { loadScenarios } from '../scenarios/load.js';
import type { Scenario } from '../scenarios/scenario.js';
import { dealOut, shardOf } from './shard.js';
import { estimateSeconds, readTimings, type Timings } from './timings.js';

/** Seconds of the whole library, as recorded under TCG on two cores. */
const RECORDED: Timings = new Map(
  Object.entries(
    JSON.parse(readFileSync(join(packageRoot, 'harness/fleet/fixtures/timings.json'), 'utf8')) as Record<
      string,
      number
    >,
  ),
);
const FIXTURE = join(packageRoot, 'harness', 'report', 'fixtures', 'run.json');
const bootsOf = (scenarios: readonly Scenario[], sets: readonly (string | undefined)[] = [undefined]) =>
  sets.flatMap((set) =>
    scenarios.map(
      (scenario) => ({ name: set ? `${scenario.name} [${set}]` : scenario.name, scenario }) as Boot,
    ),
  );
const library = await loadScenarios(join(packageRoot, 'scenarios'));
const sumOf = (names: Iterable<string>, seconds: ReadonlyMap<string, number>) =>
  [...names].reduce((sum, name) => sum + (seconds.get(name) ?? 0), 0);

t.test('shards are disjoint, complete and the same whatever the order of the boots', async (t) => {
  const some = fc.subarray(library, { minLength: 1 });
  fc.assert(
    fc.property(
      some,
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      fc.boolean(),
      (scenarios, count, split, timed) => {
        const boots = bootsOf(scenarios, split ? ['core', 'core,extra'] : [undefined]);
        const timings = timed ? RECORDED : new Map<string, number>();
        const choose = (index: number, of: readonly Boot[]) => shardOf({ index, count }, timings).choose(of);
        const shards = Array.from({ length: count }, (_, at) => choose(at + 1, boots));
        const all = shards.flatMap((shard) => [...shard]);
        if (all.length !== boots.length || new Set(all).size !== boots.length)
          throw new Error('lost or doubled');
        const reversed = choose(1, [...boots].reverse());
        return [...reversed].sort().join() === [...(shards[0] ?? [])].sort().join();
      },
    ),
    { numRuns: 40 },
  );
  t.pass('40 plans');
});

t.test('the longest shard of the whole library takes at most 1.1 times the mean', async (t) => {
  for (const count of [2, 3, 4, 8, 16]) {
    const shards = dealOut(RECORDED, count).map((names) => sumOf(names, RECORDED));
    const mean = shards.reduce((sum, one) => sum + one, 0) / count;
    t.ok(Math.max(...shards) <= 1.1 * mean, `${count}: ${(Math.max(...shards) / mean).toFixed(3)}`);
  }
  // Known nothing of but what scenarios declare, shards are no more than twice as long.
  const known = library.filter(({ name }) => RECORDED.has(name));
  const blind = dealOut(estimateSeconds(bootsOf(known), new Map()), 4).map((names) => sumOf(names, RECORDED));
  t.ok(Math.max(...blind) <= (2 * blind.reduce((sum, one) => sum + one, 0)) / 4, blind.join());
});

t.test('what was not recorded is estimated', async (t) => {
  const scenario = {
    name: 'a/b',
    boot: 'direct',
    disks: [],
    nics: [],
    tools: [],
    steps: [],
  } as unknown as Scenario;
  const boots = bootsOf(
    [scenario, { ...scenario, name: 'a/c' }, { ...scenario, name: 'a/d', boot: 'packaged' }],
    ['x'],
  );
  const seconds = estimateSeconds(
    boots,
    new Map([
      ['a/b [x]', 10],
      ['a/c [y]', 30],
    ]),
  );
  t.same(
    [...seconds],
    [
      ['a/b [x]', 10],
      ['a/c [x]', 30],
      ['a/d [x]', 30],
    ],
  );
});

t.test('timings come from a run or a file, and nothing else', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-timings-'));
  const run = JSON.parse(readFileSync(FIXTURE, 'utf8')) as RunResult;
  const file = (name: string, value: unknown) => {
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
    return join(folder, name);
  };
  const [first] = run.results;
  t.equal((await readTimings(FIXTURE, folder)).get(first?.scenario ?? ''), first?.seconds);
  const undecided = { ...run, results: run.results.map((one) => ({ ...one, verdict: 'infra' })) };
  t.equal(
    (await readTimings(file('infra.json', undecided), folder)).size,
    0,
    'what was not decided is left out',
  );
  t.same([...(await readTimings(file('plain.json', { 'a/b': 1.5 }), folder))], [['a/b', 1.5]]);
  for (const bad of ['[', '[1]', '{}', '{"a/b": "long"}', '{"a/b": -1}', '3'])
    await t.rejects(readTimings(file('bad.json', bad), folder), { code: 'E_TIMINGS', blame: 'user' }, bad);
  await t.rejects(readTimings(join(folder, 'none'), folder), { code: 'E_RUN' });
});
