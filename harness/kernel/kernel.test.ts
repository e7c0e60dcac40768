import { copyFile, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import { exec } from '../exec.js';
import { readKernelConfig } from './config.js';
import { clauses, parseControl } from './deb.js';
import { arm64Image, bzImage, deb, elf, kernelFiles, rpm, type TarEntry } from './fixtures/make.js';
import { readKernelImage } from './image.js';
import { findInstalled } from './installed.js';
import { resolveKernel, resolveModuleTree } from './resolve.js';
import { readRpm } from './rpmheader.js';
import { parseKernelSource } from './source.js';
import { extractVmlinux } from './vmlinux.js';

const RELEASE = '6.1.0-9-tiny';
t.setTimeout(600_000); // the first time, two kernels are downloaded

/** A tool that only compares: without it the comparison is skipped, and says so. */
async function have(tool: string): Promise<boolean> {
  return exec(tool, ['--version'], { okCodes: [0, 1, 2] }).then(
    () => true,
    () => false,
  );
}

/** A folder with these files, and a cache of its own. */
function place(t: Test, files: Record<string, string | Uint8Array> = {}) {
  const dir = t.testdir({});
  const cache = new Cache(join(dir, '.cache'));
  const at = (name: string) => join(dir, name);
  const ready = Promise.all(
    Object.entries(files).map(async ([name, data]) => {
      await mkdir(join(at(name), '..'), { recursive: true });
      await writeFile(at(name), data);
    }),
  );
  return { dir, cache, at, ready };
}

/** Files below a folder whose path fits. */
async function glob(folder: string, pattern: RegExp): Promise<string[]> {
  const below = await readdir(folder, { recursive: true });
  return below.map((path) => join(folder, path)).filter((path) => pattern.test(path));
}

/** Entries in folders below a cache kind: what the cache holds whole. */
async function entriesOf(cache: Cache, kind: string): Promise<string[]> {
  return readdir(join(cache.root, kind), { recursive: true }).catch(() => []);
}

t.test('source: every accepted form, and a hint with all of them for the rest', async (t) => {
  const { at, ready } = place(t, { 'k.deb': '', 'k.udeb': '', 'k.rpm': '', 'k.txt': '', 'dir/x': '' });
  await ready;
  t.match(parseKernelSource('apt:linux-image-amd64'), {
    kind: 'apt',
    name: 'linux-image-amd64',
    version: null,
  });
  t.match(parseKernelSource('apt:linux-image-amd64=6.1.192-2'), { version: '6.1.192-2', suite: null });
  t.match(parseKernelSource('apt:x1=1:2~rc1+b1'), { version: '1:2~rc1+b1' });
  t.match(parseKernelSource('apt:linux-image-arm64:arm64/bookworm-backports'), {
    name: 'linux-image-arm64:arm64',
    suite: 'bookworm-backports',
  });
  t.match(parseKernelSource(at('k.deb')), { kind: 'package', format: 'deb' });
  t.match(parseKernelSource(at('k.udeb')), { kind: 'package', format: 'deb' });
  t.match(parseKernelSource(at('k.rpm')), { kind: 'package', format: 'rpm' });
  t.match(parseKernelSource(at('dir')), { kind: 'directory', path: at('dir') });
  t.match(parseKernelSource('installed'), { kind: 'installed', release: null });
  t.match(parseKernelSource('installed:6.1.0-9-amd64'), { kind: 'installed', release: '6.1.0-9-amd64' });
  const wrong = [
    '',
    'apt:',
    'apt:-o',
    'apt:a b',
    'apt:x1=',
    'apt:x1=-y',
    'apt:x1/-o',
    'apt:linux/../x',
    'installed:',
  ];
  for (const text of [...wrong, 'installed:../../etc', at('k.txt'), at('gone.deb'), 'https://x/y.deb'])
    t.throws(
      () => parseKernelSource(text),
      { code: 'E_KERNEL_SOURCE', blame: 'user', hint: /apt:.*installed/ },
      text,
    );
  const { cache } = place(t);
  await t.rejects(resolveKernel([], { cache }), { code: 'E_KERNEL_SOURCE' });
  await t.rejects(resolveKernel(['installed', 'apt:linux'], { cache }), { code: 'E_KERNEL_SOURCE' });
});

t.test('deb: unpacked once, read from its bytes, as dpkg-deb sees it', async (t) => {
  const control = {
    Depends: 'linux-base (>= 4.3~), kmod |\n busybox',
    Provides: 'wireguard-modules (= 1.0.0)',
  };
  const entries = [
    ...kernelFiles(RELEASE),
    {
      path: `./lib/modules/${RELEASE}/build`,
      type: '2' as const,
      target: `/usr/src/linux-headers-${RELEASE}`,
    },
    { path: `./lib/modules/${RELEASE}/inside`, type: '2' as const, target: 'kernel/dummy.ko' },
    { path: `./boot/System.map-${RELEASE}`, data: 'ffffffff B the end\n', mode: 0o4000 },
    { path: './usr/share/doc/linux/copyright', data: 'free' },
  ];
  // The file's name says nothing: release, version and all come from inside.
  const { at, cache, ready } = place(t, { 'misnamed_9.9_arm64.deb': deb(entries, control) });
  await ready;
  const said: string[] = [];
  const file = at('misnamed_9.9_arm64.deb');
  const kernel = await resolveKernel([file], { cache, log: (sentence) => said.push(sentence) });
  t.match(kernel, {
    release: RELEASE,
    arch: 'x86_64',
    source: file,
    resolved: ['linux-image-tiny 1.0-1'],
    digest: /^sha256:[0-9a-f]{64}$/,
  });
  t.strictSame(kernel.packages, [
    {
      name: 'linux-image-tiny',
      version: '1.0-1',
      file: 'misnamed_9.9_arm64.deb',
      modules: ['kernel/dummy.ko'],
      depends: ['linux-base (>= 4.3~)', 'kmod | busybox'],
      provides: ['wireguard-modules (= 1.0.0)'],
    },
  ]);
  const root = join(kernel.modulesDir, '../../..');
  t.strictSame((await readdir(kernel.modulesDir)).sort(), ['inside', 'kernel'], 'no link out of the folder');
  t.strictSame((await readdir(root)).sort(), ['boot', 'lib'], 'no documentation');
  t.equal((await stat(kernel.systemMap ?? '')).mode & 0o6400, 0o400, 'no set-user-ID, and readable');
  t.strictSame(said, ['unpacking misnamed_9.9_arm64.deb']);
  t.strictSame(await resolveKernel([file], { cache, log: (sentence) => said.push(sentence) }), kernel);
  t.equal(said.length, 1, 'the second time nothing is unpacked');
  t.notMatch(JSON.stringify(await entriesOf(cache, 'package')), /tmp-/);

  if (!(await have('dpkg-deb'))) return t.pass('dpkg-deb', { skip: 'dpkg-deb is not installed' });
  const listed = (await exec('dpkg-deb', ['-c', file])).stdout;
  t.match(listed, `./lib/modules/${RELEASE}/kernel/dummy.ko`, 'the fixture is a package to dpkg-deb too');
  const fields = parseControl((await exec('dpkg-deb', ['-f', file])).stdout);
  t.strictSame(clauses(fields.get('depends')), kernel.packages[0]?.depends);
  t.equal(fields.get('version'), kernel.packages[0]?.version);
});

t.test('unsafe packages are refused whole', async (t) => {
  const good = kernelFiles(RELEASE);
  const hostile: Record<string, TarEntry[]> = {
    absolute: [{ path: '/tmp/bootgate-evil', data: 'x' }],
    'escapes with': [{ path: './boot/../../../bootgate-evil', data: 'x' }],
    'through a symlink': [
      { path: './boot/out', type: '2', target: '/tmp' },
      { path: './boot/out/bootgate-evil', data: 'x' },
    ],
    'through a symlink of': [
      { path: './lib/modules/out/', type: '2', target: '../../../..' },
      { path: './lib/modules/out/a/b', data: 'x' },
    ],
    'appears twice': [
      { path: './boot/twice', type: '2', target: '/tmp/bootgate-evil' },
      { path: './boot/twice', data: 'x' },
    ],
    'hard link out': [{ path: './boot/passwd', type: '1', target: '../../../etc/passwd' }],
    'hard link out of the package \\(/etc': [{ path: './boot/passwd', type: '1', target: '/etc/passwd' }],
    'hard link through': [
      { path: './boot/l', type: '2', target: '/etc' },
      { path: './boot/passwd', type: '1', target: 'boot/l/passwd' },
    ],
    'not a file, folder or link': [{ path: './boot/null', type: '3' }],
    'name cannot be read': [{ path: './boot/a -> b', type: '2', target: 'c -> d' }],
  };
  const { at, cache, ready } = place(t);
  await ready;
  for (const [why, entries] of Object.entries(hostile)) {
    for (const [order, all] of [
      ['last', [...good, ...entries]],
      ['first', [...entries, ...good]],
    ] as const) {
      await writeFile(at('evil.deb'), deb(all));
      const error = await resolveKernel([at('evil.deb')], { cache }).catch((one: BootgateError) => one);
      t.ok(error instanceof BootgateError, `${why} ${order}`);
      t.match(error, { code: 'E_PACKAGE_UNSAFE', blame: 'user', message: /evil\.deb/ }, `${why} ${order}`);
      t.match(JSON.stringify((error as BootgateError).problems), new RegExp(why), `${why} ${order}`);
    }
  }
  t.strictSame(
    (await entriesOf(cache, 'package')).filter((path) => path.includes('/')),
    [],
    'nothing of them was kept',
  );
  await t.rejects(stat('/tmp/bootgate-evil'), { code: 'ENOENT' });
  // What only looks like it: names with dots, and links that stay inside.
  const tame: TarEntry[] = [
    { path: './boot/..vmlinuz..', data: 'x' },
    { path: './boot/up', type: '2', target: '../boot' },
  ];
  await writeFile(at('tame.deb'), deb([...good, ...tame]));
  t.equal((await resolveKernel([at('tame.deb')], { cache })).release, RELEASE);
});

t.test('packages cut short or filled with noise are damaged, wherever the cut is', async (t) => {
  const { at, cache, ready } = place(t);
  await ready;
  const packages = {
    'k.deb': deb(kernelFiles(RELEASE)),
    'k.rpm': rpm({ [`./lib/modules/${RELEASE}/vmlinuz`]: bzImage(RELEASE, gzipSync(elf())) }, { name: 'k' }),
  };
  for (const [name, whole] of Object.entries(packages)) {
    const refused = async (bytes: Uint8Array) => {
      await writeFile(at(name), bytes);
      await t.rejects(
        resolveKernel([at(name)], { cache }),
        { code: 'E_PACKAGE_DAMAGED', blame: 'user', message: new RegExp(name.replace('.', '\\.')) },
        `${name} with ${bytes.length} of ${whole.length} bytes`,
      );
    };
    for (const part of [0, 4, 9, 50, 100, 130, 180, whole.length >> 1, whole.length - 100, whole.length - 2])
      await refused(whole.subarray(0, part));
    await refused(Buffer.from('this is no package, whatever it is called, and it is long enough to look at'));
  }
});

t.test('rpm: header and Fedora layout, as rpm sees them', async (t) => {
  const release = '6.5.6-300.fc39.x86_64';
  const tree = `./lib/modules/${release}`;
  const core = rpm(
    {
      [`${tree}/vmlinuz`]: bzImage(release, gzipSync(elf())),
      [`${tree}/config`]: 'CONFIG_MODULES=y\n',
      [`${tree}/System.map`]: 'map',
      [`${tree}/modules.builtin`]: '',
    },
    {
      name: 'kernel-core',
      provides: [
        ['kernel-core-uname-r', release],
        ['installonlypkg(kernel)', ''],
        ['kernel-core', '6.5.6-300.fc39'],
      ],
      requires: [
        ['kernel-modules-core-uname-r', release],
        ['/usr/bin/kernel-install', ''],
        ['rpmlib(CompressedFileNames)', '3.0.4-1'],
      ],
    },
  );
  const modules = rpm(
    { [`${tree}/kernel/net/x.ko.gz`]: gzipSync(elf()) },
    { name: 'kernel-modules', provides: [] },
  );
  const { at, cache, ready } = place(t, { 'core.rpm': core, 'modules.rpm': modules });
  await ready;
  const kernel = await resolveKernel([at('core.rpm'), at('modules.rpm')], { cache });
  t.match(kernel, {
    release,
    arch: 'x86_64',
    resolved: ['kernel-core 6.5.6-300.fc39', 'kernel-modules 6.5.6-300.fc39'],
  });
  t.match(kernel.config, /\/config$/);
  t.match(kernel.systemMap, /\/System\.map$/);
  t.strictSame(
    kernel.packages.map((one) => one.modules),
    [[], ['kernel/net/x.ko.gz']],
  );
  t.strictSame(kernel.packages[0]?.provides, [
    `kernel-core-uname-r = ${release}`,
    'installonlypkg(kernel)',
    'kernel-core = 6.5.6-300.fc39',
  ]);
  t.strictSame(kernel.packages[0]?.depends, [
    `kernel-modules-core-uname-r = ${release}`,
    '/usr/bin/kernel-install',
  ]);
  t.strictSame((await readdir(kernel.modulesDir)).sort(), [
    'System.map',
    'config',
    'kernel',
    'modules.builtin',
    'vmlinuz',
  ]);
  // The other way round it is the same kernel.
  t.equal((await resolveKernel([at('modules.rpm'), at('core.rpm')], { cache })).digest, kernel.digest);

  if (!(await have('rpm'))) return t.pass('rpm', { skip: 'rpm is not installed' });
  const query = async (what: string) =>
    (await exec('rpm', ['-qp', '--nosignature', '--nodigest', what, at('core.rpm')])).stdout
      .split('\n')
      .filter((line) => line && !line.startsWith('rpmlib('));
  // rpm shows a package's own name once more than the header has it.
  t.strictSame(kernel.packages[0]?.provides, [...new Set(await query('--provides'))]);
  t.strictSame([...(kernel.packages[0]?.depends ?? [])].sort(), (await query('--requires')).sort());
  t.strictSame(await query('--qf=%{NAME} %{VERSION}-%{RELEASE}\n'), kernel.resolved.slice(0, 1));
});

t.test('rpm: what rpmbuild makes', async (t) => {
  if (!(await have('rpmbuild'))) return t.pass('rpmbuild', { skip: 'rpmbuild is not installed' });
  const release = '6.5.6-300.fc39.x86_64';
  const { at, dir, cache, ready } = place(t, {
    vmlinuz: bzImage(release, gzipSync(elf())),
    'x.ko': elf(),
    'k.spec': `Name: kernel-core
Version: 6.5.6
Release: 300.fc39
Epoch: 2
Summary: tiny
License: GPL
Provides: kernel-core-uname-r = ${release}
Requires: kernel-modules-core-uname-r = ${release}, linux-firmware >= 20150904
AutoReqProv: no
%description
tiny
%install
install -D %{_topdir}/vmlinuz %{buildroot}/lib/modules/${release}/vmlinuz
install -D %{_topdir}/x.ko %{buildroot}/lib/modules/${release}/kernel/x.ko
ln -s /usr/src/kernels/${release} %{buildroot}/lib/modules/${release}/build
%files
/lib/modules/${release}
`,
  });
  await ready;
  const define = ['--define', `_topdir ${dir}`, '--define', '__os_install_post %{nil}', '--target', 'x86_64'];
  for (const payload of ['w19.zstdio', 'w2.xzdio', 'w9.gzdio']) {
    await exec('rpmbuild', [...define, '--define', `_binary_payload ${payload}`, '-bb', at('k.spec')]);
    const file = at('RPMS/x86_64/kernel-core-6.5.6-300.fc39.x86_64.rpm');
    const kernel = await resolveKernel([file], { cache });
    t.match(kernel, { release, resolved: ['kernel-core 2:6.5.6-300.fc39'] }, payload);
    t.strictSame(kernel.packages[0]?.modules, ['kernel/x.ko']);
    const query = async (what: string) =>
      (await exec('rpm', ['-qp', what, file])).stdout
        .split('\n')
        .filter((line) => line && !line.startsWith('rpmlib('));
    t.strictSame(kernel.packages[0]?.provides, await query('--provides'), payload);
    t.strictSame(
      [...(kernel.packages[0]?.depends ?? [])].sort(),
      (await query('--requires')).sort(),
      payload,
    );
    const bytes = await readFile(file);
    await writeFile(at('cut.rpm'), bytes.subarray(0, bytes.length - 1));
    await t.rejects(readRpm(at('cut.rpm')), { code: 'E_PACKAGE_DAMAGED' }, payload);
  }
  await exec('rpmbuild', [...define, '-bs', at('k.spec')]);
  await t.rejects(readRpm(at('SRPMS/kernel-core-6.5.6-300.fc39.src.rpm')), {
    code: 'E_PACKAGE_SOURCE',
  });
});

t.test('rpm: a damaged header is E_PACKAGE_DAMAGED, never another error', async (t) => {
  const { at, ready } = place(t);
  await ready;
  const whole = rpm({ './boot/x': 'x' }, { name: 'k', provides: [['a', '1']], requires: [['b', '']] });
  const change = fc.tuple(fc.integer({ min: 96, max: 600 }), fc.integer({ min: 0, max: 255 }));
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
      const bytes = Buffer.from(whole);
      for (const [place, value] of changes) bytes[place] = value;
      await writeFile(at('x.rpm'), bytes);
      const outcome = await readRpm(at('x.rpm')).then(
        () => 'read',
        (error: unknown) => {
          if (error instanceof BootgateError && error.code.startsWith('E_PACKAGE_')) return 'refused';
          throw error;
        },
      );
      outcomes.add(outcome);
    }),
    { numRuns: 300 },
  );
  t.strictSame([...outcomes].sort(), ['read', 'refused'], 'both kinds were met');
});

t.test('a split kernel is the union of its packages, and they must agree', async (t) => {
  const all = kernelFiles(RELEASE);
  const image = all.filter(({ path }) => !path.startsWith('./lib'));
  const modules = all.filter(({ path }) => !path.startsWith('./boot'));
  const other = [
    ...modules.slice(0, -1),
    { path: `./lib/modules/${RELEASE}/kernel/dummy.ko`, data: elf(62, Buffer.from('other')) },
  ];
  const extra = [{ path: `lib/modules/${RELEASE}/kernel/extra/more.ko`, data: elf() }];
  const { at, cache, ready } = place(t, {
    'image.deb': deb(image, { Package: 'linux-image' }),
    'modules.deb': deb(modules, { Package: 'linux-modules' }),
    'again.deb': deb([...modules, ...extra], { Package: 'linux-again' }),
    'extra.deb': deb(extra, { Package: 'linux-extra' }),
    'other.deb': deb(other, { Package: 'linux-other' }),
    'meta.deb': deb([{ path: './', type: '5' }], { Package: 'linux-meta', Depends: 'linux-image' }),
    'next.deb': deb(kernelFiles('6.1.0-10-tiny'), { Package: 'linux-next' }),
  });
  await ready;
  const resolve = (...names: string[]) => resolveKernel(names.map(at), { cache });
  const kernel = await resolve('image.deb', 'modules.deb', 'extra.deb', 'meta.deb');
  t.equal(kernel.release, RELEASE);
  t.strictSame(
    kernel.packages.map(({ name, modules }) => [name, modules]),
    [
      ['linux-image', []],
      ['linux-modules', ['kernel/dummy.ko']],
      ['linux-extra', ['kernel/extra/more.ko']],
      ['linux-meta', []],
    ],
  );
  t.strictSame((await readdir(join(kernel.modulesDir, 'kernel'))).sort(), ['dummy.ko', 'extra']);
  t.equal(
    (await resolve('image.deb', 'modules.deb', 'again.deb')).release,
    RELEASE,
    'the same bytes twice are fine',
  );
  await t.rejects(resolve('image.deb', 'modules.deb', 'other.deb'), {
    code: 'E_PACKAGE_CONFLICT',
    problems: [{ message: /dummy\.ko.*modules\.deb.*other\.deb/ }],
  });
  await t.rejects(resolve('image.deb'), {
    code: 'E_KERNEL_MODULES_MISSING',
    hint: /packages with the modules/,
  });
  await t.rejects(resolve('modules.deb'), { code: 'E_KERNEL_IMAGE_MISSING', hint: /kernel image/ });
  await t.rejects(resolve('meta.deb'), { code: 'E_KERNEL_EMPTY', hint: /metapackage/ });
  await t.rejects(resolve('image.deb', 'modules.deb', 'next.deb'), {
    code: 'E_KERNEL_SEVERAL',
    message: /6\.1\.0-10-tiny, 6\.1\.0-9-tiny/,
  });
});

t.test('a folder: each layout, and what does not fit together', async (t) => {
  const image = bzImage(RELEASE, gzipSync(elf()));
  const tree = (prefix: string, release = RELEASE) => `${prefix}lib/modules/${release}/kernel/dummy.ko`;
  const layouts: Record<string, Record<string, string | Uint8Array>> = {
    debian: {
      [`boot/vmlinuz-${RELEASE}`]: image,
      [tree('')]: elf(),
      [`boot/config-${RELEASE}`]: 'CONFIG_X=y\n',
    },
    fedora: {
      [`lib/modules/${RELEASE}/vmlinuz`]: image,
      [tree('')]: elf(),
      [`lib/modules/${RELEASE}/config`]: 'CONFIG_X=y\n',
    },
    merged: {
      [`usr/lib/modules/${RELEASE}/vmlinuz`]: image,
      [tree('usr/')]: elf(),
      'boot/config': 'CONFIG_X=y\n',
    },
    flat: { vmlinuz: image, [tree('')]: elf(), config: 'CONFIG_X=y\n' },
    'named for itself': {
      [`vmlinuz-${RELEASE}`]: image,
      [tree('')]: elf(),
      [`config-${RELEASE}`]: 'CONFIG_X=y\n',
    },
  };
  for (const [name, files] of Object.entries(layouts)) {
    const { dir, cache, ready } = place(t, files);
    await ready;
    const kernel = await resolveKernel([dir], { cache });
    t.match(kernel, { release: RELEASE, packages: [], config: /config/ }, name);
    t.ok((await stat(kernel.vmlinuz)).isFile(), name);
    t.strictSame(await readdir(join(kernel.modulesDir, 'kernel')), ['dummy.ko'], name);
  }

  const { at, cache, ready } = place(t, {
    [`a/boot/vmlinuz-${RELEASE}`]: image,
    [`a/boot/vmlinuz-${RELEASE}.old`]: 'rubbish',
    'a/boot/vmlinuz-not-one': 'rubbish',
    [`a/${tree('usr/')}`]: elf(),
    [`several/boot/vmlinuz-${RELEASE}`]: image,
    [`several/${tree('')}`]: elf(),
    [`several/${tree('', '6.2.0')}`]: elf(),
    'mismatch/vmlinuz': image,
    [`mismatch/${tree('', '6.2.0')}`]: elf(),
    'machine/vmlinuz': image,
    [`machine/${tree('')}`]: elf(183),
    'arm/vmlinuz': gzipSync(arm64Image(RELEASE)),
    [`arm/${tree('')}`]: elf(183),
    'rubbish/vmlinuz': 'rubbish',
    [`rubbish/${tree('')}`]: elf(),
    'monolith/vmlinuz': image,
    'monolith/config': '# CONFIG_MODULES is not set\n',
    'empty/readme': '',
  });
  await ready;
  const resolve = (name: string) => resolveKernel([at(name)], { cache });
  const inside = await resolve(`a/usr/lib/modules/${RELEASE}`);
  t.equal(inside.modulesDir, at(`a/usr/lib/modules/${RELEASE}`), 'the module tree itself was given');
  t.equal(inside.vmlinuz, at(`a/boot/vmlinuz-${RELEASE}`));
  await symlink('usr/lib', at('a/lib'));
  t.equal((await resolve('a')).digest, inside.digest, 'lib -> usr/lib: one tree, not two');
  t.match(await resolve('arm'), { release: RELEASE, arch: 'aarch64' });
  const monolith = await resolve('monolith');
  t.strictSame(await readdir(monolith.modulesDir), [], 'a kernel without modules has an empty tree');
  t.match(monolith.modulesDir, new RegExp(`/lib/modules/${RELEASE}$`));
  await t.rejects(resolve('several'), { code: 'E_KERNEL_SEVERAL', message: /6\.1\.0-9-tiny, 6\.2\.0/ });
  await t.rejects(resolve('mismatch'), { code: 'E_KERNEL_MISMATCH', message: /6\.1\.0-9-tiny.*6\.2\.0/ });
  await t.rejects(resolve('machine'), { code: 'E_KERNEL_MISMATCH', message: /x86_64.*aarch64/ });
  await t.rejects(resolve('rubbish'), { code: 'E_KERNEL_IMAGE' });
  await t.rejects(resolve('empty'), { code: 'E_KERNEL_EMPTY' });

  // The digest follows the bytes, even where the size stays.
  const before = (await resolve('a')).digest;
  t.equal((await resolve('a')).digest, before);
  await writeFile(at(`a/${tree('usr/')}`), elf(62).fill(7, 24, 32));
  t.not((await resolve('a')).digest, before);
});

t.test('installed: the wanted, the running, the newest, and only what has a vmlinuz', async (t) => {
  const files: Record<string, string | Uint8Array> = {};
  for (const release of ['6.1.0-9-tiny', '6.1.0-10-tiny']) {
    files[`boot/vmlinuz-${release}`] = bzImage(release, gzipSync(elf()));
    files[`lib/modules/${release}/kernel/dummy.ko`] = elf();
  }
  files['lib/modules/6.9.0-removed/modules.dep'] = '';
  files['boot/vmlinuz-0-rescue-0123'] = bzImage('6.1.0-9-tiny', gzipSync(elf()));
  const { dir, cache, ready } = place(t, files);
  await ready;
  const running = async (release: string) => (await findInstalled(dir, null, release)).release;
  t.equal(await running('6.1.0-9-tiny'), '6.1.0-9-tiny');
  t.equal(await running('5.4.0-host'), '6.1.0-10-tiny');
  t.equal(await running('6.9.0-removed'), '6.1.0-10-tiny');
  const kernel = await resolveKernel(['installed:6.1.0-9-tiny'], { cache, systemRoot: dir });
  t.equal(kernel.vmlinuz, join(dir, 'boot/vmlinuz-6.1.0-9-tiny'));
  await t.rejects(findInstalled(dir, '6.1.0-8-tiny'), {
    code: 'E_KERNEL_NOT_FOUND',
    message: /did you mean/,
    hint: /6\.1\.0-9-tiny, 6\.1\.0-10-tiny/,
  });
  await t.rejects(findInstalled(t.testdir({}), null), { code: 'E_KERNEL_NOT_FOUND', hint: /apt:/ });
});

/** The header of an ELF file for a big-endian machine. */
function bigEndian(file: Buffer): Buffer {
  const swapped = Buffer.from(file);
  swapped[5] = 2;
  swapped.subarray(16, 20).swap16();
  swapped.subarray(20, 24).swap32();
  swapped.subarray(52, 54).swap16();
  return swapped;
}

t.test('kernel images: which there are, and which are refused', async (t) => {
  const whole = bzImage(RELEASE, gzipSync(elf()));
  const arm = Buffer.alloc(1024);
  arm.writeUInt32LE(0x016f2818, 0x24);
  const loongarch = Buffer.alloc(1024);
  loongarch.write('\xcd\x23\x82\x81', 0x38, 'latin1');
  const riscv = arm64Image(RELEASE);
  riscv.write('RSC\x05', 0x38);
  // Documentation/s390 has no format: the marks and the parameter area are those of arch/s390/boot/head.S.
  const s390 = Buffer.alloc(0x11000);
  s390.write('S390EP', 0x10008);
  s390.writeBigUInt64BE(0x10800n, 0x10428);
  s390.write(`${RELEASE} (a@b) #1 SMP`, 0x10800);
  const payload = gzipSync(arm64Image(RELEASE));
  const zboot = Buffer.concat([Buffer.alloc(64), payload, Buffer.from('size')]);
  zboot.write('MZ\0\0zimg');
  zboot.writeUInt32LE(64, 8);
  zboot.writeUInt32LE(payload.length, 12);
  zboot.write('gzip', 24);
  const files = {
    bz: whole,
    arm64: arm64Image(RELEASE),
    'arm64.gz': gzipSync(arm64Image(RELEASE)),
    zboot,
    elf: elf(62, Buffer.from(`Linux version %s (x)\0Linux version ${RELEASE} (a@b) #1\0`)),
    i386: bzImage(RELEASE, gzipSync(elf()), { bits: 32 }),
    arm,
    riscv,
    s390,
    's390-without': Buffer.from(s390).fill(0, 0x10800),
    loongarch,
    ppc64le: elf(21, Buffer.from(`Linux version ${RELEASE} (a@b)`)),
    ppc64: bigEndian(elf(21, Buffer.from(`Linux version ${RELEASE} (a@b)`))),
    cut: whole.subarray(0, whole.length - 40),
    header: whole.subarray(0, 0x230),
    text: 'a text file that is long enough',
    nothing: '',
    evil: bzImage('../../etc', gzipSync(elf())),
  };
  const { at, ready } = place(t, files);
  await ready;
  t.match(await readKernelImage(at('bz')), {
    arch: 'x86_64',
    release: RELEASE,
    format: 'bzImage',
    compression: 'gzip',
  });
  for (const [name, compression] of [
    ['arm64', 'none'],
    ['arm64.gz', 'gzip'],
    ['zboot', 'gzip'],
  ] as const)
    t.match(
      await readKernelImage(at(name)),
      { arch: 'aarch64', release: RELEASE, format: 'Image', compression },
      name,
    );
  t.match(await readKernelImage(at('elf')), {
    arch: 'x86_64',
    release: RELEASE,
    format: 'elf',
    compression: 'none',
  });
  for (const [name, arch, format] of [
    ['riscv', 'riscv64', 'Image'],
    ['s390', 's390x', 's390'],
    ['ppc64le', 'ppc64le', 'elf'],
  ] as const)
    t.match(await readKernelImage(at(name)), { arch, release: RELEASE, format, compression: 'none' }, name);
  for (const [name, arch] of Object.entries({
    i386: '32 bit x86',
    arm: 'arm',
    loongarch: 'loongarch64',
    ppc64: 'ppc64',
  }))
    await t.rejects(
      readKernelImage(at(name)),
      { code: 'E_KERNEL_ARCH', message: new RegExp(`for ${arch};`) },
      name,
    );
  for (const name of ['cut', 'header', 'text', 'nothing', 'evil', 's390-without'])
    await t.rejects(
      readKernelImage(at(name)),
      { code: 'E_KERNEL_IMAGE', message: new RegExp(at(name)) },
      name,
    );
});

t.test('vmlinux: out of every packing, announced or found, and never half of it', async (t) => {
  const inner = elf(62, Buffer.from('the kernel proper '.repeat(4000)));
  const { at, cache, ready } = place(t, { inner });
  await ready;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(inner.length);
  const packers: [kind: string, tool: string, ...args: string[]][] = [
    ['gzip', 'gzip', '-9c'],
    ['xz', 'xz', '-c', '--check=crc32'],
    ['lzma', 'xz', '-c', '--format=lzma'],
    ['zstd', 'zstd', '-cq'],
    ['lz4', 'lz4', '-lcq'],
    ['bzip2', 'bzip2', '-c'],
    ['lzo', 'lzop', '-c'],
  ];
  const kernel = (name: string) => ({ vmlinuz: at(name), arch: 'x86_64' as const });
  for (const [kind, tool, ...args] of packers) {
    if (!(await have(tool))) {
      t.pass(kind, { skip: `${tool} is not installed` });
      continue;
    }
    await exec('sh', ['-c', `"$0" "$@" <"$IN" >"$IN.packed"`, tool, ...args], { env: { IN: at('inner') } });
    const packed = await readFile(at('inner.packed'));
    const payload = kind === 'gzip' ? packed : Buffer.concat([packed, size]);
    for (const announce of [true, false]) {
      const name = `${kind}-${announce}`;
      const whole = bzImage(RELEASE, payload, { announce });
      await writeFile(at(name), whole);
      const vmlinux = await extractVmlinux(kernel(name), cache);
      t.strictSame(await readFile(vmlinux.path), inner, name);
      t.match(vmlinux, { bytes: inner.length, pvhEntry: null });
      if (announce) t.equal(vmlinux.compression, kind);
      await writeFile(at('cut'), whole.subarray(0, whole.length - 200));
      await t.rejects(
        extractVmlinux(kernel('cut'), cache),
        { code: 'E_KERNEL_IMAGE', message: /\/cut/ },
        `${name} cut`,
      );
      const bad = Buffer.from(whole);
      bad.fill(0x55, 1024 + 64 + 30, 1024 + 64 + 60);
      await writeFile(at('bad'), bad);
      await t.rejects(
        extractVmlinux(kernel('bad'), cache),
        { blame: 'user', message: /\/bad/ },
        `${name} damaged`,
      );
    }
  }
  await writeFile(at('foreign'), bzImage(RELEASE, gzipSync(elf(183))));
  await t.rejects(extractVmlinux(kernel('foreign'), cache), { code: 'E_KERNEL_IMAGE', message: /aarch64/ });
  await writeFile(at('arm'), gzipSync(arm64Image(RELEASE)));
  await t.rejects(extractVmlinux(kernel('arm'), cache), { code: 'E_KERNEL_IMAGE', message: /aarch64/ });
  const arm = await extractVmlinux({ vmlinuz: at('arm'), arch: 'aarch64' }, cache);
  t.match(arm, { compression: 'gzip', pvhEntry: null, bytes: 4096 });
  await writeFile(at('elf'), elf(62, Buffer.from(`Linux version ${RELEASE} (a@b)`)));
  t.match(await extractVmlinux(kernel('elf'), cache), { compression: 'none' });
});

t.test('config: on, module, off, values; packed as /proc has it', async (t) => {
  const text = 'CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D="a \\"b\\""\nCONFIG_HZ=250\r\n';
  const { at, ready } = place(t, { config: text, 'config.gz': gzipSync(text), wrong: 'hello\n' });
  await ready;
  for (const name of ['config', 'config.gz']) {
    const config = await readKernelConfig(at(name));
    t.strictSame(
      ['A', 'B', 'C', 'D', 'HZ', 'E'].map((option) => config.value(option)),
      ['y', 'm', null, 'a "b"', '250', null],
    );
    t.strictSame([config.isEnabled('A'), config.isEnabled('B'), config.isModule('B')], [true, false, true]);
  }
  await t.rejects(readKernelConfig(at('wrong')), { code: 'E_KERNEL_CONFIG' });
});

t.test('two at once build one entry', async (t) => {
  const { at, cache, ready } = place(t, { 'k.deb': deb(kernelFiles(RELEASE)) });
  await ready;
  const both = await Promise.all([1, 2, 3].map(() => resolveKernel([at('k.deb')], { cache })));
  t.strictSame(both[1], both[0]);
  t.strictSame(both[2], both[0]);
  t.notMatch(JSON.stringify(await readdir(cache.root, { recursive: true })), /tmp-/);
});

t.test("Debian's kernels: apt's answer, the package, the module list and the PVH entry", async (t) => {
  t.setTimeout(600_000);
  if (!(await have('apt-cache'))) return t.pass('apt', { skip: 'apt is not here: this needs Debian' });
  const cache = new Cache();
  for (const flavour of ['amd64', 'cloud-amd64']) {
    const source = `apt:linux-image-${flavour}`;
    const kernel = await resolveKernel([source], { cache });
    const policy = (await exec('apt-cache', ['show', '--no-all-versions', `linux-image-${flavour}`])).stdout;
    const real = /^Depends: (\S+) \(= ([^)]+)\)/m.exec(policy);
    t.strictSame(kernel.resolved, [`${real?.[1]} ${real?.[2]}`], 'the real package behind the metapackage');
    t.match(kernel, { arch: 'x86_64', source });
    const about = (await exec('file', ['-b', kernel.vmlinuz]).catch(() => ({ stdout: '' }))).stdout;
    if (about) t.match(about, `version ${kernel.release} (`, 'file(1) reads the same release');

    const started = performance.now();
    t.strictSame(await resolveKernel([source], { cache }), kernel);
    t.ok(performance.now() - started < 1000, `warm in ${Math.round(performance.now() - started)} ms`);

    const vmlinux = await extractVmlinux(kernel, cache);
    const notes = (await exec('readelf', ['-nW', vmlinux.path])).stdout;
    const entry = /Xen\s+0x0+8\s.*\(0x0+12\)\s+description data: ((?:[0-9a-f]{2} ){4})/.exec(notes)?.[1];
    const littleEndian = entry?.trim().split(' ').reverse().join('');
    t.equal(vmlinux.pvhEntry?.toString(16).padStart(8, '0'), littleEndian, 'PVH entry as readelf shows it');

    const [only] = kernel.packages;
    t.equal(kernel.packages.length, 1);
    const [file = ''] = await glob(join(cache.root, 'apt'), new RegExp(`/${real?.[1]}_[^/]*\\.deb$`));
    const sums = (await exec('dpkg-deb', ['-I', file, 'md5sums'])).stdout;
    const listed = sums.split('\n').filter((line) => / (boot|lib)\//.test(line));
    const modules = listed.flatMap((line) => / lib\/modules\/[^/]+\/(\S+\.ko)$/.exec(line)?.[1] ?? []);
    t.ok(modules.length > 1000);
    t.strictSame(only?.modules, modules.sort(), 'the modules that the package lists');
    const root = join(kernel.modulesDir, '../../..');
    await exec('md5sum', ['--check', '--quiet', '--strict'], { cwd: root, input: `${listed.join('\n')}\n` });
    const copy = join(t.testdir({}), 'plain.deb');
    await copyFile(file, copy);
    t.equal((await resolveKernel([copy], { cache })).digest, kernel.digest, 'the file is the same kernel');
    const config = await readKernelConfig(kernel.config ?? '');
    t.ok(config.isEnabled('DEVMEM') && config.isEnabled('MODULES'));
  }
  await t.rejects(resolveKernel(['apt:linux-image-amd46'], { cache }), {
    code: 'E_APT_UNKNOWN',
    blame: 'user',
    message: /did you mean linux-image-amd64/,
  });
  await t.rejects(resolveKernel(['apt:linux-image-amd64=0.1'], { cache }), {
    code: 'E_APT_UNKNOWN',
    hint: /policy/,
  });
  await t.rejects(resolveKernel(['apt:linux-image-amd64/nope'], { cache }), { code: 'E_APT_UNKNOWN' });
});

t.test('a module tree alone: no vmlinuz, any architecture, any folder name', async (t) => {
  const module = (machine: number) => elf(machine, Buffer.from(`\0vermagic=${RELEASE} SMP preempt \0`));
  const { at, cache, ready } = place(t, {
    [`whole/lib/modules/${RELEASE}/kernel/a.ko`]: module(62),
    [`whole/boot/vmlinuz-${RELEASE}`]: 'rubbish',
    'mods/kernel/a.ko': module(3),
    'mods/modules.order': 'kernel/a.ko\n',
    'none/vmlinuz': 'rubbish',
    'two/lib/modules/a/x.ko': module(62),
    'two/lib/modules/b/x.ko': module(62),
    'modules.deb': deb([{ path: `./lib/modules/${RELEASE}/kernel/a.ko`, data: module(183) }], {
      Package: 'modules',
    }),
  });
  await ready;
  const resolve = (name: string) => resolveModuleTree([at(name)], { cache });
  t.match(await resolve('whole'), {
    release: RELEASE,
    arch: 'x86_64',
    vmlinuz: at(`whole/boot/vmlinuz-${RELEASE}`),
    modulesDir: at(`whole/lib/modules/${RELEASE}`),
  });
  t.match(await resolve('mods'), { release: RELEASE, arch: 'i386', vmlinuz: null, modulesDir: at('mods') });
  await t.rejects(resolve('none'), { code: 'E_KERNEL_MODULES_MISSING', blame: 'user' });
  await t.rejects(resolve('two'), { code: 'E_KERNEL_SEVERAL', blame: 'user' });
  await t.rejects(resolveKernel([at('mods')], { cache }), { code: 'E_KERNEL_IMAGE_MISSING' });
  for (const time of ['first', 'remembered'])
    t.match(
      await resolve('modules.deb'),
      { release: RELEASE, arch: 'aarch64', vmlinuz: null, packages: [{ modules: ['kernel/a.ko'] }] },
      time,
    );
});
