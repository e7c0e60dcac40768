import t from 'tap';
import { masked, shellFor } from './fixtures/readme.js';

/** rightsize with real guests, which boots each scenario a dozen times for a new kernel: BOOTGATE_ALL=1. */
const skip = process.env.BOOTGATE_ALL === '1' ? false : 'BOOTGATE_ALL=1';

t.test('rightsize finds the floor, and answers again from memory', { skip, timeout: 900_000 }, async (t) => {
  const shell = shellFor('rightsize');
  const command = 'bootgate rightsize --profile minimal --image debian-2014';
  const first = shell.run(command);
  t.equal(first.status, 0, first.stderr);
  t.match(first.stdout, /^floor: [\d.]+ MiB in \d\d modules, with vmlinuz/m);
  t.match(first.stdout, /^ {2}3 of 3 scenarios pass$/m);
  t.match(first.stdout, /^ {2}[\d.]+ × its floor in bytes of modules/m);
  t.match(first.stdout, /without drivers\/gpu\/drm\/amd: no scenario lost$/m);
  t.match(first.stdout, /loses filesystems\/ext4$/m);
  t.equal(masked(shell.run(command).stdout), masked(first.stdout));

  const json = shell.run(`${command} --json --drop drivers/gpu/drm/amd`);
  t.equal(json.status, 0, json.stderr);
  const answer = JSON.parse(json.stdout) as {
    floor: { names: string[]; boots: number };
    dropped: { diff: string; stay: string[] };
  };
  t.ok(answer.floor.names.includes('virtio_blk') && answer.floor.names.includes('ext4'));
  t.equal(answer.floor.boots, 0, 'floors and their proof are remembered');
  t.match(answer.dropped.diff, /^\+ {2}- exclude: drivers\/gpu\/drm\/amd$/m);
  t.same(answer.dropped.stay, []);
});
