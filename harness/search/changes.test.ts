import fc from 'fast-check';
import t from 'tap';
import type { PreparedImage } from '../image/prepare.js';
import { treeOf } from '../splits/fixtures/tree.js';
import { sidesIn } from './bisect.js';
import { type Change, changesOf, withChanges, withoutChanges } from './changes.js';

const index = treeOf({
  dep: [
    'kernel/a.ko:',
    'kernel/b.ko: kernel/a.ko',
    'kernel/c.ko: kernel/b.ko kernel/a.ko',
    'kernel/d.ko:',
    'kernel/e.ko: kernel/d.ko',
  ].join('\n'),
});
const all = [...index.modules.keys()];
const dependsOf = (name: string) => index.modules.get(name)?.depends ?? [];
const closed = (names: readonly string[]) => new Set(names.flatMap((name) => [name, ...dependsOf(name)]));
const isClosed = (names: readonly string[]) =>
  names.every((name) => dependsOf(name).every((need) => names.includes(need)));

t.test(
  'changes lead from one set to the other, and every part of them to a set that can be loaded',
  async (t) => {
    const sets = fc.tuple(
      fc.subarray(all),
      fc.subarray(all),
      fc.subarray(all),
      fc.infiniteStream(fc.boolean()),
    );
    fc.assert(
      fc.property(sets, ([good, bad, likely, coins]) => {
        const sides = { index, good: closed(good), bad: closed(bad) };
        const changes = changesOf(sides, likely);
        const same = (names: readonly string[], set: ReadonlySet<string>) =>
          String(names) === String([...set].sort());
        const some = changes.filter(() => coins.next().value);
        const ways: Change[][] = [some, ...changes.map((_, at) => changes.slice(0, at))];
        return (
          same(withChanges(sides, changes), sides.good) &&
          same(withChanges(sides, []), sides.bad) &&
          same(withoutChanges(sides, []), sides.good) &&
          same(withoutChanges(sides, changes), sides.bad) &&
          ways.every((row) => isClosed(withChanges(sides, row)) && isClosed(withoutChanges(sides, row)))
        );
      }),
      { numRuns: 1000, seed: 20141 },
    );
    t.pass('1000 pairs of sets');
  },
);

t.test('a module comes with what it needs and goes with what needs it', async (t) => {
  const sides = { index, good: new Set(['a', 'b', 'c']), bad: new Set<string>() };
  t.same(withChanges(sides, [{ module: 'b', kind: 'add' }]), ['a', 'b']);
  t.same(withoutChanges(sides, [{ module: 'b', kind: 'add' }]), ['a']);
  t.same(
    changesOf({ ...sides, good: new Set(all) }, ['e'])
      .map(({ module }) => module)
      .slice(0, 2),
    ['d', 'e'],
  );
});

t.test(
  'two kernels by name: what one has built in is there, and nothing without what it needs',
  async (t) => {
    const mine = { ...index, builtins: new Map() };
    const theirs = {
      ...treeOf({ dep: 'kernel/b.ko:\nkernel/e.ko:\nkernel/z.ko:' }),
      builtins: new Map([['a', 'kernel/a.ko']]),
    };
    const sideOf = (digest: string, its: typeof mine, names: readonly string[]) =>
      ({ index: its, kernel: { digest }, set: { names } }) as unknown as PreparedImage;
    const good = sideOf('mine', mine, all);
    const bad = sideOf('theirs', theirs, ['b', 'e', 'z']);
    const sides = sidesIn(good, good, bad);
    t.same([...sides.good], all);
    t.same([...sides.bad].sort(), ['a', 'b'], 'e needs d here, which the other kernel does not have');
  },
);
