import t from 'tap';
import { blockAfter, differenceOf, shellFor } from './fixtures/readme.js';

/** What the README shows of rightsize, which boots each scenario a dozen times for a new kernel: BOOTGATE_ALL=1. */
const skip = process.env.BOOTGATE_ALL === '1' ? false : 'BOOTGATE_ALL=1';

t.test(
  'rightsize prints what the README shows, and again from memory',
  { skip, timeout: 900_000 },
  async (t) => {
    const shell = shellFor('rightsize');
    const [command = '', ...shown] = blockAfter('"How do we know if the kernel is already').split('\n');
    for (const _ of ['first', 'again']) {
      const { status, stdout, stderr } = shell.run(command);
      t.equal(status, 0, stderr);
      t.equal(differenceOf(shown.join('\n'), stdout), undefined);
    }
    const { status, stdout } = shell.run(`${command} --json`);
    t.equal(status, 0);
    const answer = JSON.parse(stdout) as {
      floor: { names: string[]; boots: number };
      sets: { curve: { bytes: number }[] }[];
    };
    t.ok(answer.floor.names.includes('virtio_blk') && answer.floor.boots === 0, 'floors are remembered');
    t.ok((answer.sets[0]?.curve.length ?? 0) > 10);
  },
);
