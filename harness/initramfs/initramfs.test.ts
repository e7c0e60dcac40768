import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { resolveKernel } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { setFromNames } from '../modules/set.js';
import { assemble, buildInitramfs } from './build.js';
import { readCpio } from './cpio-read.js';
import type { ModuleDelivery } from './initramfs.js';
import { buildWindow } from './window.js';

const run = (command: string, args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } });
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const codeOf = (code: string) => ({ code });

t.test('window: every module on a page of its own, as shipped', async (t) => {
  const sizes = {
    'kernel/a.ko': 5000,
    'kernel/b.ko.xz': 4096,
    'kernel/c/d.ko': 3_000_000,
    'extra/empty.ko': 0,
  };
  const folder = t.testdir({ tree: { kernel: { c: {} }, extra: {} } });
  const dir = join(folder, 'tree');
  for (const [path, bytes] of Object.entries(sizes))
    writeFileSync(join(dir, path), Buffer.alloc(bytes, path));
  const modules = new Map(
    Object.entries(sizes).map(([path, bytes]) => [
      path,
      { name: path, path, bytes, depends: [], softPre: [], softPost: [], weak: [] },
    ]),
  );
  const index = {
    release: 'r',
    dir,
    digest: 'sha256:x',
    modules,
    builtins: new Map(),
    bytes: 0,
  } as unknown as ModuleIndex;
  const cache = new Cache(join(folder, 'cache'));
  const [{ window, offsets }, again] = await Promise.all([
    buildWindow(index, cache),
    buildWindow(index, cache),
  ]);
  t.equal(again.window.file, window.file);
  const bytes = readFileSync(window.file);
  t.equal(bytes.length, window.bytes);
  t.equal(window.bytes, 4 << 20, 'the next multiple of 2 MiB');
  for (const [path, place] of offsets) {
    t.equal(place.offset % 4096, 0);
    t.ok(
      bytes.subarray(place.offset, place.offset + place.bytes).equals(readFileSync(join(dir, path))),
      path,
    );
  }
  t.equal(offsets.size, 4);
  truncateSync(window.file, 10);
  t.equal(
    readFileSync((await buildWindow(index, cache)).window.file).length,
    window.bytes,
    'a damaged one is made again',
  );
  for (const change of [-1, 1]) {
    truncateSync(join(dir, 'kernel/a.ko'), 5000 + change);
    await t.rejects(buildWindow(index, new Cache(join(folder, `cache${change}`))), codeOf('E_TREE_CHANGED'));
  }
});

t.test('a real kernel: window and archive hold the same set, and kmod finds its way in it', async (t) => {
  const cache = new Cache();
  const kernel = await resolveKernel(['apt:linux-image-cloud-amd64'], { cache });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  const set = setFromNames(index, ['virtio_net', 'ext4', 'nf_tables'], 'a test');
  const folder = t.testdir({ out: {} });
  const scenarioPath = join(folder, 'scenario.cpio');
  const own = new Cache(join(folder, 'cache'));
  const request = (delivery: ModuleDelivery, path: string) => ({
    ...{ set, tools: [], delivery, cache: own, scenarioPath },
    scenarioEntries: [{ path, type: 'file' as const, data: Buffer.from('x') }],
  });
  const [inWindow, same, inArchive] = await Promise.all([
    buildInitramfs({ ...request('window', 'bootgate/scenario/env'), cache }),
    buildInitramfs({
      ...request('window', 'bootgate/scenario/env'),
      cache,
      scenarioPath: `${scenarioPath}2`,
    }),
    buildInitramfs({ ...request('archive', 'bootgate/scenario/env'), scenarioPath: `${scenarioPath}3` }),
  ]);
  t.equal(inWindow.digest, same.digest);
  t.same(
    inWindow.segments.map(({ kind }) => kind),
    ['userland', 'modules', 'scenario'],
  );
  t.equal(inArchive.window, null);

  const whole = join(folder, 'whole.cpio');
  await assemble(inWindow.segments, whole);
  const entries = readCpio(whole);
  t.equal(readFileSync(whole).length, inWindow.bytes);
  const catalogue = entries.find(({ path }) => path === 'bootgate/window');
  const rows = lines(
    readFileSync(whole)
      .subarray(catalogue?.offset, (catalogue?.offset ?? 0) + (catalogue?.bytes ?? 0))
      .toString(),
  );
  const fd = openSync(inWindow.window?.file ?? '', 'r');
  t.teardown(() => closeSync(fd));
  const paths = rows.map((row) => {
    const [path = '', offset, bytes] = row.split(' ');
    const data = Buffer.alloc(Number(bytes));
    readSync(fd, data, 0, data.length, Number(offset));
    t.ok(data.equals(readFileSync(join(kernel.modulesDir, path))), path);
    return path;
  });
  const wanted = set.names.map((name) => index.modules.get(name)?.path).sort();
  t.same(paths.sort(), wanted, 'the modules of the set and no others');

  const modules = inArchive.segments[1]?.path ?? '';
  const carried = readCpio(modules).filter(({ path }) => path.endsWith('.ko'));
  t.same(carried.map(({ path }) => path.split(`${kernel.release}/`)[1]).sort(), wanted);
  run('bsdtar', ['-xf', modules, '-C', join(folder, 'out')]);
  // modprobe reads lib/modules below its root; it prints what it would load, and only from the indexes there.
  const root = join(folder, 'out/usr');
  const order = lines(
    run('modprobe', [
      '-d',
      root,
      '-S',
      kernel.release,
      '-C',
      '/var/empty',
      '-a',
      '--show-depends',
      ...set.names,
    ]),
  );
  const loaded = new Set(
    order.filter((line) => line.startsWith('insmod ')).map((line) => line.split(' ')[1] ?? ''),
  );
  t.equal(loaded.size, set.names.length);
  for (const file of loaded) t.ok(readFileSync(file).length > 0, file);

  await t.rejects(buildInitramfs(request('archive', 'lib/x')), { code: 'E_ARCHIVE_ENTRY', blame: 'bug' });
});
