import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bootgate-own-')));
const bootgate = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });
const latest = (results: string) =>
  JSON.parse(readFileSync(join(folder, results, 'latest', 'run.json'), 'utf8')) as RunResult;

/** A user's own repository: her image, her scenario, her helper. */
for (const [name, text] of Object.entries({
  'bootgate.yaml': 'version: 1\nscenarios: tests\n',
  'images/mine.yaml':
    'version: 1\nname: mine\nkernel: apt:linux-image-amd64\nmodules: { list: ../lists/mine.txt }\nscenarios: [own]\n',
  'lists/mine.txt': 'virtio_pci\nvirtio_blk\n',
  'helpers/disk.sh':
    'same_size() { need_disk "$1"; [ "$(cat "/sys/class/block/$(basename "$disk")/size")" = "$2" ]; }\n',
  'tests/own/disk.yaml':
    'description: A disk has the size that it was given\ndisks: [{ serial: data, bus: virtio-blk, size: 8MiB }]\nsteps:\n  - { name: its size, run: same_size data 16384 }\n',
})) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

t.test("a project of the user's own is booted", { timeout: 600_000 }, async (t) => {
  const done = bootgate('run', '--image', 'mine', '--reference', 'never');
  t.equal(done.status, 0, done.stdout + done.stderr);
  t.match(done.stdout, /ok +own\/disk/);
  writeFileSync(join(folder, 'helpers/disk.sh'), 'same_size() { fail "the helper speaks"; }\n');
  const failed = bootgate('run', '--image', 'mine', '--reference', 'never');
  t.equal(failed.status, 1, 'its own helper decides');
  t.match(failed.stdout, /the helper speaks/);
});

t.test('what `build -o` writes, `run --built` boots', { timeout: 600_000 }, async (t) => {
  writeFileSync(join(folder, 'helpers/disk.sh'), 'same_size() { need_disk "$1"; }\n');
  const built = bootgate('build', '--image', 'mine', '-o', 'out', '--json');
  t.equal(built.status, 0, built.stderr);
  const answer = JSON.parse(built.stdout) as { initramfs: { digest: string } };
  const sum = spawnSync('sha256sum', [join(folder, 'out/initramfs.cpio')], { encoding: 'utf8' }).stdout;
  t.equal(`sha256:${sum.split(' ')[0]}`, answer.initramfs.digest, 'the digest that sha256sum gives');

  const done = bootgate('run', '--built', 'out', '--reference', 'never', '--results', 'from-built');
  t.equal(done.status, 0, done.stdout + done.stderr);
  const { image, results } = latest('from-built');
  t.equal(image.name, 'mine');
  t.match(image.kernel.source, join(folder, 'out/kernel'), 'the kernel is that of the folder');
  t.same(
    results.map(({ verdict }) => verdict),
    ['pass'],
  );

  const list = join(folder, 'out/modules.txt');
  const names = readFileSync(list, 'utf8');
  writeFileSync(list, names.replace(/^virtio_blk.*\n/m, ''));
  const changed = bootgate('run', '--built', 'out');
  t.equal(changed.status, 2);
  t.match(changed.stderr, /modules\.txt or kernel\/lib\/modules was changed since it was built/);
  writeFileSync(list, names);
  writeFileSync(join(folder, 'out/vmlinuz'), 'x');
  t.match(bootgate('run', '--built', 'out').stderr, /out\/vmlinuz was changed/);
  t.match(bootgate('run', '--built', '.').stderr, /build\.json/);
});
