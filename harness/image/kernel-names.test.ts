import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { expandSources } from '../kernel/expand.js';
import { resolveKernel, resolveModuleTree } from '../kernel/resolve.js';
import { compareRuns } from '../results/compare.js';
import type { RunResult } from '../results/run-result.js';
import { loadImage, nameOfKernel } from './image-file.js';

t.test('a folder of packages and a glob are the packages that a kernel is made of', async (t) => {
  const build = t.testdir({
    'linux-image-6.1.0-57-amd64_1_amd64.deb': '',
    'linux-image-6.1.0-57-amd64-dbg_1_amd64.deb': '',
    'linux-headers-6.1.0-57-amd64_1_amd64.deb': '',
    'linux-libc-dev_1_amd64.deb': '',
    'linux-modules-6.1.0-57-amd64_1_amd64.deb': '',
    'kernel-6.5.6.src.rpm': '',
    'linux_1.buildinfo': '',
    tools: { 'linux-perf_1_amd64.deb': '' },
  });
  const kernel = ['linux-image-6.1.0-57-amd64_1_amd64.deb', 'linux-modules-6.1.0-57-amd64_1_amd64.deb'].map(
    (name) => join(build, name),
  );
  t.same(expandSources([build]), kernel);
  t.same(expandSources([`${build}/*.deb`]), kernel);
  t.same(expandSources([`${build}/linux-mod*`, build]).sort(), kernel, 'each once');
  t.same(expandSources(['apt:linux-image-amd64', 'installed']), ['apt:linux-image-amd64', 'installed']);
  for (const odd of ['./a\0b.deb', `./${'a'.repeat(300)}.deb`, `${build}/tools/none/x.deb`])
    t.same(expandSources([odd]), [odd], 'left to whoever opens it');
  t.throws(() => expandSources([`${build}/*.zork`]), { code: 'E_KERNEL_SOURCE', message: /matches no file/ });
  t.throws(() => expandSources([join(build, 'tools')]), { message: /no package that a kernel is made of/ });
  writeFileSync(join(build, 'mine.yaml'), 'version: 1\nname: mine\nkernel: "*.deb"\n');
  t.same((await loadImage(join(build, 'mine.yaml'))).kernel, kernel, "from the image file's folder");
});

t.test('an image and its modules from two places', async (t) => {
  const cache = new Cache();
  const whole = await resolveKernel(['apt:linux-image-cloud-amd64'], { cache });
  const dir = t.testdir({ out: { lib: { modules: {} } }, arch: {} });
  const image = join(dir, 'arch', 'bzImage');
  copyFileSync(whole.vmlinuz, image);
  if (whole.config) copyFileSync(whole.config, join(dir, 'arch', '.config'));
  const modules = join(dir, 'out/lib/modules', whole.release);
  symlinkSync(whole.modulesDir, modules);
  const found = await resolveKernel([image, join(dir, 'out')], { cache });
  t.equal(found.release, whole.release);
  t.equal(found.vmlinuz, image);
  t.ok(found.config?.endsWith('.config'));
  t.equal((await resolveModuleTree([modules, image], { cache })).vmlinuz, image, 'in any order');
  await t.rejects(resolveKernel([image], { cache }), { message: /kernel image alone/, hint: /lib\/modules/ });
  mkdirSync(join(dir, 'other'));
  await t.rejects(resolveKernel([image, join(dir, 'out'), join(dir, 'other')], { cache }), {
    message: /can be combined/,
  });
  t.ok(existsSync(modules));
});

t.test("a kernel's own name", async (t) => {
  for (const [source, name] of [
    ['apt:linux-image-amd64', 'linux-image-amd64'],
    ['apt:linux-image-amd64/bookworm-backports', 'linux-image-amd64'],
    ['installed:6.1.0-1', 'installed-6.1.0-1'],
    ['build/linux-image-6.1.0_6.1-1_amd64.deb', 'linux-image-6.1.0'],
    ['/boot/My Kernel/', 'my-kernel'],
    ['/', 'kernel'],
  ] as const)
    t.equal(nameOfKernel([source]), name);
});

t.test('an ABI bump leaves no result absent', async (t) => {
  const run = (release: string) =>
    ({
      id: release,
      image: {
        name: 'x',
        kernel: { release },
        vmlinuz: { bytes: 1 },
        modules: { bytes: 1 },
        initramfs: { bytes: 1 },
      },
      accelerator: { used: 'tcg' },
      results: [
        {
          scenario: 'storage/nvme',
          installSet: `linux-image-${release}`,
          verdict: 'fail',
          memory: { usedAfterBootBytes: 1 },
          cpuSeconds: 1,
          findings: [],
        },
      ],
    }) as unknown as RunResult;
  const comparison = compareRuns(run('6.1.0-56-amd64'), run('6.1.0-57-amd64'));
  t.same([comparison.newFailures, comparison.gone, comparison.appeared], [[], [], []]);
  t.equal(comparison.stillFailing.length, 1);
});
