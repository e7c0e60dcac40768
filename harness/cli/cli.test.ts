import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { describeError, exitCodeOf } from '../errors.js';
import { packageRoot } from '../paths.js';

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const bootgate = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

t.test('the bin is there and says what it can do', async (t) => {
  t.ok(existsSync(main), 'make build made it');
  t.ok(statSync(main).mode & 0o111, 'it can be started by its name');
  const { stdout, status } = bootgate('--help');
  t.equal(status, 0);
  for (const command of ['run', 'build', 'modules', 'scenarios', 'doctor'])
    t.match(stdout, new RegExp(`^  ${command} `, 'm'));
});

/** CPU milliseconds of a program, the least of five, by the shell's account of its children. */
function cpuMs(...command: string[]): number {
  const taken = Array.from({ length: 5 }, () => {
    const { stdout } = spawnSync('sh', ['-c', '"$@" > /dev/null; times', 'sh', ...command], {
      encoding: 'utf8',
      // tap loads itself into every node that its environment reaches
      env: { PATH: process.env.PATH ?? '' },
    });
    const children = stdout.trim().split('\n').at(-1) ?? '';
    return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
      (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
      0,
    );
  });
  return Math.min(...taken) * 1000;
}

t.test('--help answers within 150 ms', async (t) => {
  // An empty node takes 40 ms on a machine that does nothing else; on one that is busy both take longer.
  const slowness = Math.max(1, cpuMs(process.execPath, '-e', '0') / 40);
  const help = cpuMs(main, '--help');
  t.ok(
    help > 10 && help < 150 * slowness,
    `${Math.round(help)} ms, this machine is ${slowness.toFixed(1)} times slower now`,
  );
});

t.test('wrong usage ends with 2 and says what was meant', async (t) => {
  for (const [args, words] of [
    [['rnu'], /Did you mean run/],
    [['run', '--iamge', 'x'], /Did you mean --image/],
    [['run', '--jobs', 'many'], /whole number/],
    [['run', '--accel', 'xen'], /auto, kvm, tcg/],
    [['run', '--image', 'no-such-image'], /no image no-such-image/],
    [['scenarios', 'show', 'no/such'], /no\/such/],
    [['modules', 'list', '--image', 'split-2014'], /split-2014\.yaml has a package split/],
    [['run', '--image', 'debian', '--kernel', '/no/such.deb'], /no\/such\.deb/],
    [['run', '--image', 'debian', '--split', 'fedora-2015'], /did you mean fedora-2014/],
    [['run', '--image', 'debian', '--modules', '2104'], /did you mean 2014/],
    [['split', 'show', 'fedora-2015'], /did you mean fedora-2014/],
    [['run', '--timeout-scale', '0'], /above 0/],
    [['serve', '--port', '70000'], /0 to 65535/],
    [['run', '--last-failed', '--results', '/no/such/results'], /no run at latest/],
  ] as [string[], RegExp][]) {
    const { status, stderr, stdout } = bootgate(...args);
    t.equal(status, 2, args.join(' '));
    t.match(stderr, words);
    t.equal(stdout, '', 'standard output belongs to the answer');
    t.notMatch(stderr, /at .*\.js:\d+/, 'no stack for what the user can mend');
  }
});

t.test('an impossible path, and an answer that cannot be written, are reported plainly', async (t) => {
  const out = openSync('/dev/full', 'w');
  const full = spawnSync(process.execPath, [main, 'scenarios', 'list'], {
    encoding: 'utf8',
    stdio: ['ignore', out, 'pipe'],
  });
  closeSync(out);
  t.equal(full.status, 3);
  t.match(full.stderr, /no space left/);
  for (const code of ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOENT']) {
    const error = Object.assign(new Error(code), { code, path: '/some/where' });
    t.match(describeError(error), /^bootgate: \/some\/where: .*\n {2}-> /, code);
    t.notMatch(describeError(error), /unexpected|at .*:\d+/, 'no stack');
    t.equal(exitCodeOf(error), 3);
  }
  t.match(describeError(Object.assign(new Error('x'), { code: 'ENOENT' })), /unexpected error/);
});

t.test("the version is the package's", async (t) => {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  t.equal(bootgate('--version').stdout.trim(), version);
});

t.test('golden files have one switch: BOOTGATE_UPDATE', async (t) => {
  const harness = join(packageRoot, 'harness');
  const tests = readdirSync(harness, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.test\.ts$/.test(file),
  );
  const switches = tests.flatMap((file) =>
    [...readFileSync(join(harness, file), 'utf8').matchAll(/process\.env\.(\w*UPDATE\w*)/g)].map(
      ([, name]) => name,
    ),
  );
  t.same([...new Set(switches)], ['BOOTGATE_UPDATE']);
});
