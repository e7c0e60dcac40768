import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { BootgateError } from '../errors.js';
import { resolveKernel } from '../kernel/resolve.js';
import { packageRoot } from '../paths.js';
import { loadModuleIndex } from './index.js';
import { setFromList } from './set.js';

/** Lists as other tools print and read them. What kmod prints is taken from kmod itself where this machine has it. */

const cache = new Cache();
const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);

const read = (text: string, options = {}) => setFromList(index, text, 'my.list', options);
const listed = (text: string, options = {}) => {
  const set = read(text, options);
  const added = new Set(set.additions.map(({ module }) => module));
  return { names: set.names.filter((name) => !added.has(name)), warnings: set.warnings };
};
const errorOf = (text: string): BootgateError => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof BootgateError) return error;
    throw error;
  }
  throw new Error(`taken as a list: ${text}`);
};

const LSMOD = `Module                  Size  Used by
nls_ascii              16384  0
ext4                 1019904  1
mbcache                16384  1 ext4
loop                   40960  2
virtio-net             86016  0 [permanent]
`;
const R = '6.0.0-1-other';

/** Text, what it is read as, the names that it comes to. Formats are those of the tools' manuals. */
const FORMS: [string, RegExp | null, string[]][] = [
  [LSMOD, /lsmod output/, ['ext4', 'loop', 'mbcache', 'nls_ascii', 'virtio_net']],
  [
    LSMOD.split('\n').slice(1).join('\n'),
    /lsmod output/,
    ['ext4', 'loop', 'mbcache', 'nls_ascii', 'virtio_net'],
  ],
  [
    'ext4 1019904 1 - Live 0x0000000000000000\nmbcache 16384 1 ext4, Live 0xffffffffc0a0e000 (E)\n',
    /\/proc\/modules/,
    ['ext4', 'mbcache'],
  ],
  [
    'kernel/fs/fat/vfat.ko.zst: kernel/fs/fat/fat.ko.zst\nkernel/fs/xfs/xfs.ko:\n',
    /modules\.dep/,
    ['fat', 'vfat', 'xfs'],
  ],
  [
    `insmod /lib/modules/${R}/kernel/drivers/block/loop.ko.xz max_loop=8\nbuiltin unix\n`,
    /insmod lines/,
    ['loop'],
  ],
  ['modprobe -q loop max_loop=8\nmodprobe ext4\n', /modprobe lines/, ['ext4', 'loop']],
  [
    `/lib/modules/${R}/kernel/fs/moved/xfs.ko\n./usr/lib/modules/${R}/updates/ext4.ko.zst\n/root/build/vfat.ko\n`,
    /paths of module files/,
    ['ext4', 'vfat', 'xfs'],
  ],
  [
    `.\nusr\nusr/bin/kmod\nusr/lib/modules/${R}/modules.dep\nusr/lib/modules/${R}/kernel/fs/xfs/xfs.ko\nlib -> usr/lib\n`,
    /paths of module files/,
    ['xfs'],
  ],
  [
    `drwxr-xr-x   2 root     root            0 Jan  1  1970 usr/lib\n-rw-r--r--   1 root     root      3000000 Jan  1  1970 usr/lib/modules/${R}/kernel/fs/xfs/xfs.ko.xz\n`,
    /paths of module files/,
    ['xfs'],
  ],
  ['# /etc/modules\nloop max_loop=8\next4\n', /names with options/, ['ext4', 'loop']],
  ['; modules-load.d\n# both\nloop\n', null, ['loop']],
  [
    'add_drivers+=" ext4 loop \\\n vfat "\nhostonly="no"\nomit_drivers+=" loop "\n',
    /dracut/,
    ['ext4', 'vfat'],
  ],
  [
    'HOOKS=(base udev block)\nMODULES=(ext4 zork?\n  loop)  # why\nBINARIES=()\n',
    /mkinitcpio/,
    ['ext4', 'loop'],
  ],
  ['MODULES="ext4 loop"\n', /mkinitcpio/, ['ext4', 'loop']],
  [
    '{ config, lib, ... }:\n{\n  boot.initrd.availableKernelModules = [ "nvme" # "xfs"\n    "ext4" ];\n  boot.kernelModules = [ "loop" ];\n  boot.blacklistedKernelModules = [ "nvme" ];\n}\n',
    /NixOS/,
    ['ext4', 'loop'],
  ],
  [
    'machine:\n  kernel:\n    modules:\n      - name: ext4\n      - name: loop\n        parameters:\n          - max_loop=8\n',
    /Talos's machine/,
    ['ext4', 'loop'],
  ],
  ['kernel/fs/ext4/ext4.ko\nmodules.order\nmodules.builtin\n', /as Talos has it/, ['ext4']],
  [
    'compression: zstd\nmodules: ext4,loop,-vfat\nmodules_force_load: nvme\n',
    /booster/,
    ['ext4', 'loop', 'nvme'],
  ],
  ['["ext4", "virtio-net"]', /--json/, ['ext4', 'virtio_net']],
  ['ext4\n-loop\nkernel/fs/xfs/\n', null, ['ext4', 'xfs']],
];

t.test('each form is recognised, and which is said', async (t) => {
  for (const [text, form, names] of FORMS) {
    const found = listed(text);
    t.same(found.names, names, text);
    const said = found.warnings.filter((one) => /read as/.test(one));
    if (form) t.match(said, [form], text);
    else t.same(said, [], text);
  }
});

t.test('what kmod prints of this kernel is read back whole', async (t) => {
  const dep = execFileSync('cat', [join(index.texts.dir, 'modules.dep')], { encoding: 'utf8' });
  t.equal(read(dep).names.length, index.modules.size, 'modules.dep itself');
  const lsmod = spawnSync('lsmod', { encoding: 'utf8' });
  if (lsmod.status === 0 && lsmod.stdout)
    t.ok(read(lsmod.stdout, { allowMissing: true }), 'the lsmod of this machine');
});

t.test("bootgate's own output, both forms, and standard input", async (t) => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const run = (args: string[], input?: string) =>
    spawnSync(process.execPath, [main, 'modules', 'list', '--kernel', 'apt:linux-image-amd64', ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      ...(input === undefined ? {} : { input }),
    });
  const first = run(['--modules', '-'], LSMOD);
  t.equal(first.status, 0, first.stderr);
  t.match(first.stderr, /standard input: read as lsmod output/);
  const text = join(t.testdir(), 'own.txt');
  writeFileSync(text, first.stdout);
  const again = run(['--modules', text, '--json']);
  const answer = JSON.parse(again.stdout) as { source: string; modules: { name: string }[] };
  t.same(
    answer.modules.map(({ name }) => name),
    first.stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0]),
  );
  t.same(
    read(again.stdout).names,
    answer.modules.map(({ name }) => name),
    'as JSON',
  );
  t.equal(run(['--modules', '-', '--json'], again.stdout).status, 0);
});

t.test('aliases resolve as modprobe resolves them', async (t) => {
  for (const alias of ['crc32c', 'ext3', 'fs-xfs', 'sha256', 'virtio:d00000002v00001AF4']) {
    const found = index.resolve(alias);
    t.equal(found.kind, 'modules', alias);
    t.same(listed(`${alias}\n`).names, [...(found.kind === 'modules' ? found.names : [])].sort(), alias);
  }
  t.match(errorOf('fs-zork\n').problems, [{ message: /there is no module "fs-zork"/ }]);
});

t.test('options are refused with a sentence, names that are gone only with --allow-missing', async (t) => {
  t.match(listed('loop max_loop=8\n').warnings, [
    /names with options/,
    /module options are not passed.*1 \(loop\)/,
  ]);
  const [builtin = ''] = index.builtins.keys();
  const gone = `${builtin}\nloop\nzork\nkernel/drivers/zork/\n`;
  t.equal(errorOf(gone).problems.length, 2);
  t.match(errorOf(gone).message, /2 lines/);
  const found = listed(gone, { allowMissing: true });
  t.same(found.names, ['loop']);
  t.match(found.warnings, [
    new RegExp(`built in: 1 \\(${builtin}\\)`),
    /not in .*: 2 \(zork, kernel\/drivers\/zork\/\)/,
  ]);
});

t.test('what is no list is refused as before, and nothing of it is quoted', async (t) => {
  for (const secret of [
    'root:x:0:0:root:/root:/bin/bash\n',
    'PASSWORD=hunter2\n',
    'ext4\nexport TOKEN=hunter2\n',
    '{"password": "hunter2"}\n',
    'user hunter2 secret\n',
    'ssh-rsa AAAAhunter2 me@host\n',
    'version: 1\npassword: hunter2\n',
    'https://user:hunter2@host/\n',
    'machine:\n  token: hunter2\n',
  ]) {
    const error = errorOf(secret);
    t.match(error.message, /is not a module list/, secret);
    t.notMatch(JSON.stringify([error.message, error.problems, error.hint]), /hunter2|root:/, secret);
  }
});
