import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { differenceOf, masked, readme, shellFor, shownIn } from './fixtures/readme.js';

/** The README's commands that boot nothing print what it shows; the others are in readme.boot.test.ts. */
const CHEAP = /^bootgate (modules|split|scenarios|build|doctor|fleet)\b/;

t.test('the commands that boot nothing print what the README shows', { timeout: 300_000 }, async (t) => {
  const shell = shellFor('readme');
  let compared = 0;
  for (const one of shownIn(readme)) {
    if ('file' in one) {
      shell.write(one);
      continue;
    }
    if (!CHEAP.test(one.command)) continue;
    const { status, stdout, stderr } = shell.run(one.command);
    t.equal(status, one.status, `${one.command}\n${stderr.slice(-1500)}`);
    if (one.shown === '') continue;
    compared++;
    t.equal(differenceOf(one.shown, stdout), undefined, one.command);
  }
  t.ok(compared >= 4, `${compared} outputs compared`);
});

t.test('the comparison sees what is not masked, and nothing else', async (t) => {
  const printed =
    'a  12.3 MiB  in 4 ms\nok  storage/nvme  1.2 s\n\npass  17 of 17\nwritten to results/20260102-030405-debian\n';
  const shown = printed
    .replace('12.3', '9.9')
    .replace('4 ms', '17 ms')
    .replace('20260102-030405', '20270102-111111');
  t.equal(differenceOf(shown, printed), undefined, 'sizes, times and ids');
  t.equal(differenceOf('a  1 KiB in 1 s\n...\npass  17 of 17\n...', printed), undefined, 'lines left out');
  for (const wrong of [
    shown.replace('pass', 'fail'),
    shown.replace('nvme', 'ahci'),
    shown.replace('17 of', '16 of'),
    `${shown}more\n`,
    shown.split('\n').slice(1).join('\n'),
    '...\npass  17 of 17',
  ])
    t.type(differenceOf(wrong, printed), 'string', wrong);
  t.equal(masked('from 6.1.0-56-amd64, 4023 of 4100 modules'), 'from VERSION, COUNT of COUNT modules');
});

t.test('what the README links to is there', async (t) => {
  for (const [, target = ''] of readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g))
    t.ok(existsSync(join(packageRoot, target)), target);
  t.notMatch(readme, /@@[A-Z]/, 'no place was left open');
  t.notMatch(readme, /\/(?:work|tmp|home|root)\//, 'no path of the machine that it was written on');
});
