import t from 'tap';
import { blockAfter, differenceOf, readme, shellFor, shownIn } from './fixtures/readme.js';

/** What the README shows of bisect, which takes too long for every test: BOOTGATE_ALL=1. */
const skip = process.env.BOOTGATE_ALL === '1' ? false : 'BOOTGATE_ALL=1';

t.test(
  'bisect prints what the README shows, after its own minimize',
  { skip, timeout: 600_000 },
  async (t) => {
    const shell = shellFor('bisect');
    for (const one of shownIn(readme)) if ('file' in one) shell.write(one);
    const small = shell.run('bootgate minimize filesystems/vfat --image debian -o small.txt');
    t.equal(small.status, 0, small.stderr);
    const [command = '', ...shown] = blockAfter('Modules of two kernels cannot be mixed').split('\n');
    const { status, stdout, stderr } = shell.run(command);
    t.equal(status, 0, stderr);
    t.equal(differenceOf(shown.join('\n'), stdout), undefined);
    t.equal(
      shell.run('bootgate bisect --good trimmed.txt --bad small.txt filesystems/vfat --image debian').status,
      1,
    );
  },
);
