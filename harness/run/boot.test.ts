import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { loadImage } from '../image/image-file.js';
import { type PreparedImage, prepareImage } from '../image/prepare.js';
import { setFromNames } from '../modules/set.js';
import { packageRoot, scenariosDir } from '../paths.js';
import type { RunResult } from '../results/run-result.js';
import { loadScenarios } from '../scenarios/load.js';
import { selectScenarios } from '../scenarios/select.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { runPlan } from './run.js';

/**
 * Real kernels, real QEMU. What is proven here: the default run is green, and it can be red - each module that is taken
 * away turns just the right scenarios red, with that module named.
 */
t.setTimeout(1_200_000);
const cache = new Cache();
const results = mkdtempSync(join(tmpdir(), 'bootgate-boot-test-'));
const prepared: PreparedImage = await prepareImage(await loadImage('debian-2014'), { cache });
const scenarios = (await loadScenarios(scenariosDir)).filter(({ tags }) => tags?.includes('quick'));
const accelerator = await chooseAccelerator('auto', {
  kernel: prepared.kernel,
  vmlinux: prepared.vmlinux,
  cache,
});

async function run(image: PreparedImage, patterns: string[]): Promise<RunResult> {
  const boots = selectScenarios(scenarios, patterns);
  const plan = { boots, skips: [] };
  return (await runPlan({ prepared: image, plan, accelerator, cache, results, reporters: [] })).result;
}

/** The 2014 set without a module and without all that cannot live without it. */
function without(module: string): PreparedImage {
  const { index } = prepared;
  const names = prepared.set.names.filter(
    (name) => name !== module && !index.modules.get(name)?.depends.includes(module),
  );
  return { ...prepared, set: setFromNames(index, names, `2014 without ${module}`) };
}

t.test('the default run is green, and what it writes says so', { timeout: 600_000 }, async (t) => {
  const image = await prepareImage(await loadImage('debian-2014'), { cache });
  const result = await run(image, ['*']);
  for (const one of result.results) t.equal(one.verdict, 'pass', `${one.scenario} ${one.reason}`);
  t.ok(result.results.length >= 16, `${result.results.length} scenarios`);
  t.equal(result.verdict, 'pass');
  const folder = join(results, 'latest');
  t.ok(lstatSync(folder).isSymbolicLink());
  const written = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunResult;
  t.same(written, JSON.parse(JSON.stringify(result)));
  for (const { files, scenario } of written.results) {
    for (const file of Object.values(files)) t.ok(existsSync(join(folder, file)), `${scenario}: ${file}`);
    t.ok(existsSync(join(folder, scenario, 'recipe.json')));
    t.notOk(existsSync(join(folder, scenario, 'scratch')), 'no scratch file is left');
  }
  t.match(readFileSync(join(folder, 'junit.xml'), 'utf8'), /<testsuites/);
});

/** What is taken away, what must turn red, and what must stay green in the same run. */
const MUTATIONS: { module: string; red: string[]; green: string[] }[] = [
  { module: 'virtio_blk', red: ['storage/virtio-blk', 'filesystems/ext4'], green: ['storage/nvme'] },
  { module: 'virtio_pci', red: ['storage/virtio-blk', 'network/virtio-net-tcp'], green: ['storage/ahci'] },
  { module: 'sd_mod', red: ['storage/virtio-scsi', 'storage/ahci'], green: ['storage/virtio-blk'] },
  { module: 'ext4', red: ['filesystems/ext4'], green: ['filesystems/vfat'] },
  { module: 'jbd2', red: ['filesystems/ext4'], green: ['filesystems/xfs'] },
  {
    module: 'virtio_net',
    red: ['network/virtio-net-dhcp', 'network/virtio-net-tcp'],
    green: ['network/e1000e-tcp'],
  },
  { module: 'net_failover', red: ['network/virtio-net-dhcp'], green: ['network/e1000e-tcp'] },
  { module: 'nf_tables', red: ['netfilter/nft-filter', 'netfilter/nft-nat'], green: ['storage/nvme'] },
  { module: 'nf_conntrack', red: ['netfilter/conntrack', 'netfilter/nft-nat'], green: ['storage/nvme'] },
];

/** One of each area; all of them with BOOTGATE_ALL=1. */
const EVERY_TIME = ['virtio_blk', 'jbd2', 'net_failover', 'nf_conntrack'];

t.test(
  'it can fail: a module taken away turns the right scenarios red and is named',
  { timeout: 900_000 },
  async (t) => {
    const some = MUTATIONS.filter(({ module }) => EVERY_TIME.includes(module));
    for (const { module, red, green } of process.env.BOOTGATE_ALL ? MUTATIONS : some) {
      const result = await run(without(module), [...red, ...green]);
      for (const one of result.results) {
        if (green.includes(one.scenario)) {
          t.equal(one.verdict, 'pass', `without ${module}, ${one.scenario} is as it was`);
          continue;
        }
        t.equal(one.verdict, 'fail', `without ${module}, ${one.scenario} is red: ${one.reason}`);
        const missing = one.findings.filter((finding) => finding.kind === 'missing-module');
        // What is named may need it in turn: adding the one brings the other.
        t.ok(
          missing.some((finding) => finding.module === module || finding.brings?.includes(module)),
          `without ${module}, ${one.scenario} names it: ${missing.map((finding) => finding.module).join(', ')}`,
        );
      }
    }
  },
);

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const bootgate = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

t.test('what is broken gets its clear message and exit code, and earlier results stay whole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-broken-'));
  const before = readdirSync(results).sort();
  const list = join(folder, 'list.txt');
  writeFileSync(list, 'virtio_blk\nvirtio_blkk\next5\n');
  const truncated = join(folder, 'linux-image.deb');
  writeFileSync(truncated, readFileSync('/bin/true').subarray(0, 500));
  const bare = join(folder, 'bare');
  mkdirSync(bare);
  const yaml = join(folder, 'x.yaml');
  writeFileSync(yaml, 'version: 1\nname: [\n');
  for (const [args, status, words] of [
    [['--modules', list], 2, /list\.txt:2.*virtio_blkk[\s\S]*list\.txt:3.*ext5/],
    [['--kernel', truncated], 2, /linux-image\.deb/],
    [['--image', yaml], 2, /x\.yaml:\d+:\d+/],
    [['--kernel', folder], 2, /linux-image\.deb cannot be read: it is not a Debian package/],
    [['--kernel', bare], 2, /vmlinuz/],
    [['--strict', '--modules', writeList(folder, 'virtio_blk\n')], 1, /virtio_blk needs virtio/],
  ] as [string[], number, RegExp][]) {
    const done = bootgate(
      'run',
      'storage/virtio-blk',
      '--results',
      results,
      ...(args.includes('--image') ? [] : ['--image', 'debian-2014']),
      ...args,
    );
    t.equal(done.status, status, args.join(' '));
    t.match(done.stderr, words);
  }
  const elsewhere = bootgate(
    'run',
    'storage/virtio-blk',
    '--image',
    'debian-2014',
    '--results',
    '/proc/nowhere',
  );
  t.equal(elsewhere.status, 3, 'a results folder that cannot be made is no failed kernel');
  const noQemu = spawnSync(
    process.execPath,
    [main, 'run', 'storage/virtio-blk', '--image', 'debian-2014', '--results', join(folder, 'r')],
    {
      encoding: 'utf8',
      env: { ...process.env, PATH: toolsWithoutQemu(folder) },
    },
  );
  t.equal(noQemu.status, 3);
  t.match(noQemu.stderr + noQemu.stdout, /qemu-system-x86_64/);
  t.same(readdirSync(results).sort(), before, 'nothing that was there is gone, nothing half-made is left');
});

function writeList(folder: string, text: string): string {
  const file = join(folder, 'strict.txt');
  writeFileSync(file, text);
  return file;
}

/** A PATH with everything but QEMU. */
function toolsWithoutQemu(folder: string): string {
  const bin = join(folder, 'bin');
  spawnSync('sh', [
    '-c',
    `mkdir -p ${bin}; for d in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do for f in $d/*; do case $f in */qemu*) ;; *) ln -sf $f ${bin}/ ;; esac; done; done`,
  ]);
  return bin;
}

t.test(
  "a full disk under results is the host's trouble",
  { skip: process.getuid?.() !== 0 && 'only root can mount a small disk' },
  async (t) => {
    const disk = mkdtempSync(join(tmpdir(), 'bootgate-full-'));
    t.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'bootgate-test', disk]).status, 0);
    try {
      writeFileSync(join(disk, 'filler'), Buffer.alloc(1000 * 1024));
      const done = bootgate('run', 'storage/virtio-blk', '--image', 'debian-2014', '--results', disk);
      t.equal(done.status, 3, done.stderr + done.stdout);
      t.match(done.stderr + done.stdout, /no space left/i);
      t.equal(readFileSync(join(disk, 'filler')).length, 1000 * 1024, 'what was there is whole');
    } finally {
      spawnSync('umount', [disk]);
    }
  },
);

t.test(
  "disks and shares that the host removes in mid-run are the host's trouble",
  { timeout: 240_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'bootgate-removed-'));
    const child = spawn(
      process.execPath,
      [main, 'run', 'storage/virtio-blk', '--image', 'debian-2014', '--results', folder],
      { stdio: 'ignore' },
    );
    const ended = new Promise<number | null>((settle) => child.on('exit', settle));
    const find = (end: RegExp) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((file) => end.test(file));
    const started = () => {
      const console = find(/storage\/virtio-blk\/console\.log$/);
      return console !== undefined && readFileSync(join(folder, console)).length > 0;
    };
    while (!started() && child.exitCode === null) await new Promise((next) => setTimeout(next, 50));
    rmSync(join(folder, find(/storage\/virtio-blk\/scratch$/) ?? 'none'), { recursive: true });
    t.equal(await ended, 0, 'booted again, and well');
    const { results: all } = JSON.parse(
      readFileSync(join(folder, 'latest', 'run.json'), 'utf8'),
    ) as RunResult;
    t.match(all, [{ verdict: 'pass', attempts: 2 }]);
    const first = readFileSync(join(folder, 'latest', 'storage/virtio-blk/outside.json'), 'utf8');
    t.match(JSON.parse(first), { trouble: /cannot be read: ENOENT.*removed or changed on the host/ });
  },
);

t.test('Ctrl+C once ends in order, with what is known so far', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-interrupt-'));
  const child = spawn(
    process.execPath,
    [main, 'run', 'storage', '--tag', 'quick', '--image', 'debian-2014', '--results', folder, '--jobs', '1'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let printed = '';
  child.stdout.on('data', (data: Buffer) => {
    printed += data.toString();
  });
  child.stderr.resume();
  // the first result is on the screen: the second guest is running now
  while (!/storage\/[a-z-]+/.test(printed) && child.exitCode === null)
    await new Promise((next) => setTimeout(next, 100));
  child.kill('SIGINT');
  const status = await new Promise<number | null>((ended) => child.on('exit', ended));
  t.equal(status, 130);
  const result = JSON.parse(readFileSync(join(folder, 'latest', 'run.json'), 'utf8')) as RunResult;
  t.equal(result.verdict, 'incomplete');
  t.ok(result.results.length < 4, 'what was not booted is not judged');
});
