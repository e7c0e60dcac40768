import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { isolate } from './isolate.js';
import { Ledger } from './ledger.js';
import { smallest } from './smallest.js';

/** The strategies against seeded oracles: thousands of kernels that never boot. */
const SEED = 20141;
const noEnd = () => true;

/** A dependency graph in which a module needs only ones before it; `depends` is closed, as modules.dep is. */
function graphOf(edges: readonly (readonly number[])[]) {
  const closed = new Map<string, string[]>();
  edges.forEach((needs, at) => {
    const below = needs.filter(() => at > 0).map((need) => `m${need % Math.max(1, at)}`);
    closed.set(`m${at}`, [...new Set(below.flatMap((name) => [name, ...(closed.get(name) ?? [])]))]);
  });
  const depends = (name: string) => closed.get(name) ?? [];
  const close = (names: readonly string[]) => [...new Set(names.flatMap((name) => [name, ...depends(name)]))];
  return { names: [...closed.keys()], depends, close };
}

const graphs = fc.array(fc.array(fc.nat(59), { maxLength: 3 }), { minLength: 2, maxLength: 60 });
const picks = fc.array(fc.nat(59), { maxLength: 5 });

/** Zeller's ddmin as written, for comparison: subsets, then complements, then smaller parts. Returns its trials. */
async function ddminTrials(items: readonly string[], passes: (names: string[]) => boolean): Promise<number> {
  let [kept, parts, trials] = [[...items], 2, 0];
  const seen = new Set<string>();
  const asks = (names: string[]) => {
    const key = names.join(' ');
    if (!seen.has(key)) trials++;
    seen.add(key);
    return passes(names);
  };
  while (kept.length > 1) {
    const size = Math.ceil(kept.length / parts);
    const slices = Array.from({ length: Math.ceil(kept.length / size) }, (_, at) => [
      at * size,
      (at + 1) * size,
    ]);
    const subset = slices.map(([from, to]) => kept.slice(from, to)).find(asks);
    const rest = subset
      ? undefined
      : slices.map(([from, to]) => [...kept.slice(0, from), ...kept.slice(to)]).find(asks);
    if (subset) [kept, parts] = [subset, 2];
    else if (rest) [kept, parts] = [rest, Math.max(2, parts - 1)];
    else if (size === 1) break;
    else parts = Math.min(kept.length, parts * 2);
  }
  return trials;
}

t.test('smallest: just what is needed and what that needs, whatever the evidence', async (t) => {
  const sums = { cases: 0, exact: 0, wrong: 0, plain: 0 };
  await fc.assert(
    fc.asyncProperty(
      graphs,
      picks,
      picks,
      fc.integer({ min: 1, max: 4 }),
      async (edges, need, guess, jobs) => {
        const { names, depends, close } = graphOf(edges);
        const some = (at: readonly number[]) => close(at.map((one) => names[one % names.length] ?? ''));
        const wanted = some(need);
        const passes = (set: readonly string[]) => wanted.every((name) => set.includes(name));
        for (const suspected of [wanted, some(guess)]) {
          const ledger = new Ledger(async (set) => passes(set));
          const found = await smallest({
            depends,
            starts: [suspected, names],
            suspected: new Set(suspected),
            order: (a, b) => (a < b ? -1 : 1),
            jobs,
            passes: ledger.passes,
            mayGoOn: noEnd,
          });
          assert.deepEqual([found?.names, found?.proven], [[...wanted].sort(), true]);
          for (const root of found?.roots ?? []) assert.ok(!passes(wanted.filter((name) => name !== root)));
          assert.deepEqual([ledger.flaky, ledger.nonMonotonic, ledger.notes], [false, false, []]);
          if (suspected === wanted) {
            sums.exact += ledger.trials;
            assert.ok(
              ledger.trials <= 1 + (found?.roots.length ?? 0),
              'a right guess costs one trial for each root',
            );
          } else sums.wrong += ledger.trials;
        }
        sums.cases++;
        sums.plain += await ddminTrials(names, (set) => passes(close(set)));
      },
    ),
    { numRuns: 1500, seed: SEED },
  );
  t.ok(sums.exact * 2 < sums.plain && sums.wrong < sums.plain * 1.2);
  t.comment(
    `${sums.cases} graphs: ${sums.exact} trials with a right guess, ${sums.wrong} with a random one, ddmin ${sums.plain}`,
  );
});

t.test('smallest: ends, with a set that passes, whatever the oracle', async (t) => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer(), async (edges, salt) => {
      const { names, depends } = graphOf(edges);
      const whole = names.length;
      const passes = (set: readonly string[]) => set.length === whole || hash(set, salt) % 3 > 0;
      const ledger = new Ledger(async (set) => passes(set));
      const found = await smallest({
        depends,
        starts: [names],
        suspected: new Set(names.slice(whole / 2)),
        order: (a, b) => (a < b ? -1 : 1),
        jobs: 3,
        passes: ledger.passes,
        mayGoOn: noEnd,
      });
      assert.ok(found && passes(found.names), 'it passes');
      for (const root of found?.roots ?? [])
        assert.ok(
          !passes(found?.names.filter((name) => name !== root) ?? []),
          'without any root it does not',
        );
    }),
    { numRuns: 1000, seed: SEED },
  );
  t.pass('1000 cases');
});

t.test('of two that can stand in for each other, the order says which stays', async (t) => {
  for (const [lesser, stays] of [
    ['intel', 'generic'],
    ['generic', 'intel'],
  ]) {
    const found = await smallest({
      depends: () => [],
      starts: [['intel', 'generic', 'fs']],
      suspected: new Set(['intel', 'generic', 'fs']),
      order: (a, b) => Number(b === lesser) - Number(a === lesser) || (a < b ? -1 : 1),
      jobs: 3,
      passes: async (set) => set.includes('fs') && (set.includes('intel') || set.includes('generic')),
      mayGoOn: noEnd,
    });
    t.same([found?.names, found?.proven], [['fs', stays], true]);
  }
});

t.test('smallest: no start passes; nothing is needed; it is stopped', async (t) => {
  const search = {
    depends: () => [],
    starts: [['a', 'b', 'c']],
    suspected: new Set(['a', 'b', 'c']),
    order: () => 0,
    jobs: 1,
  };
  t.equal(await smallest({ ...search, passes: async () => false, mayGoOn: noEnd }), undefined);
  t.same(await smallest({ ...search, passes: async () => true, mayGoOn: noEnd }), {
    names: [],
    roots: [],
    proven: true,
  });
  let left = 2;
  const cut = await smallest({ ...search, passes: async () => true, mayGoOn: () => left-- > 0 });
  t.same([cut?.names.length, cut?.proven], [2, false], 'the best so far');
});

t.test('isolate: one guilty of n in 2·log2(n)+4 trials; several, all of them', async (t) => {
  const sums = { cases: 0, trials: 0, plain: 0, most: 0 };
  const cases = fc.tuple(
    fc.integer({ min: 1, max: 400 }),
    fc.array(fc.nat(399), { minLength: 1, maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(cases, async ([size, guilty]) => {
      const items = Array.from({ length: size }, (_, at) => `m${at}`);
      const wanted = [...new Set(guilty.map((one) => `m${one % size}`))];
      const passes = (set: readonly string[]) => wanted.every((name) => set.includes(name));
      const ledger = new Ledger(async (set) => passes(set));
      const found = await isolate({ changes: items, passes: ledger.passes, mayGoOn: noEnd });
      assert.deepEqual([...found].sort(), [...wanted].sort());
      // A bisect tries both ends and proves both ways; among 8 or more it also tries what the failure names.
      if (wanted.length === 1) {
        const others = size >= 8 ? 5 : 4;
        assert.ok(
          ledger.trials + others <= 2 * Math.log2(size) + 4,
          `${ledger.trials} + ${others} of ${size}`,
        );
        sums.most = Math.max(sums.most, ledger.trials);
      }
      sums.cases++;
      sums.trials += ledger.trials;
      sums.plain += await ddminTrials(items, passes);
    }),
    { numRuns: 2000, seed: SEED },
  );
  t.ok(sums.trials < sums.plain);
  t.comment(
    `${sums.cases} cases: ${sums.trials} trials, ddmin ${sums.plain}; one guilty: at most ${sums.most}`,
  );
});

t.test('isolate: ends, with what was seen to pass, for an oracle without sense', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fc.integer(), async (size, salt) => {
      const items = Array.from({ length: size }, (_, at) => `m${at}`);
      const passes = (set: readonly string[]) => set.length === size || hash(set, salt) % 2 === 0;
      const found = await isolate({ changes: items, passes: async (set) => passes(set), mayGoOn: noEnd });
      assert.ok(passes(found));
    }),
    { numRuns: 1000, seed: SEED },
  );
  t.pass('1000 cases');
});

t.test('the ledger: what contradicts is tried again, said, and not tried for ever', async (t) => {
  await t.test('a pass that was luck', async (t) => {
    const answers = [true, false, false];
    const ledger = new Ledger(async (set) => (set.length === 1 ? (answers.shift() ?? false) : false));
    t.equal(await ledger.passes(['a', 'b']), false);
    t.equal(await ledger.passes(['a']), false, 'a subset of what fails passed: not believed');
    t.same([ledger.flaky, ledger.nonMonotonic, ledger.trials], [true, false, 4]);
    t.match(ledger.notes, [/flaky: a set of 1 module passed and failed; it counts as a failure/]);
  });
  await t.test('a module that does harm', async (t) => {
    const ledger = new Ledger(async (set) => !set.includes('harm'));
    t.equal(await ledger.passes(['a', 'harm']), false);
    t.equal(await ledger.passes(['a']), true);
    t.same([ledger.flaky, ledger.nonMonotonic, ledger.trials], [false, true, 4]);
    t.match(ledger.notes, [/passes without harm, and fails with them: both were seen twice/]);
  });
  await t.test('however often it lies, three trials a set', async (t) => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer(), async (edges, salt) => {
        const { names, depends } = graphOf(edges);
        const sets = new Set<string>();
        let trials = 0;
        const ledger = new Ledger(async (set) => {
          sets.add([...set].sort().join(' '));
          return hash([...set, String(trials++)], salt) % 10 > 2;
        });
        await smallest({
          depends,
          starts: [names],
          suspected: new Set(names),
          order: () => 0,
          jobs: 2,
          passes: ledger.passes,
          mayGoOn: noEnd,
        });
        assert.ok(ledger.trials <= 3 * sets.size);
      }),
      { numRuns: 500, seed: SEED },
    );
    t.pass('500 cases');
  });
});

/** FNV-1a of the names and a salt. */
function hash(names: readonly string[], salt: number): number {
  let value = (2166136261 ^ salt) >>> 0;
  for (const letter of [...names].sort().join(' '))
    value = Math.imul(value ^ letter.charCodeAt(0), 16777619) >>> 0;
  return value >>> 8;
}
