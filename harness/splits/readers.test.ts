import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { BootgateError } from '../errors.js';
import type { ModuleIndex } from '../modules/module.js';
import { grepMatcher } from '../patterns/grep.js';
import { pythonMatcher } from '../patterns/python.js';
import { detectFormat } from './detect.js';
import { folderOf, treeOf } from './fixtures/tree.js';
import { findPackage, installSet } from './installsets.js';
import { splitFromPackages } from './packages.js';
import { readSplit } from './read.js';
import { FileTree, findFiles } from './shellfind.js';
import { ShellBeyond } from './shellwords.js';
import type { ReadSplitOptions, Split } from './split.js';

/** Each distribution's own matching rules, held against the tools that the distributions use. */

const homes = (split: Split) =>
  Object.fromEntries([...split.placement].map(([name, one]) => [name, one.package]).sort());

async function read(
  files: Record<string, string>,
  name: string,
  index: ModuleIndex,
  options?: ReadSplitOptions,
) {
  const { path, remove } = folderOf(files);
  try {
    return await readSplit(join(path, name), index, options);
  } finally {
    remove();
  }
}

const paths = `kernel/drivers/net/ethernet/intel/e1000/e1000.ko:
kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko: kernel/drivers/ptp/ptp.ko kernel/drivers/pps/pps_core.ko
kernel/drivers/net/ethernet/realtek/8139too.ko: kernel/drivers/net/mii.ko
kernel/drivers/net/mii.ko:
kernel/drivers/net/wireless/ath/ath.ko: kernel/net/wireless/cfg80211.ko
kernel/drivers/ptp/ptp.ko: kernel/drivers/pps/pps_core.ko
kernel/drivers/pps/pps_core.ko:
kernel/drivers/scsi/megaraid.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/megaraid/megaraid_sas.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/xxx_megaraid.ko:
kernel/drivers/scsi/scsi_mod.ko:
kernel/drivers/media/cec/core/cec.ko:
kernel/fs/affs/affs.ko:
kernel/fs/nfs/nfs.ko: kernel/net/sunrpc/sunrpc.ko
kernel/net/wireless/cfg80211.ko:
kernel/net/sunrpc/sunrpc.ko:
kernel/net/can/can.ko:
kernel/sound/core/snd.ko:
kernel/drivers/soundwire/soundwire-bus.ko:
kernel/drivers/base/regmap/regmap-sdw.ko: kernel/drivers/soundwire/soundwire-bus.ko`;
const tree = treeOf({ dep: paths, builtins: ['kernel/fs/ext4/ext4.ko'] });
const allPaths = [...tree.modules.values()].map(({ path }) => path);

t.test('patterns say what Python says', async (t) => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '/',
    '.',
    '[ab]',
    '[^a]',
    '[a-c]',
    '\\w',
    '\\.',
    '\\d',
    '(a|b/)',
    '(?:ab)',
    'ab',
    '-',
    '_',
  );
  const piece = fc
    .tuple(atom, fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '*?', '{,2}'))
    .map(([a, b]) => a + b);
  const pattern = fc
    .tuple(fc.array(piece, { maxLength: 5 }), fc.constantFrom('', '', '$', '|b', '^'))
    .map(([pieces, end]) => (end === '^' ? '^' : '') + pieces.join('') + (end === '^' ? '' : end));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '/', '.', '1', '-', '_'), maxLength: 8 });
  const cases = fc.sample(fc.tuple(pattern, text), 4000);
  const script =
    'import json,re,sys\nprint(json.dumps([bool(re.match(p,s)) for p,s in json.load(sys.stdin)]))';
  const python = spawnSync('python3', ['-c', script], { input: JSON.stringify(cases), encoding: 'utf8' });
  if (python.status !== 0) return void t.pass('not measured', { skip: 'python3 is not installed' });
  const wanted = JSON.parse(python.stdout) as boolean[];
  const wrong = cases.filter(([one, subject], at) => pythonMatcher(one).test(subject) !== wanted[at]);
  t.strictSame(wrong, []);
  t.ok(wanted.filter(Boolean).length > 500, 'many of them match');
});

t.test('patterns say what grep says', async (t) => {
  const patterns = [
    'drivers/scsi/megaraid/',
    'megaraid.ko',
    '/cec.ko',
    'net.*e1000',
    '[ae]100',
    'e1000.\\.ko',
    '*a',
    '^kernel/fs',
    'ko$',
    'x\\{2\\}',
    'a+b',
    '^*',
    '8139too?',
  ];
  for (const pattern of patterns) {
    const grep = spawnSync('grep', ['-e', pattern], {
      input: allPaths.join('\n'),
      encoding: 'utf8',
      env: { LC_ALL: 'C', PATH: process.env.PATH },
    });
    if (/\\[{}]/.test(pattern)) {
      t.throws(() => grepMatcher(pattern), { name: 'PatternError' });
      continue;
    }
    const matcher = grepMatcher(pattern);
    t.strictSame(
      allPaths.filter((path) => matcher.test(path)),
      grep.stdout.split('\n').filter(Boolean),
      pattern,
    );
  }
});

t.test('a pattern that keeps a backtracking engine busy for ever ends at once', async (t) => {
  const before = performance.now();
  for (const pattern of ['(a+)+$', '(a|a)*b', '(.*)*(.*)*(.*)*x', '(a?){50}a{50}'])
    pythonMatcher(pattern).test(`${'a'.repeat(5000)}!`);
  t.ok(performance.now() - before < 2000, `${Math.round(performance.now() - before)} ms`);
  for (const pattern of [
    '(?=a)',
    '(?!a)',
    '(a)\\1',
    '(?i)a',
    '\\bfoo',
    'a**',
    '(a',
    'a)',
    '[a',
    '*a',
    'a++',
    '\\',
    '(a{1000}){1000}',
    '[b-a]',
    'a{3,2}',
  ])
    t.throws(() => pythonMatcher(pattern), { name: 'PatternError' }, pattern);
});

t.test("Fedora's yaml: needs, wants, default, variants", async (t) => {
  const yaml = `packages:
  - name: core
  - name: modules
    depends-on: [core]
  - name: extra
    depends-on: [core, modules]
  - name: rt
    depends-on: [core]
    if_variant_in: [rt]
rules:
  - net/can/.*: rt
    if_variant_in: [rt]
  - drivers/net/.*: extra
  - drivers/net/mii.ko: core
  - drivers/scsi/scsi_mod.*: extra
  - drivers/scsi/.*: core
  - net/sunrpc/.*: extra
    exact_pkg: True
    ignore_deps: True
  - no/such/.*: core
  - default: modules
`;
  const split = await read({ 'def_variants.yaml': yaml }, 'def_variants.yaml', tree);
  t.match(homes(split), {
    mii: 'extra',
    megaraid: 'core',
    scsi_mod: 'core',
    sunrpc: 'extra',
    nfs: 'modules',
    can: 'modules',
  });
  t.match(split.placement.get('scsi_mod'), {
    wished: 'extra',
    why: /needed by megaraid in core/,
    rule: { line: 15 },
  });
  t.strictSame(
    split.unused.map(({ line }) => line),
    [20],
  );
  const rt = await read({ 'def_variants.yaml': yaml }, 'def_variants.yaml', tree, { variants: ['rt'] });
  t.equal(homes(rt).can, 'rt');
});

t.test("Fedora's filter scripts: what grep and the script's loops leave in core", async (t) => {
  const files = {
    'filter-modules.sh': `#! /bin/bash
overrides="cec"
driverdirs="media soundwire
  pps"
netdrvs="wireless"
scsidrvs="megaraid"
fsdrvs="affs"
netprots="can"
singlemods="megaraid regmap-sdw"
source ./filter-$2.sh
`,
    'filter-x86_64.sh': '# replaces the whole variable\nnetprots="wireless"\n',
    'mod-extra.list': 'sunrpc.ko\naffs.ko\nno-such.ko\n',
  };
  const split = await read(files, '.', tree, { arch: 'x86_64' });
  // The script's own way: grep -v takes paths out one pattern after the other, the overrides come back.
  const patterns = [
    'drivers/media/',
    'drivers/soundwire/',
    'drivers/pps/',
    'drivers/net/wireless/',
    'drivers/scsi/megaraid/',
    'fs/affs/',
    'kernel/net/wireless/',
    'kernel/sound/',
    'megaraid.ko',
    'regmap-sdw.ko',
  ];
  const taken = execFileSync(
    'grep',
    patterns.flatMap((one) => ['-e', one]),
    { input: allPaths.join('\n'), encoding: 'utf8' },
  ).split('\n');
  const wanted = Object.fromEntries(
    [...tree.modules.values()]
      .map(({ name, path }) => {
        if (name === 'affs') return [name, 'kernel-modules-extra'];
        return [name, taken.includes(path) && name !== 'cec' ? 'kernel-modules' : 'kernel-core'];
      })
      .sort(),
  );
  t.strictSame(homes(split), wanted);
  t.match(
    split.placement.get('sunrpc'),
    { wished: 'kernel-modules-extra', why: /nfs/ },
    'a listed module that another needs is kept',
  );
  t.match(
    split.placement.get('xxx_megaraid'),
    { rule: { text: 'singlemods: megaraid', line: 9 } },
    'grep is not anchored',
  );
  t.match(split.placement.get('pps_core')?.rule, { line: 4 }, 'words keep their line');
  t.strictSame(
    split.unused.map(({ text }) => text),
    ['no-such.ko', 'fsdrvs: affs'],
    'the list has taken affs before the filter could',
  );
});

t.test("Ubuntu's inclusion list: what bash and find take, and what that needs", async (t) => {
  const lines = [
    'drivers/net/ethernet/intel/*',
    'drivers/net/{mii,wire*}*',
    'drivers/scsi/[sx]*',
    'net/can/can.ko',
    'fs/nf?/*',
    'no/such.ko',
    'fs/ext4/ext4.ko',
    'drivers/net/ethernet/r*ltek',
  ];
  const split = await read(
    { 'generic.inclusion-list': `${lines.join('\n')}\n` },
    'generic.inclusion-list',
    tree,
  );
  const { path, remove } = folderOf({});
  t.teardown(remove);
  for (const one of allPaths) {
    mkdirSync(dirname(join(path, one)), { recursive: true });
    writeFileSync(join(path, one), '');
  }
  const found = lines.flatMap((line) =>
    line.includes('*')
      ? execFileSync('bash', ['-c', `eval find "${line}" -name "*.ko"`], {
          cwd: join(path, 'kernel'),
          encoding: 'utf8',
        }).split('\n')
      : [line],
  );
  const listed = [...tree.modules.values()].filter((one) => found.includes(one.path.slice('kernel/'.length)));
  const inside = new Set(listed.flatMap(({ name, depends }) => [name, ...depends]));
  t.ok(inside.has('pps_core') && inside.size > 8);
  t.strictSame(
    [...split.placement]
      .filter(([, one]) => one.package === 'linux-modules')
      .map(([name]) => name)
      .sort(),
    [...inside].sort(),
  );
  t.equal(split.placement.get('ptp')?.why, 'needed by e1000e');
  t.strictSame(
    split.notes.map(({ id, place }) => [id, place?.line]),
    [['module-missing', 6]],
  );
  t.strictSame(
    split.unused.map(({ line }) => line),
    [6, 7],
    'a built-in is no mistake, but the line does nothing',
  );
});

t.test("Ubuntu's inclusion list: find is understood, and never run", async (t) => {
  const list = `! find sound/core -name oss -prune -o -name *.ko -print
! find drivers/net -type f -name "*.ko" | grep -v wireless | grep 'e1000\\.'
! rm -rf / ; touch /tmp/bootgate-was-here
! find fs -name '*.ko' -exec rm {} +
fs/nfs/nfs.ko
`;
  const index = treeOf({
    dep: `${paths}\nkernel/sound/core/oss/snd-pcm-oss.ko: kernel/sound/core/snd.ko\nkernel/sound/core/seq/snd-seq.ko:\nkernel/sound/pci/snd-ens1370.ko:`,
  });
  const split = await read({ 'generic.inclusion-list': list }, 'generic.inclusion-list', index);
  const inside = Object.entries(homes(split)).flatMap(([name, home]) =>
    home === 'linux-modules' ? [name] : [],
  );
  t.strictSame(inside, ['e1000', 'nfs', 'snd', 'snd_seq', 'sunrpc']);
  t.match(split.placement.get('snd_seq')?.rule, { line: 1 });
  t.strictSame(
    split.notes.map(({ id, severity, place }) => [id, severity, place?.line]),
    [
      ['command-skipped', 'warning', 3],
      ['command-skipped', 'warning', 4],
    ],
  );
  t.match(split.notes[1]?.message, /find's -exec is not supported \(column 24\)/);
});

/** A glob that comes to several words makes an expression that find refuses too. */
function orNothing(command: string, files: readonly string[]): string[] {
  try {
    return findFiles(command, new FileTree(files));
  } catch (error) {
    if (error instanceof ShellBeyond) return [];
    throw error;
  }
}

t.test('what find prints, asked of find itself', async (t) => {
  const files = [
    'sound/core/snd.ko',
    'sound/core/oss/snd-mixer-oss.ko',
    'sound/core/oss-emul/x.ko',
    'sound/core/seq/oss/y.ko',
    'sound/core/seq/z.ko',
    'sound/soundcore.ko',
    'fs/nfs/nfs.ko',
    'fs/nfsd/nfsd.ko',
    'fs/ext4.ko',
    'net/a/b/c/d.ko',
    'top.ko',
  ];
  const { path, remove } = folderOf(Object.fromEntries(files.map((file) => [file, ''])));
  t.teardown(remove);
  const start = fc.constantFrom(
    'sound',
    'sound/core',
    'fs',
    'fs/nfs*',
    '{fs,net}',
    '.',
    './sound',
    'absent',
    'fs/',
    './',
    './fs//',
  );
  const word = fc.constantFrom(
    'oss',
    '*.ko',
    '"*.ko"',
    "'snd*'",
    'oss*',
    'n[ef]*',
    '*s',
    '*/core/*',
    'sound/core/oss',
    '*oss?*',
  );
  const test = fc.oneof(
    word.map((one) => `-name ${one}`),
    word.map((one) => `-path ${one}`),
    fc.constantFrom('-type f', '-type d', '-prune', '-print', '-true', '-false'),
  );
  const not = fc.tuple(fc.constantFrom('', '', '! ', '-not '), test).map(([mark, one]) => mark + one);
  const chain = fc
    .array(fc.tuple(not, fc.constantFrom(' ', ' -a ', ' -o ', ' -or ')), { minLength: 1, maxLength: 5 })
    .map((all) => all.map(([one, glue], at) => one + (at < all.length - 1 ? glue : '')).join(''));
  const grouped = fc
    .tuple(chain, chain, fc.constantFrom(' ', ' -o '))
    .map(([a, b, glue]) => `\\( ${a} \\)${glue}'(' ${b} ')'`);
  const pipe = fc.constantFrom(
    '',
    '',
    ' | grep -v oss',
    " | grep 'oss$'",
    ' | grep -e "nfs\\." | sort -u',
    ' | sort',
  );
  const command = fc
    .tuple(fc.array(start, { maxLength: 2 }), fc.oneof(chain, grouped, fc.constant('')), pipe)
    .map(([starts, expression, filters]) => `find ${starts.join(' ')} ${expression}${filters}`);
  const commands = [
    'find sound/core -name oss -prune -o -name *.ko -print',
    'find net -mindepth 2 -maxdepth 3',
    'find fs/ -path *s -o -prune',
    "find . -name '*.ko' -o -prune",
    ...fc.sample(command, 400),
  ].filter((one) => !/"[^"]*\\/.test(one));
  const script = commands.map((one) => `{ ${one}; } 2>/dev/null; echo ---`).join('\n');
  const real = spawnSync('bash', [], { input: script, cwd: path, encoding: 'utf8', maxBuffer: 1 << 28 })
    .stdout.split('---\n')
    .slice(0, -1);
  t.equal(real.length, commands.length, 'find answered all of them');
  const sorted = (lines: readonly string[]) =>
    [...new Set(lines.map((one) => one.replace(/\/+/g, '/').replace(/^\.\//, '')))].sort();
  const wrong = commands.flatMap((one, at) => {
    const wanted = sorted(
      (real[at] ?? '')
        .split('\n')
        .filter((line) => files.includes(line.replace(/\/+/g, '/').replace(/^\.\//, ''))),
    );
    const found = sorted(orNothing(one, files).filter((line) => files.includes(line)));
    return wanted.join() === found.join() ? [] : [{ one, wanted, found }];
  });
  t.strictSame(wrong, []);
  t.ok(real.filter(Boolean).length > 100, 'many of them print something');
});

t.test("SUSE's supported.conf", async (t) => {
  const conf = `# comment
+base		drivers/net/ethernet/intel/e1000e/e1000e	# fate
		drivers/ptp/ptp
		drivers/pps/pps-core drivers/scsi/scsi_mod \\
		drivers/elsewhere/megaraid
-		drivers/net/wireless/*
+external	fs/nfs/nfs
+can-kmp	net/can/can
-		net/can/can
-!optional	fs/affs/affs
-		net/sunrpc/sunrpc
-		drivers/media/*
		drivers/media/cec/core/cec
`;
  const split = await read({ 'supported.conf': conf }, 'supported.conf', tree);
  t.match(homes(split), {
    e1000e: 'kernel-default-base',
    ptp: 'kernel-default-base',
    pps_core: 'kernel-default-base',
    scsi_mod: 'kernel-default',
    megaraid: 'kernel-default',
    nfs: 'kernel-default',
    can: 'can-kmp',
    ath: 'kernel-default-extra',
    affs: 'kernel-default-optional',
    mii: 'kernel-default-extra',
    cec: 'kernel-default-extra',
    sunrpc: 'kernel-default',
  });
  t.match(split.placement.get('ptp'), { wished: 'kernel-default', why: /e1000e/, rule: { line: 3 } });
  t.match(
    split.placement.get('megaraid')?.rule,
    { line: 5 },
    'the last component of a path is enough, and a continued line keeps its own number',
  );
  t.match(split.placement.get('can')?.rule, { line: 8 }, 'a KMP has its modules whatever else is said');
  t.match(split.placement.get('cec')?.rule, { line: 12 }, 'the first line that matches wins');
  t.match(split.placement.get('sunrpc'), { wished: 'kernel-default-extra', why: /nfs/ }, 'split-modules -i');
  t.match(
    split.notes.find(({ id }) => id === 'supported-needs-unsupported'),
    { module: 'nfs', severity: 'warning', message: /needs sunrpc/ },
  );
  const kmpFirst = await read(
    { 'supported.conf': '-	net/can/can\n+can-kmp	net/can/can\n' },
    'supported.conf',
    tree,
  );
  t.equal(homes(kmpFirst).can, 'can-kmp');
});

t.test("SUSE's base package: a word list with macros, closed over softdeps too", async (t) => {
  const index = treeOf({
    dep: paths,
    builtins: ['kernel/fs/ext4/ext4.ko'],
    softdep: 'softdep nfs affs pre: can\n',
  });
  const spec =
    '%define nets e1000e, \\\n  8139too\n%define none %{nil}\n%define modules %nets nfs ext4 %none no-such\nName: x\n';
  const split = await read({ 'base.spec': spec }, 'base.spec', index);
  const base = [...split.placement]
    .filter(([, one]) => one.package === 'kernel-default-base')
    .map(([name]) => name);
  t.strictSame(
    base.sort(),
    ['8139too', 'affs', 'can', 'e1000e', 'mii', 'nfs', 'pps_core', 'ptp', 'sunrpc'].sort(),
  );
  t.match(
    split.placement.get('affs'),
    { why: 'a softdep of nfs' },
    'words before pre: count, as in mergedep',
  );
  t.equal(split.placement.get('8139too')?.rule?.line, 2);
  t.strictSame(
    split.unused.map(({ text, line }) => [text, line]),
    [['no-such', 4]],
  );
});

t.test('built packages: what the files contain, and what their control data says', async (t) => {
  const split = splitFromPackages(
    [
      {
        name: 'kernel',
        version: '1',
        file: 'kernel.rpm',
        modules: [],
        depends: ['kernel-core-uname-r = 1', 'kernel-modules-uname-r = 1'],
      },
      {
        name: 'kernel-core',
        version: '1',
        file: 'core.rpm',
        modules: [],
        depends: ['kernel-modules-core-uname-r = 1', '/bin/sh'],
        provides: ['kernel-core-uname-r = 1', 'kernel-uname-r = 1'],
      },
      {
        name: 'kernel-modules-core',
        version: '1',
        file: 'mc.rpm',
        modules: ['kernel/fs/nfs/nfs.ko.xz', 'kernel/fs/affs/affs.ko.xz'],
        depends: ['kernel-uname-r = 1'],
        provides: ['kernel-modules-core-uname-r = 1'],
      },
      {
        name: 'kernel-modules',
        version: '2',
        file: 'm.rpm',
        modules: ['kernel/net/sunrpc/sunrpc.ko.xz', 'kernel/fs/affs/affs.ko.xz', 'kernel/x/strange.ko'],
        depends: ['kernel-modules-core (>= 1)', 'libc6 | kernel-core'],
        provides: ['kernel-modules-uname-r = 1'],
      },
    ],
    tree,
  );
  t.strictSame(homes(split), {
    affs: 'kernel-modules-core',
    nfs: 'kernel-modules-core',
    sunrpc: 'kernel-modules',
  });
  t.strictSame(split.twice.get('affs'), ['kernel-modules-core', 'kernel-modules']);
  t.strictSame(
    split.packages.map(({ name, depends, meta }) => [name, depends.join(), meta ?? false]),
    [
      ['kernel', 'kernel-core,kernel-modules', true],
      ['kernel-core', 'kernel-modules-core', true],
      ['kernel-modules-core', 'kernel-core', false],
      ['kernel-modules', 'kernel-modules-core,kernel-core', false],
    ],
  );
  t.strictSame(split.notes.map(({ id }) => id).sort(), [
    'package-cycle',
    'release-mixed',
    'version-ignored',
    'version-mixed',
  ]);
});

t.test('52 udebs: a package is found without its ABI, and nothing prints 52 paths', async (t) => {
  const built = Array.from({ length: 52 }, (_, at) => ({
    name: `${['scsi', 'scsi-core', 'nic', 'nic-shared'][at] ?? `some${at}`}-modules-6.1.0-56-amd64-di`,
    version: '6.1.192-2',
    file: `some-long-name-${at}-modules-6.1.0-56-amd64-di_6.1.192-2_amd64.udeb`,
    modules: at === 0 ? ['kernel/drivers/scsi/scsi_mod.ko'] : [],
    depends: [],
    provides: [],
  }));
  const split = splitFromPackages(built, tree);
  t.equal(findPackage(split, 'scsi-modules'), 'scsi-modules-6.1.0-56-amd64-di');
  t.equal(findPackage(split, 'scsi'), undefined, 'half a name is none');
  t.strictSame(installSet(split, ['scsi-modules'], tree).modules, ['scsi_mod']);
  try {
    installSet(split, ['scsi-module'], tree);
    t.fail('nothing was thrown');
  } catch (error) {
    const { message, hint, problems } = error as BootgateError;
    t.match(problems[0]?.message, /unknown package scsi-module \(did you mean scsi-modules/);
    for (const text of [message, hint ?? '', ...problems.map((one) => one.message)])
      t.ok(text.length < 500, `${text.length} characters: ${text}`);
  }
});

t.test('a format is known by name, by content, or is asked for', async (t) => {
  const { path, remove } = folderOf({
    'a/supported.conf': '',
    'b/def_variants.yaml.rhel': '',
    'c/rules.yaml': 'packages:\n - name: a\nrules: []\n',
    'c/own.yaml': 'version: 1\nname: x\npackages: []\n',
    'c/base.spec': '%define modules a b\n',
    'c/strange.txt': 'hm\n',
    'd/package-list': '',
    'd/modules/amd64/x': '',
    'd/amd64.inclusion-list': '',
    'e/one.inclusion-list': '',
    'e/two.inclusion-list': '',
    'f/README': '',
  });
  t.teardown(remove);
  const format = (name: string) => detectFormat(join(path, name)).format.name;
  t.strictSame(
    ['a', 'b', 'c/rules.yaml', 'c/own.yaml', 'c/base.spec', 'd/package-list', 'e/one.inclusion-list'].map(
      format,
    ),
    [
      'suse-supported',
      'fedora-variants',
      'fedora-variants',
      'bootgate',
      'suse-base',
      'kernel-wedge',
      'ubuntu',
    ],
  );
  t.equal(detectFormat(join(path, 'd'), 'kernel-wedge').format.name, 'kernel-wedge');
  for (const [name, words] of [
    ['c/strange.txt', /cannot tell the format/],
    ['d', /several formats: ubuntu, kernel-wedge/],
    ['e', /2 files/],
    ['f', /no split/],
    ['nowhere', /there is no split/],
  ] as const)
    t.throws(() => detectFormat(join(path, name)), { message: words, blame: 'user' });
});

t.test('built packages have names without release, and are found by either', async (t) => {
  const file = (name: string, modules: string[], depends: string[] = []) => ({
    name,
    version: '1',
    file: `${name}.deb`,
    modules,
    depends,
  });
  const release = tree.release;
  const built = (abi: string) =>
    splitFromPackages(
      [
        file('linux-image-amd64', [], [`linux-image-${abi}`]),
        file(`linux-image-${abi}`, ['kernel/fs/nfs/nfs.ko.xz'], [`linux-modules-${abi} (= 1)`]),
        file(`linux-modules-${abi}`, ['kernel/net/sunrpc/sunrpc.ko.xz']),
        file(`scsi-modules-${abi}-di`, ['kernel/fs/affs/affs.ko.xz']),
      ],
      { ...tree, release: abi, resolve: tree.resolve.bind(tree) },
    );
  for (const abi of [release, '9.9.0-57-amd64']) {
    const split = built(abi);
    t.strictSame(
      split.packages.map(({ name, depends }) => [name, depends.join()]),
      [
        ['linux-image-amd64', 'linux-image'],
        ['linux-image', 'linux-modules'],
        ['linux-modules', ''],
        ['scsi-modules', ''],
      ],
    );
    for (const word of ['linux-modules', `linux-modules-${abi}`, 'linux-modules-9.9.0-56-amd64'])
      t.equal(findPackage(split, word), 'linux-modules', word);
  }
});
