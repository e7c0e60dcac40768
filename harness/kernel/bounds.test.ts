import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { Cache } from '../cache.js';
import type { BootgateError } from '../errors.js';
import { filter } from '../filter.js';
import { loadModuleIndex } from '../modules/index.js';
import { packageRoot } from '../paths.js';
import { parseControl } from './deb.js';
import { ar, bzImage, deb, elf, kernelFiles, rpm, type TarEntry, tar } from './fixtures/make.js';
import { resolveKernel } from './resolve.js';
import { extractVmlinux } from './vmlinux.js';

/** Packages, kernels and trees that are larger than they look. */

t.setTimeout(300_000);
const RELEASE = '6.1.0-9-tiny';
const PACKERS = {
  xz: ['xz', '-c'],
  zst: ['zstd', '-cq'],
  gz: ['gzip', '-c'],
  bz2: ['bzip2', '-c'],
} as const;

/** 32 MiB of one byte as `times` streams in a row: 1.25 GiB from some KiB. */
async function bomb(kind: keyof typeof PACKERS, times = 40): Promise<Buffer> {
  const [file, ...args] = PACKERS[kind];
  const stream =
    streams.get(kind) ?? (await filter(file, args, Buffer.alloc(32 << 20, 0xff), { limit: 32 << 20 })).bytes;
  streams.set(kind, stream);
  return Buffer.concat(Array.from({ length: times }, () => stream));
}

const streams = new Map<string, Uint8Array>();

function place(t: Test) {
  const dir = t.testdir({});
  const said: string[] = [];
  return { dir, cache: new Cache(join(dir, 'cache'), (sentence) => said.push(sentence)), said };
}

async function errorOf(work: Promise<unknown>): Promise<BootgateError> {
  return work.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: BootgateError) => error,
  );
}

/** Bytes of all files below a folder. */
function bytesBelow(folder: string): number {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' });
  return all.reduce((sum, one) => {
    const found =
      one.isFile() && statSync(join(one.parentPath ?? one.path, one.name), { throwIfNoEntry: false });
    return sum + (found ? found.size : 0);
  }, 0);
}

t.test('a package that unpacks to too much is refused, and nothing of it stays', async (t) => {
  const { dir, cache } = place(t);
  const control: [string, Buffer] = [
    'control.tar.gz',
    gzipSync(tar([{ path: './control', data: 'Package: a\nVersion: 1\nArchitecture: all\n' }])),
  ];
  const version: [string, Buffer] = ['debian-binary', Buffer.from('2.0\n')];
  const started = process.resourceUsage();
  for (const kind of Object.keys(PACKERS) as (keyof typeof PACKERS)[]) {
    const file = join(dir, `${kind}.deb`);
    await writeFile(file, ar([version, control, [`data.tar.${kind}`, await bomb(kind)]]));
    const error = await errorOf(resolveKernel([file], { cache }));
    t.match(error, {
      code: 'E_UNPACKED_SIZE',
      blame: 'user',
      message: new RegExp(`^${kind}\\.deb is refused`),
    });
  }
  await writeFile(
    join(dir, 'c.deb'),
    ar([version, ['control.tar.xz', await bomb('xz')], ['data.tar', tar([])]]),
  );
  t.match(await errorOf(resolveKernel([join(dir, 'c.deb')], { cache })), { code: 'E_UNPACKED_SIZE' });
  const real = rpm({ 'boot/a': 'a' }, { name: 'kernel-core' });
  await writeFile(
    join(dir, 'b.rpm'),
    Buffer.concat([real.subarray(0, real.lastIndexOf('\x1f\x8b', undefined, 'latin1')), await bomb('xz')]),
  );
  t.match(await errorOf(resolveKernel([join(dir, 'b.rpm')], { cache })), {
    code: 'E_UNPACKED_SIZE',
    blame: 'user',
  });
  t.same(readdirSync(join(dir, 'cache/tmp')), []);
  const writes = (process.resourceUsage().fsWrite - started.fsWrite) / 2048;
  t.comment(`${Math.round(writes)} MiB written by this process`);
});

t.test('names past what a tree can have, and sizes that only the table of contents has', async (t) => {
  const { dir, cache } = place(t);
  const file = join(dir, 'deep.deb');
  const long = `./lib/modules/${RELEASE}/${'a/'.repeat(3000)}b.ko`;
  // GNU tar's entry for a name that does not fit: type L, the name as data.
  const name = { path: '././@LongLink', type: 'L', data: `${long}\0` } as unknown as TarEntry;
  await writeFile(file, deb([...kernelFiles(RELEASE), name, { path: long.slice(0, 99), data: 'x' }]));
  t.match(await errorOf(resolveKernel([file], { cache })), {
    code: 'E_PACKAGE_UNSAFE',
    blame: 'user',
    problems: [{ message: /too long or too deep/ }],
  });
  // A sparse file, as GNU tar keeps it: 6 TiB at the cost of one block.
  const sparse = tar([{ path: `./lib/modules/${RELEASE}/big.ko`, data: '' }]);
  sparse.write('S', 156);
  sparse.write('ustar  \0', 257);
  sparse.fill(0, 386, 512);
  sparse.write('00000000000\0', 386);
  sparse.write('00000000000\0', 398);
  sparse.write('55555555555\0', 483);
  sparse.write('        ', 148);
  const sum = sparse.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  sparse.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const members: [string, Buffer][] = [
    ['debian-binary', Buffer.from('2.0\n')],
    [
      'control.tar.gz',
      gzipSync(tar([{ path: './control', data: 'Package: a\nVersion: 1\nArchitecture: all\n' }])),
    ],
    ['data.tar.gz', gzipSync(sparse)],
  ];
  await writeFile(join(dir, 'sparse.deb'), ar(members));
  t.match(await errorOf(resolveKernel([join(dir, 'sparse.deb')], { cache })), {
    blame: 'user',
    code: 'E_UNPACKED_SIZE',
  });
  t.same(readdirSync(join(dir, 'cache/tmp')), []);
});

t.test('a vmlinuz that unpacks to too much is refused at once', async (t) => {
  const { dir, cache } = place(t);
  for (const announce of [true, false])
    for (const kind of ['gz', 'xz', 'zst'] as const) {
      const vmlinuz = join(dir, `vmlinuz-${kind}-${announce}`);
      const packed = await bomb(kind, kind === 'xz' ? 1 : 40); // of xz only the first stream counts
      const payload = kind === 'gz' || !announce ? packed : Buffer.concat([packed, Buffer.alloc(4)]);
      await writeFile(vmlinuz, bzImage(RELEASE, payload, { announce }));
      const error = await errorOf(extractVmlinux({ vmlinuz, arch: 'x86_64' }, cache));
      t.match(error, { code: 'E_UNPACKED_SIZE', blame: 'user', message: /refused/ }, `${kind} ${announce}`);
    }
  t.same(readdirSync(join(dir, 'cache/tmp')), []);
});

t.test('folders with sparse files, depths, and names that no index can hold', async (t) => {
  const { dir, cache } = place(t);
  let count = 0;
  const folder = async (change: (tree: string, root: string) => Promise<unknown>) => {
    const root = join(dir, `k${count++}`);
    const tree = join(root, 'lib/modules', RELEASE);
    await mkdir(join(tree, 'kernel'), { recursive: true });
    await mkdir(join(root, 'boot'));
    await writeFile(join(tree, 'kernel/a.ko'), elf());
    await writeFile(join(root, 'boot', `vmlinuz-${RELEASE}`), bzImage(RELEASE, gzipSync(elf())));
    await change(tree, root);
    const load = async () => {
      const kernel = await resolveKernel([root], { cache });
      await extractVmlinux(kernel, cache);
      await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
    };
    return load();
  };
  const sparse = async (file: string) => {
    await writeFile(file, '');
    await truncate(file, 5 * 2 ** 30);
  };
  await folder(async () => {});
  const bad: Record<string, [change: (tree: string, root: string) => Promise<unknown>, message: RegExp]> = {
    'a vmlinuz of 5 GiB': [(_, root) => sparse(join(root, 'boot', `vmlinuz-${RELEASE}`)), /5\.00 GiB/],
    'a module of 5 GiB': [(tree) => sparse(join(tree, 'kernel/big.ko')), /big\.ko.*5\.00 GiB/],
    'a modules.order of 5 GiB': [(tree) => sparse(join(tree, 'modules.order')), /modules\.order.*5\.00 GiB/],
    'a line break': [
      (tree) => writeFile(join(tree, 'kernel/a\nb.ko'), elf()),
      /"kernel\/a\\nb\.ko" has a blank/,
    ],
    'a blank': [(tree) => writeFile(join(tree, 'kernel/a b.ko'), elf()), /has a blank/],
    '70 folders': [
      async (tree) => {
        await mkdir(join(tree, 'd/'.repeat(70)), { recursive: true });
        await writeFile(join(tree, 'd/'.repeat(70), 'x.ko'), elf());
      },
      /64 (folders )?deep/,
    ],
    'a packed module of 1.25 GiB': [
      async (tree) => writeFile(join(tree, 'kernel/b.ko.gz'), await bomb('gz')),
      /b\.ko\.gz is refused/,
    ],
    'packed modules of 32 MiB from 5 KiB': [
      async (tree) => {
        for (const name of ['b', 'c'])
          await writeFile(join(tree, `kernel/${name}.ko.xz`), await bomb('xz', 1));
      },
      /\.ko\.xz is refused/,
    ],
  };
  for (const [what, [change, message]] of Object.entries(bad))
    t.match(await errorOf(folder(change)), { blame: 'user', message }, what);
  t.same(readdirSync(join(dir, 'cache/tmp')), []);
});

t.test('kill -9 while a package is unpacked: the next start leaves nothing of it', async (t) => {
  const { dir } = place(t);
  const root = join(dir, 'killed');
  const file = join(dir, 'large.deb');
  const noise = randomBytes(12 << 20);
  await writeFile(
    file,
    deb([...kernelFiles(RELEASE), { path: `./lib/modules/${RELEASE}/kernel/noise.ko`, data: noise }]),
  );
  const script = join(packageRoot, 'harness/kernel/fixtures/unpack.ts');
  let killed = 0;
  for (let attempt = 0; attempt < 6 && killed < 2; attempt++) {
    const child = spawn(process.execPath, [...process.execArgv, script, root, file], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const deadline = Date.now() + 30_000;
    const tmp = join(root, 'tmp');
    // Half way: something lies there, the entry does not.
    while (child.exitCode === null && Date.now() < deadline) {
      try {
        if (bytesBelow(tmp) > 1 << 20) break;
      } catch {
        // not there yet
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    child.kill('SIGKILL');
    await ended;
    if (readdirSync(tmp).length === 0) continue;
    killed++;
    await new Promise((resolve) => setTimeout(resolve, 500)); // its own children end by themselves
    const kernel = await resolveKernel([file], { cache: new Cache(root) });
    t.same(readdirSync(tmp), [], 'swept');
    t.ok(readFileSync(join(kernel.modulesDir, 'kernel/noise.ko')).equals(noise), 'and the kernel is whole');
    await rm(join(root, 'package'), { recursive: true });
  }
  t.ok(killed > 0, `${killed} were killed half way`);
});

t.test('control data costs its length', async (t) => {
  const started = process.cpuUsage();
  const fields = parseControl(`Depends: a\n${' b,\n'.repeat(200_000)}Version: 1\n`);
  t.equal(fields.get('depends')?.length, 1 + 200_000 * 3);
  t.equal(fields.get('version'), '1');
  const { user, system } = process.cpuUsage(started);
  t.ok(user + system < 3e6, `${Math.round((user + system) / 1000)} ms`); // 20 s where each line copies all before it
});
