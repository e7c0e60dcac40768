import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { badStep, evidence, okStep, PANIC, SCENARIO } from '../diagnose/fixtures/evidence.js';
import { judge } from '../diagnose/judge.js';
import type { Scenario } from '../scenarios/scenario.js';
import { createDisk, patternBlock, patternOffset } from '../vm/disks.js';
import type { Disk } from '../vm/machine.js';
import { checkOutside, readOutside, writeOutside } from './outside.js';
import { makeShares } from './shares.js';

const SEED = 'cafe';
const scenario: Scenario = {
  ...SCENARIO,
  disks: [
    { serial: 'data', bus: 'virtio-blk', sizeMiB: 64, verifyPattern: true },
    { serial: 'other', bus: 'nvme', sizeMiB: 8, verifyPattern: false },
  ],
  shares: [{ tag: 'home' }],
};

/** Disks and a share as a guest leaves them that did all it was asked for. */
async function guestOf(scratch: string) {
  const disks: Disk[] = [];
  for (const { serial, sizeMiB } of scenario.disks) {
    const file = join(scratch, `${serial}.img`);
    await createDisk(file, sizeMiB);
    disks.push({ serial, bus: 'virtio-blk', file });
  }
  const [data] = disks as [Disk];
  const bytes = readFileSync(data.file);
  for (let number = 0; number < 64; number++)
    patternBlock(SEED, number).copy(bytes, patternOffset(64, number));
  writeFileSync(data.file, bytes);
  const shares = await makeShares(scenario, scratch, SEED);
  const home = shares[0]?.folder ?? '';
  writeFileSync(join(home, 'from-guest'), `bootgate ${SEED}\n`);
  return { home, check: () => checkOutside(scenario, disks, shares, SEED) };
}

t.test('what a guest wrote is looked for once it is gone', async (t) => {
  const { home, check } = await guestOf(t.testdir({}));
  const good = await check();
  t.same(
    good.checks.map(({ ok, where }) => [ok, where]),
    [
      [true, 'outside'],
      [true, 'outside'],
    ],
  );
  t.equal(good.trouble, undefined);
  for (const [what, make] of [
    ['nothing', () => {}],
    ['something else', (path: string) => writeFileSync(path, 'x')],
    ['a folder', (path: string) => mkdirSync(path)],
    ['a link in a circle', (path: string) => symlinkSync('from-guest', path)],
  ] as const) {
    const path = join(home, 'from-guest');
    rmSync(path, { recursive: true, force: true });
    make(path);
    const { checks, trouble } = await check();
    t.same([checks[1]?.ok, trouble], [false, undefined], `${what}: the guest's doing`);
  }
  rmSync(join(home, 'from-host'));
  t.equal((await check()).trouble, undefined, 'a guest can remove the files of its share');
});

t.test('what the host does to the files of a guest is trouble, and no answer', async (t) => {
  const root = process.getuid?.() === 0;
  const cases: [string, RegExp, (scratch: string) => void][] = [
    ['all of it', /^the disk file cannot be read: ENOENT/, (scratch) => rmSync(scratch, { recursive: true })],
    ['the disk', /ENOENT.*\(data\)/, (scratch) => rmSync(join(scratch, 'data.img'))],
    [
      'a disk with no pattern',
      /disk file of other .*ENOENT/,
      (scratch) => rmSync(join(scratch, 'other.img')),
    ],
    ['cut', /4096 bytes instead of/, (scratch) => truncateSync(join(scratch, 'data.img'), 4096)],
    [
      'the share',
      /shared folder home .*ENOENT/,
      (scratch) => rmSync(join(scratch, 'share-home'), { recursive: true }),
    ],
    [
      'a folder in its place',
      /\(data\)/,
      (scratch) => {
        rmSync(join(scratch, 'data.img'));
        mkdirSync(join(scratch, 'data.img'));
      },
    ],
  ];
  if (!root) cases.push(['closed', /EACCES/, (scratch) => chmodSync(join(scratch, 'data.img'), 0)]);
  for (const [what, words, harm] of cases) {
    const scratch = join(t.testdir({}), what.replaceAll(' ', '-'));
    mkdirSync(scratch);
    const { check } = await guestOf(scratch);
    harm(scratch);
    const outside = await check();
    t.match(outside.trouble, words, what);
    const { checks, trouble } = outside;
    const steps = [okStep('find'), badStep('mount', 'Input/output error')];
    for (const report of [{}, { steps }]) {
      const { verdict, reason, findings } = judge({ ...evidence({ report, outside: checks }), trouble });
      t.equal(verdict, 'infra', `${what}: the host's fault, whatever the steps say`);
      t.match(reason, /removed or changed on the host/);
      t.same(findings, []);
    }
    t.equal(judge({ ...evidence({ console: PANIC }), trouble }).verdict, 'crash', 'but a panic is a panic');
  }
});

t.test('it is kept beside the recording', async (t) => {
  const folder = t.testdir({ old: {} });
  const outside = { checks: [], trouble: 'gone' };
  await writeOutside(folder, outside);
  t.same(await readOutside(folder), outside);
  t.equal(await readOutside(join(folder, 'old')), undefined, 'of an older version');
});
