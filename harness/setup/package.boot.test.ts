import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';

/**
 * The package as a stranger gets it: a fresh clone is packed, the archive is installed into an empty folder by a user without
 * rights, and a kernel boots from there. It needs npm's registry and two minutes, so it runs only with BOOTGATE_ALL=1.
 */
const NOBODY = 65534;
const skip = !process.env.BOOTGATE_ALL
  ? 'BOOTGATE_ALL=1 runs it'
  : existsSync(join(packageRoot, '.git'))
    ? false
    : 'this is not a clone';

t.setTimeout(1_200_000);
t.test('npm pack in a fresh clone, npm install elsewhere, a boot', { skip }, async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'bootgate-package-'));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  chmodSync(work, 0o755);
  const [clone, home, other] = ['clone', 'home', 'other'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  const isRoot = process.geteuid?.() === 0;
  for (const folder of [home, other]) {
    mkdirSync(folder);
    if (isRoot) chownSync(folder, NOBODY, NOBODY);
  }
  const PATH = process.env.PATH ?? '';
  const env = { PATH, HOME: home, npm_config_update_notifier: 'false' };
  const by = (command: string, args: string[], cwd: string, rights: { uid?: number; gid?: number } = {}) => {
    // tap's own hook, which it adds to every environment, would write where this user may not.
    const clean = ['-u', 'NODE_OPTIONS', command, ...args];
    const done = spawnSync('/usr/bin/env', clean, { cwd, encoding: 'utf8', env, ...rights });
    t.equal(done.status, 0, `${command} ${args.join(' ')}\n${done.stdout}${done.stderr}`.slice(-3000));
    return done.stdout;
  };
  const nobody = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const mine = { ...env, HOME: process.env.HOME ?? '' };
  const asMe = (command: string, args: string[], cwd: string) => {
    const done = spawnSync(command, args, { cwd, encoding: 'utf8', env: mine });
    t.equal(done.status, 0, `${command} ${args.join(' ')}\n${done.stdout}${done.stderr}`.slice(-3000));
  };

  asMe('git', ['clone', '--quiet', packageRoot, clone], work);
  asMe('npm', ['ci', '--no-audit', '--no-fund', '--silent', '--prefer-offline'], clone);
  t.notOk(existsSync(join(clone, 'dist')), 'nothing was built before');
  asMe('npm', ['pack', '--silent', '--pack-destination', work], clone);
  const archive = readdirSync(work).find((name) => /^bootgate-.*\.tgz$/.test(name)) ?? 'none';

  by('npm', ['install', '--silent', '--no-audit', '--no-fund', join(work, archive)], home, nobody);
  const program = join(home, 'node_modules/.bin/bootgate');
  const bootgate = (cwd: string, ...args: string[]) => by(program, args, cwd, nobody);
  t.match(bootgate('/', '--version'), /^\d+\.\d+\.\d+/);
  t.match(bootgate(other, 'init'), /written {2}images\/mine\.yaml/);
  t.match(bootgate(join(other, 'images'), 'scenarios', 'list', 'mine/*'), /mine\/example/);
  bootgate(other, 'setup', '--list');
  t.match(
    bootgate(other, 'run', 'mine/example', '--image', 'debian-cloud', '--reference', 'never'),
    /ok +mine\/example/,
  );
  t.ok(existsSync(join(other, 'results/latest/run.json')), 'results are in the folder that it ran in');
});
