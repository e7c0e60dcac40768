import t from 'tap';
import { BootgateError, userError } from '../errors.js';
import { fuzz } from './loop.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';
import { makeRoom } from './room.js';
import type { Target } from './target.js';
import { TARGETS } from './targets.js';

t.setTimeout(300_000);

t.test('the same seed makes the same inputs, another one others', async (t) => {
  const seeds = [Buffer.from('a small real input\n'.repeat(20)), Buffer.from('and another one')];
  const inputs = (seed: number) =>
    Array.from({ length: 300 }, (_, number) => mutate(seeds, new Random(seed, 'x', number)).toString('hex'));
  t.same(inputs(1), inputs(1));
  t.not(inputs(1).join(), inputs(2).join());
  t.ok(new Set(inputs(1)).size > 250, 'inputs differ');
});

t.test('a crash, a refused seed and a refusal are told apart', async (t) => {
  const limits = { seed: 1, seconds: 10, inputs: 200 };
  const target = (read: Target['read']): Target => ({ name: 'x', seeds: [Buffer.from('seed')], read });
  const crash = await fuzz(
    target((bytes) => {
      if (bytes.toString() !== 'seed') throw new RangeError('out');
    }),
    limits,
  );
  t.match(crash.crashes[0], { number: 1, what: /RangeError: out/ });
  const again = await fuzz(
    target(() => Promise.reject(new TypeError('no'))),
    { ...limits, only: 7 },
  );
  t.match(again, { inputs: 1, crashes: [{ number: 7, what: /TypeError/ }] });
  const refusing = await fuzz(
    target((bytes) => {
      if (bytes.toString() !== 'seed') throw userError('E_X', 'no');
    }),
    limits,
  );
  t.match(refusing, { inputs: 200, crashes: [], hangs: [] });
  t.ok(refusing.refused > 150);
  const host = new BootgateError('full', { code: 'E_DISK', blame: 'host' });
  const hosted = await fuzz(
    target(() => Promise.reject(host)),
    limits,
  );
  t.match(hosted.crashes[0]?.what, /full/, 'the host is never to blame for an input');
  const seedless = await fuzz(
    target(() => Promise.reject(userError('E_X', 'no'))),
    { ...limits, inputs: 1 },
  );
  t.match(seedless.crashes, [{ what: /the seed is refused/ }]);
});

/** A moment for each; `make fuzz` takes its time. */
t.test('every reader, for a moment: an answer or the blame, nothing else', async (t) => {
  const seed = Number(process.env.BOOTGATE_SEED ?? Date.now() % 1_000_000);
  t.comment(`BOOTGATE_SEED=${seed}`);
  const room = await makeRoom(t.testdir({}));
  for (const [name, make] of Object.entries(TARGETS)) {
    const { inputs, crashes, hangs } = await fuzz(await make(room), { seed, seconds: 0.6, inputs: 2000 });
    t.same(
      [...crashes, ...hangs].map(({ number, what }) => `${number}: ${what}`),
      [],
      `${name}: ${inputs} inputs`,
    );
  }
});
