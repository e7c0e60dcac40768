import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { resolveKernel, resolveModuleTree } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { gatherCheckInput } from './checkinput.js';
import type { CheckFinding } from './finding.js';
import { folderOf, treeOf } from './fixtures/tree.js';
import { readSplit } from './read.js';
import { knownRequests } from './requestedges.js';
import { REQUEST_ROWS } from './requestrows.js';
import { aliasFamilies, edgesOf } from './requeststrings.js';
import { checkSplit } from './staticcheck.js';

t.setTimeout(300_000);

const cache = new Cache();
const KERNEL = 'apt:linux-image-amd64';
const own = (packages: string) => `version: 1\nname: x\npackages:\n${packages}`;
const bootgate = (...args: string[]) => {
  const main = new URL('../cli/main.ts', import.meta.url).pathname;
  return spawnSync(process.execPath, ['--import', 'tsx', main, ...args], { encoding: 'utf8' });
};

async function splitOf(text: string, index: ModuleIndex) {
  const { path, remove } = folderOf({ 'a.yaml': text });
  try {
    return await readSplit(join(path, 'a.yaml'), index);
  } finally {
    remove();
  }
}

const ids = (findings: readonly CheckFinding[], id: string) => findings.filter((one) => one.id === id);

t.test('a hard dependency that lies in no file: check, closure, --strict and build say no', async (t) => {
  const kernel = await resolveKernel([KERNEL], { cache });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  const users = [...index.modules.values()].filter(({ depends }) => depends.includes('vsock'));
  t.ok(users.length >= 4, `${users.length} modules need vsock`);
  const first = users.map(({ name }) => name).sort()[0] ?? '';
  const { path, remove } = folderOf({
    'a.yaml': own('  - {name: core, rest: true}\n'),
  });
  t.teardown(remove);
  const tree = join(path, 'lib/modules', kernel.release);
  const closed = new Set(users.flatMap(({ name, depends }) => [name, ...depends]));
  closed.delete('vsock');
  writeFileSync(join(path, 'list'), [...closed].join('\n'));
  for (const name of closed) {
    const file = index.modules.get(name)?.path ?? '';
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    symlinkSync(join(kernel.modulesDir, file), join(tree, file));
  }
  symlinkSync(join(kernel.modulesDir, 'modules.builtin'), join(tree, 'modules.builtin'));
  mkdirSync(join(path, 'boot'));
  symlinkSync(kernel.vmlinuz, join(path, 'boot', `vmlinuz-${kernel.release}`));
  for (const args of [
    ['split', 'check', join(path, 'a.yaml')],
    ['modules', 'closure', first],
    ['modules', 'list', '--strict', '--modules', join(path, 'list')],
    ['build', '--modules', join(path, 'list')],
  ]) {
    const { status, stdout, stderr } = bootgate(...args, '--kernel', path);
    t.equal(status, 1, `${args.slice(0, 2).join(' ')}: ${stderr}`);
    t.match(stdout + stderr, /needs? vsock, which is in no file of /, args.join(' '));
    t.match(stdout + stderr, first, 'and the users are named');
  }
  const fine = bootgate('modules', 'closure', 'virtio_ring', '--kernel', path);
  t.equal(fine.status, 0, `what does not need it is not held up: ${fine.stderr}`);
});

t.test('requests of the kernel: what is taken out of the core is named with who asks for it', async (t) => {
  const kernel = await resolveModuleTree([KERNEL], { cache });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  const out =
    'xts cmac ccm zstd xxhash_generic nls_utf8 nls_ascii nls_cp437 nls_iso8859_1 dm_service_time nvme_tcp';
  const more =
    'gcm blake2b_generic xt_addrtype xt_MASQUERADE nft_compat act_mirred ip_vs_rr can_raw nf_nat_ftp nfsv4';
  const names = `${out} ${more}`.split(' ').filter((name) => index.modules.has(name));
  t.ok(names.length >= 18, names.join(' '));
  const split = await splitOf(
    own(`  - {name: core, rest: true}\n  - {name: extra, depends: [core], modules: [${names.join(', ')}]}\n`),
    index,
  );
  const findings = checkSplit(await gatherCheckInput(split, { kernel, index, cache }));
  const warned = ids(findings, 'request-edge').filter(({ severity }) => severity === 'warning');
  const said = warned.map(({ message }) => message).join('\n');
  // What a symbol edge brought down into core again needs no warning.
  for (const name of names.filter((one) => split.placement.get(one)?.package === 'extra'))
    t.match(said, new RegExp(`to load [^:]*\\b${name}\\b`), name);
  t.match(
    warned.find(({ module }) => module === 'xxhash_generic'),
    {
      message:
        /^btrfs in core asks the kernel to load xxhash_generic.* \(as crypto-xxhash64\), which is in extra: /,
      mend: /^move xxhash_generic to core \(\+/,
      package: 'core',
    },
  );
  const whole = await splitOf(own('  - {name: core, rest: true}\n'), index);
  t.strictSame(
    ids(checkSplit(await gatherCheckInput(whole, { kernel, index, cache })), 'request-edge'),
    [],
    'nothing is missing where everything is installed',
  );
});

t.test('the rows of the table are about this kernel', async (t) => {
  const { modulesDir, release } = await resolveModuleTree([KERNEL], { cache });
  const index = await loadModuleIndex(modulesDir, release, cache);
  const stale = REQUEST_ROWS.filter(
    ([users, requests]) =>
      users.split(' ').some((name) => index.modules.has(name)) &&
      requests.split(' ').every((request) => index.resolve(request).kind === 'none'),
  );
  t.strictSame(stale, [], 'a request that nothing answers is misspelt or gone');
  t.ok(knownRequests(index).length > 90);
});

t.test('requests: any answer will do, a built-in too, and only what the tree has is missed', async (t) => {
  const index = treeOf({
    dep: 'kernel/fs/a.ko:\nkernel/fs/b.ko:\nkernel/crypto/slow.ko:\nkernel/crypto/fast.ko:',
    builtins: ['kernel/crypto/sha.ko'],
    aliases: { 'crypto-x': 'slow', 'crypto-y': 'fast', 'crypto-sha': 'sha' },
  });
  const split = await splitOf(
    own('  - {name: core, modules: [a, b]}\n  - {name: extra, depends: [core], rest: true}\n'),
    index,
  );
  const asked = (from: string, ...to: string[]) => ({ from, to, evidence: 'a test' });
  const said = (...requests: ReturnType<typeof asked>[]) =>
    ids(checkSplit({ split, index, requests }), 'request-edge').map(({ message }) => message);
  t.strictSame(said(asked('a', 'crypto-x'), asked('b', 'crypto-x')), [
    'a, b in core ask the kernel to load slow (as crypto-x), which is in extra: a test',
  ]);
  t.strictSame(said(asked('a', 'crypto-x', 'crypto-sha')), [], 'a built-in answers');
  t.strictSame(said(asked('a', 'crypto-x', 'b')), [], 'a module of the package answers');
  t.strictSame(said(asked('a', 'crypto-z')), [], 'this kernel has none');
  t.strictSame(said(asked('fast', 'crypto-x')), [], 'from above everything is there');
});

t.test("requests in a module's strings", async (t) => {
  const index = treeOf({
    dep: 'kernel/crypto/xts.ko:\nkernel/crypto/hmac.ko:\nkernel/crypto/zstd.ko:\nkernel/nvme/nvme_tcp.ko:\nkernel/nvme/nvme_fabrics.ko:\nkernel/fs/nls_utf8.ko:\nkernel/crypto/user.ko:',
    aliases: { 'crypto-xts': 'xts', 'crypto-hmac': 'hmac', 'crypto-zstd': 'zstd', 'crypto-user': 'user' },
  });
  const families = aliasFamilies(index);
  const edges = (from: string, asks: Parameters<typeof edgesOf>[1], ...strings: string[]) =>
    edgesOf(from, asks, strings, index, families).map(
      ({ to, severity }) => `${to.join(' ')} ${severity ?? 'warning'}`,
    );
  const cipher = new Set(['cipher'] as const);
  t.strictSame(edges('dm', cipher, 'authenc(hmac(sha1),xts(aes))', 'no algorithm (xts)', 'zstd', 'user'), [
    'crypto-hmac warning',
    'crypto-xts warning',
  ]);
  t.strictSame(edges('zram', new Set(['compressor'] as const), 'zstd', 'xts'), ['crypto-zstd warning']);
  t.strictSame(edges('vfat', new Set(['nls'] as const), 'utf8', 'xts'), ['nls_utf8 warning']);
  t.strictSame(
    edges('nvme_fabrics', new Set(['module'] as const), 'nvme-%s', '%s-%s', 'xts'),
    ['nvme_tcp note'],
    'itself left out; a word that is any word is no request',
  );
});

t.test('softdep lines that kmod passes over are said, with what leaves the package', async (t) => {
  const index = treeOf({
    dep: ['a', 'b', 'c', 'd'].map((name) => `kernel/fs/${name}.ko:`).join('\n'),
    soft: { b: { pre: ['c'] } },
    softdep:
      '# Soft dependencies\nsoftdep a c\nsoftdep b pre: c\nsoftdep b pre: d\nsoftdep c d post: a\nsoftdep d post: a\n',
  });
  const text = (rest: string) =>
    own(`  - {name: core, modules: [a, b, c${rest}]}\n  - {name: extra, depends: [core], rest: true}\n`);
  const said = async (rest: string) =>
    ids(checkSplit({ split: await splitOf(text(rest), index), index }), 'softdep-ignored').map(
      ({ severity, message }) => `${severity}: ${message}`,
    );
  t.strictSame(await said(''), [
    'warning: kmod ignores softdeps of b in core (a second line of one module): d; d is in extra',
    'warning: kmod ignores softdeps of c in core (no pre: or post: before them): d; d is in extra',
    'note: kmod ignores softdeps of a in core (no pre: or post: before them): c',
  ]);
  t.ok((await said(', d')).every((line) => line.startsWith('note:')));
});

t.test('cloud devices: a base of 17 names has one warning for each cloud', async (t) => {
  const { modulesDir, release } = await resolveModuleTree([KERNEL], { cache });
  const index = await loadModuleIndex(modulesDir, release, cache);
  const names =
    'virtio virtio_ring virtio_pci virtio_blk virtio_net ext4 jbd2 mbcache crc16 crc32c_generic fat vfat nls_cp437 nls_ascii loop dm_mod sd_mod';
  const split = await splitOf(
    own(
      `  - {name: base, modules: [${names.split(' ').join(', ')}]}\n  - {name: rest, depends: [base], rest: true}\n`,
    ),
    index,
  );
  const input = await gatherCheckInput(split, { kernel: { config: null }, index, cache }, { files: false });
  const clouds = ids(checkSplit(input), 'cloud-device');
  const kinds = new Set(input.clouds?.map(({ cloud }) => cloud));
  t.equal(clouds.length, kinds.size, clouds.map(({ message }) => message).join('\n'));
  const vmware = clouds.find(({ message }) => message.startsWith('VMware'));
  for (const driver of ['vmxnet3', 'vmw_pvscsi', 'mptspi', 'mptsas', 'vmw_vmci'])
    t.match(vmware?.message, driver, 'every device and driver is in the line');
  t.match(vmware?.mend, /^move .* to base \(\+/);
});

t.test('static questions are put to a bare folder of modules', async (t) => {
  const kernel = await resolveModuleTree([KERNEL], { cache });
  const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  const { path, remove } = folderOf({
    'a.yaml': own('  - {name: core, rest: true}\n'),
    'mods/modules.order': '',
  });
  t.teardown(remove);
  for (const name of ['virtio_blk', 'virtio', 'virtio_ring']) {
    const file = index.modules.get(name)?.path ?? '';
    mkdirSync(dirname(join(path, 'mods', file)), { recursive: true });
    copyFileSync(join(kernel.modulesDir, file), join(path, 'mods', file));
  }
  for (const [args, wanted] of [
    [['split', 'show', join(path, 'a.yaml')], /^core\s+3 /],
    [['split', 'check', join(path, 'a.yaml')], new RegExp(`^x on ${index.release}: 0 errors`, 'm')],
    [['split', 'size', join(path, 'a.yaml')], /^no vmlinuz, modules .* in 3$/m],
    [['modules', 'list'], /^virtio_blk\t\d+\tkernel\//m],
    [['modules', 'closure', 'virtio_blk'], /^3 total/m],
    [['modules', 'needs', 'virtio_blk'], /virtio_ring/],
  ] as const) {
    const { status, stdout, stderr } = bootgate(...args, '--kernel', join(path, 'mods'));
    t.equal(status, 0, `${args.slice(0, 2).join(' ')}: ${stderr}`);
    t.match(stdout, wanted);
  }
});
