import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import type { Repetition } from './repeat.js';

/**
 * A failure handed on: found by a run, seen again by repro, by a capsule without bootgate, and looked at in a shell. One boot each;
 * BOOTGATE_ALL=1 adds crash, hang, network and terminal.
 */
t.setTimeout(1_200_000);
const all = process.env.BOOTGATE_ALL ? false : 'BOOTGATE_ALL=1 runs it';
const main = join(packageRoot, 'dist', 'cli', 'main.js');
const work = mkdtempSync(join(tmpdir(), 'bootgate-handon-'));
t.teardown(() => rmSync(work, { recursive: true, force: true }));
const bootgate = (args: string[], input = '') =>
  spawnSync(process.execPath, [main, ...args], { cwd: work, encoding: 'utf8', input });
const list = join(work, 'trimmed.txt');
writeFileSync(list, 'virtio_pci\nvirtio_blk\next4\nvfat\n');
const image = ['--image', 'debian', '--modules', 'trimmed.txt'];
const scenario = 'filesystems/vfat';

/** Unpacks a capsule with the system's tar, and runs it as someone without bootgate would. */
function unpack(file: string, name: string): string {
  const folder = join(work, name);
  mkdirSync(folder);
  const tar = spawnSync('sh', ['-c', `zstd -dcq "$1" | tar -xf - -C "$2"`, 'sh', join(work, file), folder]);
  t.equal(tar.status, 0, String(tar.stderr));
  return join(folder, readdirSync(folder)[0] ?? '');
}
const runCapsule = (folder: string) =>
  spawnSync('./run.sh', [], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ACCEL: acceleratorOf('results/latest') },
  });
const acceleratorOf = (run: string) =>
  (JSON.parse(readFileSync(join(work, run, 'run.json'), 'utf8')) as RunResult).accelerator.used;

t.test('a recorded failure ends the same way again', async (t) => {
  const ran = bootgate(['run', scenario, ...image, '--reference', 'never']);
  t.equal(ran.status, 1, ran.stdout + ran.stderr);

  await t.test('qemu.sh prints what makes it work', async (t) => {
    const script = spawnSync(join(work, 'results/latest', scenario, 'qemu.sh'), { encoding: 'utf8' });
    t.equal(script.status, 3);
    t.match(script.stderr, /^the files of this guest.*: bootgate repro \S+ filesystems\/vfat --files\n$/);
  });

  // What the list says now does not matter: the run has what was booted.
  writeFileSync(list, 'nls_cp437\n');
  await t.test('repro boots the same bytes', async (t) => {
    const again = bootgate(['repro', 'latest', '--json']);
    t.equal(again.status, 0, again.stderr);
    const { recorded, boots, same, decided } = JSON.parse(again.stdout) as Repetition;
    t.match(recorded, { verdict: 'fail', phase: 'steps' });
    t.match(boots, [{ verdict: 'fail', same: true, reason: recorded.reason }]);
    t.same([same, decided], [1, 1]);
    const stored = JSON.parse(readFileSync(join(work, 'results/latest/run.json'), 'utf8')) as RunResult;
    t.equal(stored.results.length, 1, 'the run itself is as it was');
    const recipe = (folder: string) => readFileSync(join(work, 'results/latest', folder, 'recipe.json'));
    t.ok(recipe(scenario).equals(recipe(`${scenario}.repro-1`)), 'secrets and digests');
  });

  await t.test('a capsule is the same bytes each time, and needs only QEMU and sh', async (t) => {
    for (const file of ['one.tar.zst', 'two.tar.zst']) {
      const made = bootgate(['repro', 'latest', '--export', file]);
      t.equal(made.status, 0, made.stderr);
    }
    t.ok(readFileSync(join(work, 'one.tar.zst')).equals(readFileSync(join(work, 'two.tar.zst'))));
    const folder = unpack('one.tar.zst', 'capsule');
    const here = [work, packageRoot, homedir(), tmpdir(), process.cwd()].filter((path) => path.length > 5);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const file = join(folder, name);
      if (!statSync(file).isFile()) continue;
      const bytes = readFileSync(file);
      t.notOk(
        here.some((path) => bytes.includes(path)),
        `${name} has no path of this host`,
      );
      if (bytes.length < 100_000)
        t.notMatch(bytes.toString('latin1'), new RegExp(`\\b${hostname()}\\b`), name);
    }
    const seen = runCapsule(folder);
    t.equal(seen.status, 0, seen.stdout + seen.stderr);
    t.match(seen.stdout, /^recorded: filesystems\/vfat ended as fail.*\nseen again after/);
  });

  await t.test('a shell says what the set lacks', async (t) => {
    const typed = 'steps\nmodprobe nls_cp437\nmodprobe fs-btrfs\nmodprobe vfat && echo loaded\nexit\n';
    const { status, stdout, stderr } = bootgate(['shell', 'latest'], typed);
    t.equal(status, 0, stderr);
    t.match(stdout, / {2}2 {2}it is mounted and written\r\n/);
    t.match(stdout, /nls_cp437 is not in the module set; the kernel has it: kernel\/fs\/nls\/nls_cp437\.ko/);
    t.match(stdout, /fs-btrfs is btrfs, which is not in the module set/);
    t.match(stdout, /\nloaded\r\n/);
    t.match(stdout, /Power down/, 'exit powers off');
  });
});

t.test('what a run that passed leaves is handed on too', { skip: all }, async (t) => {
  const own = (name: string, text: string) => {
    mkdirSync(join(work, 'scenarios/own'), { recursive: true });
    writeFileSync(join(work, `scenarios/own/${name}.yaml`), text);
  };
  writeFileSync(join(work, 'bootgate.yaml'), 'version: 1\n');
  own('crash', 'description: A panic\nsteps:\n  - { name: it panics, run: echo c > /proc/sysrq-trigger }\n');
  own(
    'hang',
    'description: A step that does not end\nsteps:\n  - { name: it waits, timeout: 5, run: sleep 1000 }\n',
  );
  own(
    'away',
    'description: It powers off\nsteps:\n  - { name: gone, run: echo o > /proc/sysrq-trigger; sleep 60 }\n',
  );
  const cases: [string, number][] = [
    ['network/virtio-net-tcp', 0],
    ['filesystems/9p', 0],
    ['storage/nvme', 0],
    ['own/crash', 1],
    ['own/hang', 1],
    ['own/away', 1],
  ];
  for (const [name, status] of cases) {
    const ran = bootgate(['run', name, '--image', 'debian', '--reference', 'never']);
    t.equal(ran.status, status, ran.stdout + ran.stderr);
    const file = `${name.replace('/', '-')}.tar.zst`;
    t.equal(bootgate(['repro', 'latest', name, '--export', file]).status, 0);
    const seen = bootgate(['repro', file]);
    t.equal(seen.status, 0, `${name}: ${seen.stdout}${seen.stderr}`);
    t.match(seen.stdout, /seen again/);
  }
});

t.test('qemu.sh works after --files', { skip: all }, async (t) => {
  const made = bootgate(['repro', 'latest', '--files']);
  t.equal(made.status, 0, made.stderr);
  const { stdout } = spawnSync(join(work, made.stdout.trim()), { encoding: 'utf8', timeout: 300_000 });
  t.match(stdout, /reboot: Power down/);
});

t.test('from a bare lsmod to the named module in two commands', { skip: all }, async (t) => {
  const lsmod = /^```text\n(Module {5}[\s\S]*?)^```/m.exec(
    readFileSync(join(packageRoot, 'README.md'), 'utf8'),
  )?.[1];
  writeFileSync(join(work, 'lsmod.txt'), lsmod ?? '');
  const list = ['--image', 'debian', '--modules', 'lsmod.txt', '--allow-missing'];
  const ran = bootgate(['run', 'storage/virtio-scsi', ...list]);
  t.equal(ran.status, 1, ran.stderr);
  t.match(ran.stderr, /read as lsmod output\n.*not in \S+: 1 \(nvidia\)/);
  t.match(ran.stdout, /→ sd_mod → not in the set/);
  const fixed = bootgate(['fix', 'latest']);
  t.equal(fixed.status, 0, fixed.stderr);
  t.match(fixed.stdout, /^add sd_mod/);
});

t.test('a libvirt domain is the guest under test', { skip: all }, async (t) => {
  const file = join(packageRoot, 'harness/scenarios/fixtures/domain.xml');
  const ran = bootgate(['run', '--domain', file, '--image', 'debian', '--reference', 'never']);
  t.equal(ran.status, 0, ran.stdout + ran.stderr);
  t.match(ran.stdout, /ok +domain\/web1\.example/);
});

t.test('on a terminal: steps first, Ctrl-] leaves, gdb connects', { skip: all }, async (t) => {
  const run = ['run', scenario, '--image', 'debian', '--reference', 'never'];
  t.equal(bootgate(run).status, 0);
  const command = `${process.execPath} ${main} shell latest ${scenario} --at 3 --gdb 21234`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: work, stdio: 'pipe' });
  let said = '';
  const until = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => pattern.test(said) && resolve();
      child.stdout.on('data', look);
      child.on('close', () => reject(new Error(said.slice(-2000))));
      look();
    });
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1');
  });
  await until(/exit powers off[\s\S]*bootgate# /);
  child.stdin.write('echo $((40 + 2)); stty size\n');
  await until(/\n42\r+\n\d+ \d+\r+\n/);
  t.match(said, /steps 1 to 2 have run/);
  const gdb = spawnSync(
    'gdb',
    ['-batch', '-ex', 'target remote localhost:21234', '-ex', 'info registers rip'],
    {
      encoding: 'utf8',
    },
  );
  if (!gdb.error) t.match(gdb.stdout, /rip +0x/);
  const closed = new Promise((resolve) => child.on('close', resolve));
  child.stdin.write('\x1d');
  t.equal(await closed, 0, said.slice(-500));
});
