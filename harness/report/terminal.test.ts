import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { draw, inTerminal } from './fixtures/tty.js';
import { styleOf } from './screen.js';
import { table } from './table.js';

/** The terminal reporter in a real terminal. */
const replay = `${process.execPath} ${join(packageRoot, 'dist', 'report', 'fixtures', 'replay.js')}`;
const names = ['boot/packaged-vmlinuz', 'storage/nvme', 'network/virtio-net-dhcp', 'netfilter/nft-nat'];

/** Kept on one line however long it is, to be copied or cut from a log; and how such a line goes on. */
const lastWord =
  'fail  rests on 3 of 7 scenarios that failed with this set (1 fail, 1 crash, 1 hang); 3 passed; 1 could';
const isOneLine = (line: string) =>
  /^ *results\/\S*$|^report\.html, run/.test(line) || lastWord.includes(line) || /^ng\); 3 passed/.test(line);

for (const columns of [40, 80, 200]) {
  t.test(`a run in a terminal of ${columns} columns`, async (t) => {
    const shown = inTerminal(replay, columns);
    t.equal(shown.status, 0);
    const before = shown.lines.slice(
      0,
      shown.lines.findIndex((line) => line.startsWith('why it failed')),
    );
    for (const name of names)
      t.equal(
        before.filter((line) => line.includes(name)).length,
        1,
        `${name} is there once: no row was left`,
      );
    t.same(
      shown.wrapped.filter((line) => !isOneLine(line)),
      [],
      'nothing but paths and the last word goes on in the next row',
    );
    t.match(shown.seen, /\d+ of 7 done, \d+ ok/);
    t.match(shown.seen.replace(/\s+/g, ' '), columns < 80 ? /7 of 7 done/ : /about \S+ s left/);
    t.match(shown.seen, /storage\/nvme +steps +\d+ s/, 'name, phase and time of a running guest');
    if (columns > 40) t.match(shown.seen, /references 1 of 3/);
    t.match(shown.seen, /\(reference\)|\(refe/);
    t.notOk(shown.cursorHidden, 'the cursor is given back');
    const why = shown.lines.indexOf('why it failed');
    const story = shown.lines.findIndex((line) => /^FAIL {3}storage\/nvme/.test(line));
    t.ok(why > 0 && story > why, 'the causes come before the stories');
    t.match(shown.lines.slice(story).join(''), /fail {2}rests on 3 of 7 [^\n]*; 1 skipped$/, 'the last word');
  });
}

t.test('the terminal of this test would show a row that was left', async (t) => {
  const row = 'x'.repeat(50);
  t.equal(draw(`${row}\r\n\x1b[1F\x1b[Jend`, 80).lines.join('|'), 'end');
  t.same(draw(`${row}\r\n\x1b[1F\x1b[Jend`, 40).lines, ['x'.repeat(40), 'end']);
  t.equal(draw(`${row}\r\n`, 40).wrapped.length, 1);
});

t.test('a table that does not fit has a line for each row, and what is in it below', async (t) => {
  const style = styleOf({ colour: false });
  const rows = [
    ['storage', '12', '-', '3 min'],
    ['network', '4', '1', ''],
  ];
  const head = ['area', 'ok', 'fail', 'guest time'];
  t.equal(
    table(head, rows, style, 20),
    'area\nstorage\n  ok 12, guest time\n  3 min\nnetwork\n  ok 4, fail 1\n',
  );
  t.equal(table(head, rows, style, 40), table(head, rows, style));
});
