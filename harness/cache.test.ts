import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { Cache, digestOf, digestOfFile } from './cache.js';
import { modulesSegment } from './initramfs/modules-segment.js';
import { userlandSegment } from './initramfs/userland.js';
import { buildWindow } from './initramfs/window.js';
import { bzImage, deb, elf, kernelFiles } from './kernel/fixtures/make.js';
import { resolveKernel } from './kernel/resolve.js';
import { extractVmlinux } from './kernel/vmlinux.js';
import { loadModuleDetails } from './modules/details.js';
import { loadModuleIndex } from './modules/index.js';
import { depmodIndexes } from './modules/indexes.js';
import { wholeTree } from './modules/set.js';

t.setTimeout(600_000);

/** xorshift32: a run can be repeated from its seed. */
function random(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** What may happen to a file that nobody should touch. */
const DAMAGES: Record<string, (path: string, below: (limit: number) => number) => void> = {
  flip(path, below) {
    const bytes = readFileSync(path);
    if (bytes.length === 0) return writeFileSync(path, 'x');
    const at = below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    writeFileSync(path, bytes);
  },
  cut: (path, below) => {
    const { size } = statSync(path);
    if (size === 0) writeFileSync(path, 'x');
    else truncateSync(path, below(size));
  },
  empty: (path) => (statSync(path).size === 0 ? writeFileSync(path, 'x') : truncateSync(path)),
  remove: (path) => rmSync(path),
  'make a folder of': (path) => {
    rmSync(path);
    mkdirSync(path);
  },
};

t.test('whatever happens to an entry: the answer is right, and the damage is said', async (t) => {
  const dir = t.testdir({});
  const real = new Cache();
  const { modulesDir } = await resolveKernel(['apt:linux-image-cloud-amd64'], { cache: real });
  const wanted =
    /\/(virtio_blk|virtio_net|net_failover|failover|ext4|jbd2|mbcache|crc16|9pnet|9pnet_virtio)\.ko$/;
  const modules = filesBelow(modulesDir).filter((path) => wanted.test(path));
  t.ok(modules.length > 2, 'real modules to read');
  const image = (name: string, release: string) => {
    const files = kernelFiles(release, { image: bzImage(release, gzipSync(elf())) });
    const file = join(dir, `${name}.deb`);
    writeFileSync(file, deb(files, { Package: name }));
    return file;
  };
  // Two kernels, one of two packages: what is remembered of one must never stand for the other.
  const [small, cloud] = [
    image('linux-image-small', '6.1.0-9-small'),
    image('linux-image-cloud', '6.1.0-9-cloud'),
  ];
  const drivers = join(dir, 'linux-modules-small.deb');
  const folder = './lib/modules/6.1.0-9-small/kernel/drivers';
  const entries = modules.map((path) => ({
    path: `${folder}/${path.slice(path.lastIndexOf('/') + 1)}`,
    data: readFileSync(path),
  }));
  writeFileSync(drivers, deb(entries, { Package: 'linux-modules-small' }));

  const root = join(dir, 'cache');
  const said: string[] = [];
  /** Everything that a run takes from the cache before a guest starts. */
  const answer = async (userland: boolean) => {
    const cache = new Cache(root, (sentence) => said.push(sentence));
    const results: unknown[] = [];
    for (const sources of [[small, drivers], [cloud]]) {
      const kernel = await resolveKernel(sources, { cache });
      const vmlinux = await extractVmlinux(kernel, cache);
      const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
      const details = await loadModuleDetails(index, cache);
      const set = wholeTree(index);
      const { window, offsets } = await buildWindow(index, cache);
      const segments = [
        await modulesSegment(set, 'window', offsets, cache),
        await modulesSegment(set, 'archive', null, cache),
      ];
      const files = [
        kernel.vmlinuz,
        kernel.config ?? '',
        vmlinux.path,
        window.file,
        ...segments.map((one) => one.path),
      ];
      results.push(
        kernel,
        vmlinux,
        [...index.modules],
        index.texts,
        [...index.modules.keys()].map((name) => [details.get(name), details.direct(name)]),
        [...(await depmodIndexes(set, cache))].map(([name, data]) => digestOf(name, data)),
        segments,
        await Promise.all(files.map(digestOfFile)),
      );
    }
    if (userland) {
      const segment = await userlandSegment({ tools: [], cache });
      results.push(segment, await digestOfFile(segment.path));
    }
    results.push(await cache.text('reference', 'scenario', async () => '{"verdict":"pass"}'));
    return JSON.stringify(results);
  };

  const right = await answer(false);
  const whole = await answer(true);
  t.equal(await answer(true), whole);
  t.same(said, []);
  const kinds = new Set(readdirSync(root));
  for (const kind of [
    'digest',
    'layout',
    'modules-scan',
    'modules-tree',
    'package',
    'segments',
    'union',
    'vmlinux',
    'windows',
  ])
    t.ok(kinds.has(kind), kind);

  const seed = Number(process.env.BOOTGATE_SEED ?? Date.now() % 1e9);
  t.comment(`BOOTGATE_SEED=${seed}`);
  const below = random(seed);
  const wrong: string[] = [];
  let unseen = 0;
  for (let trial = 0; trial < 240; trial++) {
    // A kind first, so that the many module files do not take all trials.
    const kind = [...kinds].filter((one) => one !== 'tmp')[trial % (kinds.size - 1)] ?? '';
    const files = filesBelow(join(root, kind));
    const path = files[below(files.length)] ?? '';
    const [name = '', damage] = Object.entries(DAMAGES)[below(5)] ?? [];
    damage?.(path, below);
    // Modules are looked at when they are read: half the time, something reads them.
    const isModule = path.endsWith('.ko');
    const isRead = isModule && below(2) === 0;
    if (isRead)
      for (const made of ['windows', 'segments', 'modules-scan'])
        rmSync(join(root, made), { recursive: true });
    said.length = 0;
    const what = `${name} ${path.slice(root.length + 1)}`;
    const userland = kind === 'segments' || kind === 'userland-memo'; // it takes most of the time
    const got = await answer(userland).catch((error: Error) => `${error.stack}`);
    if (got !== (userland ? whole : right)) wrong.push(`${what}: ${got.slice(0, 300)}`);
    // A file of a package is the union's as well, and what nobody read in an earlier trial is said now.
    const [strange] = said.filter(
      (one) => !/^a cache entry was damaged and is rebuilt: \S+ \([^\n]+\)$/.test(one),
    );
    if (strange) wrong.push(`${what}: ${strange}`);
    // A text that is removed was never there; anything else is seen, or lies in an entry that nobody needed.
    if (said.length === 0 && name !== 'remove' && (isRead || !isModule)) unseen++;
    if (readdirSync(join(root, 'tmp')).length > 0) wrong.push(`${what}: something is left in tmp`);
  }
  t.same(wrong, [], 'never another answer');
  t.ok(unseen < 40, `${240 - unseen} damages were noticed`);
});

t.test('a module damaged while nobody read it is mended before the layout is found again', async (t) => {
  const dir = t.testdir({});
  const file = join(dir, 'one.deb');
  const release = '6.1.0-9-one';
  writeFileSync(
    file,
    deb(kernelFiles(release, { image: bzImage(release, gzipSync(elf())) }), { Package: 'one' }),
  );
  const root = join(dir, 'cache');
  const said: string[] = [];
  const ask = () => resolveKernel([file], { cache: new Cache(root, (sentence) => said.push(sentence)) });
  const right = await ask();
  const [module = ''] = filesBelow(join(root, 'package')).filter((path) => path.endsWith('.ko'));
  truncateSync(module, 20);
  rmSync(join(root, 'layout'), { recursive: true });
  t.same(await ask(), right);
  t.equal(said.length, 1);
});

t.test('an entry copied elsewhere is read once and then known; more files in it are seen', async (t) => {
  const said: string[] = [];
  const root = join(t.testdir({}), 'cache');
  let made = 0;
  const ask = () =>
    new Cache(root, (sentence) => said.push(sentence)).entry('kind', 'key', async (path) => {
      made++;
      mkdirSync(path);
      writeFileSync(join(path, 'a'), 'right');
    });
  const path = await ask();
  utimesSync(join(path, 'a'), 1, 1);
  t.equal(await ask(), path);
  t.equal(made, 1, 'other times, the same bytes: sound');
  writeFileSync(join(path, 'b'), '');
  await ask();
  t.same([made, readdirSync(path)], [2, ['a']]);
  t.equal(said.length, 1);
  t.match(said[0], /b does not belong to it/);
});

t.test('bytes that change under the same time are found when something failed', async (t) => {
  const said: string[] = [];
  const cache = new Cache(join(t.testdir({}), 'cache'), (sentence) => said.push(sentence));
  const path = await cache.entry('windows', 'key', async (made) => {
    mkdirSync(made);
    writeFileSync(join(made, 'modules.img'), 'right');
    utimesSync(join(made, 'modules.img'), 1e9, 1e9);
  });
  const file = join(path, 'modules.img');
  t.same(await cache.recheck([file]), []);
  writeFileSync(file, 'wrong');
  utimesSync(file, 1e9, 1e9);
  t.same(
    await cache.recheck(['/boot/vmlinuz', `${file.replace('/windows/', '/windows2/')}`]),
    [],
    'other files are none of its business',
  );
  t.same(said, []);
  t.match(await cache.recheck([file]), [/modules\.img has different contents/]);
  t.equal(readFileSync(file, 'utf8'), 'right', 'rebuilt under the same path');
  t.equal(said.length, 1);
});

t.test('many rebuild one damaged entry at once', async (t) => {
  const root = join(t.testdir({}), 'cache');
  const ask = (cache: Cache) =>
    cache.entry('kind', 'key', async (made) => {
      writeFileSync(made, 'right');
    });
  const path = await ask(new Cache(root));
  writeFileSync(path, 'other');
  const caches = Array.from({ length: 8 }, () => new Cache(root, () => {}));
  t.same(new Set(await Promise.all(caches.map(ask))), new Set([path]));
  t.equal(readFileSync(path, 'utf8'), 'right');
  t.same(readdirSync(join(root, 'tmp')), []);
});

t.test('what a killed process left is swept at the next start, what a living one uses is not', async (t) => {
  const root = t.testdir({});
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    .trim()
    .replaceAll('-', '')
    .slice(0, 16);
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0];
  const child = spawn('sleep', ['600']);
  await new Promise((resolve) => child.once('spawn', resolve));
  // `PID (sleep) S ...`: the twenty-second field is the start.
  const start = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[21];
  const folder = (name: string) => {
    mkdirSync(join(root, 'tmp', name, 'work'), { recursive: true });
    writeFileSync(join(root, 'tmp', name, 'work/modules.img'), 'half');
    return join(root, 'tmp', name);
  };
  const own = folder(`${child.pid}.${start}.${namespace}.${boot}.abcd`);
  const reused = folder(`${child.pid}.1.${namespace}.${boot}.abcd`);
  const elsewhere = folder(`${child.pid}.${start}.1.${boot}.abcd`);
  const old = folder('4711.1.1.0123456789abcdef.abcd');
  utimesSync(old, 1, 1);
  const start2 = () => new Cache(root).recall('kind', 'key');
  await start2();
  t.same([own, reused, elsewhere, old].map(existsSync), [true, false, true, false]);
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
  await start2();
  t.same([own, elsewhere].map(existsSync), [false, true], 'another container may still use its own');
});
