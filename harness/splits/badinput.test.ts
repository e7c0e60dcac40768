import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { Cache } from '../cache.js';
import { BootgateError, exitCodeOf, placeOf } from '../errors.js';
import { resolveKernel } from '../kernel/resolve.js';
import { folderOf, treeOf } from './fixtures/tree.js';
import { chosenSets, installSet, parseInstall } from './installsets.js';
import { readSplit } from './read.js';
import type { ReadSplitOptions } from './split.js';
import { checkSplit } from './staticcheck.js';

t.setTimeout(300_000);

/** Wrong input ends with exit code 2, every problem at once, each with its place. */

const index = treeOf({
  dep: 'kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\nkernel/fs/jbd2/jbd2.ko:\nkernel/net/can/can.ko:\n',
});

async function errorOf(files: Record<string, string | Uint8Array>, name: string, options?: ReadSplitOptions) {
  const { path, remove } = folderOf(files);
  try {
    await readSplit(join(path, name), index, options);
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    return {
      code: error.code,
      exit: exitCodeOf(error),
      problems: error.problems.map(
        (one) => `${placeOf(one).replace(`${path}/`, '').replace(/^.*\//, '')} ${one.message}`,
      ),
    };
  } finally {
    remove();
  }
  throw new Error('nothing was thrown');
}

const fedora = (rules: string, packages = '  - name: core\n  - name: extra\n    depends-on: [core]\n') =>
  `packages:\n${packages}rules:\n${rules}`;
const doubling = (count: number) =>
  Array.from({ length: count }, (_, at) => `%define m${at} %m${at + 1} %m${at + 1}\n`).join('');
const own = (packages: string) => `version: 1\nname: x\npackages:\n${packages}`;

const cases: [string, Record<string, string | Uint8Array>, string, RegExp[]][] = [
  [
    'unknown packages in rules, with the nearest names, and patterns that do not compile: all of them',
    {
      'def_variants.yaml': fedora(
        '  - fs/.*: croe\n  - net/(can: core\n  - net/.*: core\n    exact_pkg: maybe\n  - x: core\n    ignore_deps: True\n  - a\\b: extra\n',
      ),
    },
    'def_variants.yaml',
    [
      /:6:\d+ .*unknown package croe \(did you mean core\?\)/,
      /:7:\d+ .*at character 5: missing \)/,
      /:9:\d+ .*true or false/,
      /:11:\d+ .*exact_pkg/,
      /:12:\d+ .*\\b is not supported/,
    ],
  ],
  [
    'more shell commands than a list of people has: each would look at every file of the tree',
    { 'generic.inclusion-list': '! fs/no.ko\n'.repeat(14_000) },
    'generic.inclusion-list',
    [/:201:1 .*more than 200 shell commands/],
  ],
  [
    'packages that depend on a later or unknown one, or are declared twice',
    {
      'def_variants.yaml': fedora(
        '  - default: a\n',
        '  - name: a\n    depends-on: [b]\n  - name: b\n    depends-on: [a, cc]\n  - name: a\n',
      ),
    },
    'def_variants.yaml',
    [/:3:\d+ .*b must be declared before/, /:5:\d+ .*unknown package cc/, /:6:\d+ .*declared twice/],
  ],
  [
    'our own: unknown and circular dependencies, two rests, wrong sizes and keys',
    {
      'a.yaml': own(
        '  - {name: a, depends: [b], rest: true}\n  - {name: b, depends: [a, nowhere], rest: true, modules: ["[z"]}\n',
      ),
    },
    'a.yaml',
    [
      /:5:\d+ .*unknown package nowhere/,
      /:4:\d+ .*circle: a -> b -> a/,
      /:5:\d+ .*only one package/,
      /:5:\d+ .*unterminated \[/,
    ],
  ],
  [
    'our own: what the schema refuses',
    { 'a.yaml': own('  - {name: a, budgte: 3}\n  - {name: b, budget: heavy}\n') },
    'a.yaml',
    [/:4:\d+ .*budgte: unknown key \(did you mean budget/, /:5:\d+ .*budget: .*size/],
  ],
  [
    'our own: package names that mean something else',
    { 'a.yaml': own('  - {name: each, rest: true}\n  - {name: total}\n') },
    'a.yaml',
    [/:4:\d+ .*name: no package can/, /:5:\d+ .*name: no package can/],
  ],
  [
    'our own: a budget that could be on a package or on all modules',
    { 'a.yaml': `${own('  - {name: modules, rest: true}\n')}budgets: {modules: 1 MiB}\n` },
    'a.yaml',
    [/:5:\d+ .*package named modules or all modules/],
  ],
  [
    'our own: Latin-1',
    { 'a.yaml': Buffer.from(`${own('  - {name: a, rest: true}\n')}# gr\u00fc\u00dfe\n`, 'latin1') },
    'a.yaml',
    [/:5:5 byte 0xfc is not UTF-8/],
  ],
  [
    "Fedora's variants: Latin-1",
    { 'def_variants.yaml': Buffer.from(fedora('  - b\u00e4r: core\n'), 'latin1') },
    'def_variants.yaml',
    [/:6:6 byte 0xe4 is not UTF-8/],
  ],
  [
    'kernel-wedge: includes that loop, files and modules that are not there, folders that are not there',
    {
      'package-list': 'Package: a\nDepends: b\nDescription: x\n\nPackage: b\nDepends: a\nStrange: y\n',
      'modules/amd64/a': '#include <common>\next4\n',
      'modules/amd64/b': 'jbd2\n',
      'modules/common': '#include <common>\n',
    },
    '.',
    [/^package-list:7:1 unknown field Strange/, /^package-list:1:1 .*circle: a -> b -> a/],
  ],
  [
    'kernel-wedge: in the lists',
    {
      'package-list': 'Package: a\nDescription: x\n\nPackage: b\nDescription: x\n',
      'modules/amd64/a': '#include <common>\next5\nfs/nowhere/*\n',
      'modules/amd64/b': '#include "absent"\n',
      'modules/common': '#include <common>\n',
    },
    '.',
    [
      /^common:1:1 .*a second time/,
      /^a:3:1 .*folder that is not there: fs\/nowhere/,
      /^a:2:1 missing module ext5 \(did you mean ext4/,
      /^b:1:1 cannot read/,
    ],
  ],
  [
    'Ubuntu: globs that the shell would expand further',
    { 'x.inclusion-list': 'fs/*\nfs/$(reboot)*\n' },
    'x.inclusion-list',
    [/:2:4 .*shell/],
  ],
  ['a list with CR LF', { 'x.inclusion-list': 'fs/ext4/ext4.ko\r\n' }, 'x.inclusion-list', [/:1:16 .*CR LF/]],
  [
    'a list in Latin-1',
    { 'supported.conf': Buffer.from('# gr\u00fc\u00dfe\nfs/ext4/ext4\n', 'latin1') },
    'supported.conf',
    [/:1:5 byte 0xfc is not UTF-8/],
  ],
  [
    'a list in UTF-8 with one wrong byte far down',
    {
      'supported.conf': Buffer.concat([
        Buffer.from(`# grüße\n${'fs/ext4/ext4\n'.repeat(500)}ab`),
        Buffer.from([0xff]),
        Buffer.from('\n'),
      ]),
    },
    'supported.conf',
    [/:502:3 byte 0xff/],
  ],
  ['a list with a NUL', { 'supported.conf': 'fs\0' }, 'supported.conf', [/:1:3 a NUL/]],
  [
    'filter scripts that the shell would expand',
    { 'filter-modules.sh': 'fsdrvs="a $more"\nnetdrvs="`ls`"\nsinglemods="x\\(y"\n' },
    'filter-modules.sh',
    [/:1:11 .*\$/, /:2:\d+ .*`/, /:3:\d+ .*grep/],
  ],
  [
    'SUSE: macros that are not there, or contain each other',
    { 'x.spec': '%define modules %a %nope b/c\n%define a %b\n%define b %a\n' },
    'x.spec',
    [/:1:20 .*nope/, /:1:26 .*not a module name/, /:3:11 .*contain each other/],
  ],
  [
    'SUSE: macros that double',
    { 'x.spec': `%define modules %m0 %m0\n${doubling(60)}%define m60 ext4\n` },
    'x.spec',
    [/more than 100000 words/],
  ],
  [
    'SUSE: macros that are too deep in one another',
    {
      'x.spec': `%define modules %m0\n${Array.from({ length: 500 }, (_, at) => `%define m${at} %m${at + 1}\n`).join('')}%define m500 ext4\n`,
    },
    'x.spec',
    [/:65:\d+ .*deeper than 64/],
  ],
];

for (const [title, files, name, wanted] of cases)
  t.test(title, async (t) => {
    const { exit, problems } = await errorOf(files, name, { arch: 'amd64', flavour: 'amd64' });
    t.equal(exit, 2);
    for (const pattern of wanted)
      t.ok(
        problems.some((one) => pattern.test(one)),
        `${pattern} among ${JSON.stringify(problems)}`,
      );
    t.equal(problems.length, wanted.length, JSON.stringify(problems));
  });

t.test('as many rules as a file may hold do not take minutes', { timeout: 240_000 }, async (t) => {
  const big = treeOf({
    dep: Array.from({ length: 4000 }, (_, at) => `kernel/d${at % 50}/some${at}.ko:`).join('\n'),
  });
  // Some 1.8 MiB of YAML, of the 2 MiB that are read.
  const many = Array.from({ length: 70_000 }, (_, at) => at);
  const files: [string, string][] = [
    ['def_variants.yaml', fedora(many.map((at) => `  - d${at % 60}/.*e${at}\\..*: extra\n`).join(''))],
    [
      'a.yaml',
      own(`  - name: a\n    modules:\n${many.map((at) => `      - d${at % 60}/some${at}*\n`).join('')}`),
    ],
    ['x.inclusion-list', many.map((at) => `d${at % 60}/some${at}.ko\n`).join('')],
  ];
  for (const [name, text] of files) {
    const { path, remove } = folderOf({ [name]: text });
    const before = performance.now();
    const split = await readSplit(join(path, name), big);
    const seconds = (performance.now() - before) / 1000;
    remove();
    t.ok(seconds < 60, `${name}: ${seconds.toFixed(1)} s`);
    t.ok(split.unused.length >= 66_000, `${split.unused.length} rules match nothing`);
  }
});

t.test('an install set of unknown packages, or of none', async (t) => {
  const { path, remove } = folderOf({
    'a.yaml': own(
      '  - {name: linux-core, rest: true}\n  - {name: linux-extra, depends: [linux-core], modules: [can]}\n',
    ),
  });
  const split = await readSplit(join(path, 'a.yaml'), index);
  remove();
  t.strictSame(parseInstall(split, 'extra', index)[0]?.packages, ['linux-core', 'linux-extra']);
  t.strictSame(parseInstall(split, 'core', index)[0]?.modules, ['ext4', 'jbd2']);
  const chosen = (...words: string[]) => chosenSets(split, words, index).map(({ name }) => name);
  t.strictSame(chosen('core', 'linux-core', 'extra', 'core,extra'), ['linux-core', 'linux-extra']);
  t.strictSame(chosen('each', 'core'), ['linux-core', 'linux-extra'], 'one set is booted once');
  t.throws(() => parseInstall(split, 'cor,linux-extar', index), {
    code: 'E_PACKAGE_NAME',
    problems: [{ message: /cor/ }, { message: /did you mean linux-extra/ }],
  });
  t.throws(() => installSet(split, [], index), { code: 'E_PACKAGE_NAME' });
});

t.test('modules of another release, without signatures, torn apart', async (t) => {
  const { path, remove } = folderOf({
    'a.yaml': own(
      '  - {name: core, modules: [ext4, nosuch]}\n  - {name: extra, depends: [core], modules: [jbd2, can]}\n',
    ).replace('packages:', 'dependencies: keep\npackages:'),
  });
  const split = await readSplit(join(path, 'a.yaml'), index);
  remove();
  const facts = new Map([
    ['ext4', { vermagic: '6.1.0-test SMP', signed: false, firmware: ['a.bin'] }],
    ['jbd2', { vermagic: '6.1.0-test SMP', signed: true }],
    ['can', { vermagic: '5.10.0-old SMP', signed: true }],
  ]);
  const clouds = [{ cloud: 'test', device: 'CAN bus', alias: 'can' }];
  const found = checkSplit({ split, index, facts, clouds, signaturesEnforced: true });
  t.strictSame(
    found.map(({ id, severity }) => `${severity} ${id}`),
    [
      'error module-unsigned',
      'error symbol-edge',
      'error vermagic-mixed',
      'warning cloud-device',
      'warning rule-unused',
      'note firmware',
    ],
  );
  t.match(
    found.find(({ id }) => id === 'symbol-edge'),
    {
      message: 'ext4 in core needs jbd2, which is in extra: with core alone it does not load',
      mend: 'move jbd2 to core (+1000 B)',
      place: { line: 5 },
      module: 'jbd2',
      package: 'core',
    },
  );
});

t.test('cloud devices, where the lowest package has no modules or is in a circle', async (t) => {
  const text = own(
    '  - {name: meta}\n  - {name: core, depends: [meta], modules: [can]}\n  - {name: extra, depends: [core], rest: true}\n',
  );
  const { path, remove } = folderOf({ 'a.yaml': text });
  const split = await readSplit(join(path, 'a.yaml'), index);
  remove();
  const clouds = [{ cloud: 'test', device: 'disk', alias: 'ext4' }];
  const cloudFindings = (one: typeof split) =>
    checkSplit({ split: one, index, clouds }).filter(({ id }) => id === 'cloud-device');
  const wanted = [
    {
      message: /^test: with core alone one device has no driver: disk \(ext4 in extra\)/,
      mend: 'move ext4, jbd2 to core (+2 KiB)',
      package: 'core',
    },
  ];
  t.match(cloudFindings(split), wanted);
  const circle = split.packages.map((one) => (one.name === 'meta' ? { ...one, depends: ['core'] } : one));
  t.match(cloudFindings({ ...split, packages: circle }), wanted);
  t.equal(cloudFindings({ ...split, packages: circle }).length, 1);
});

t.test('what is no file is not read, for that would never end', async (t) => {
  const { path, remove } = folderOf({
    'package-list': 'Package: a\nDescription: x\n',
    'modules/amd64/b': '',
  });
  t.teardown(remove);
  for (const name of ['pipe.yaml', 'supported.conf', 'modules/amd64/a'])
    execFileSync('mkfifo', [join(path, name)]);
  for (const source of [join(path, 'pipe.yaml'), join(path, 'supported.conf'), '/dev/zero'])
    await t.rejects(readSplit(source, index), { blame: 'user', message: /not a regular file/ });
  const options = { format: 'kernel-wedge', arch: 'amd64', flavour: 'amd64' } as const;
  await t.rejects(readSplit(path, index, options), { blame: 'user', message: /not a regular file/ });
});

t.test('a package file that is cut short', async (t) => {
  const { path, remove } = folderOf({
    'cut.udeb': '!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.',
  });
  t.teardown(remove);
  await t.rejects(resolveKernel([join(path, 'cut.udeb')], { cache: new Cache(join(path, 'cache')) }), {
    blame: 'user',
    message: /cut\.udeb/,
  });
});

t.test('the command says it and ends with 2', async (t) => {
  const { path, remove } = folderOf({ 'bad.yaml': own('  - {name: a, depends: [b]}\n') });
  t.teardown(remove);
  const main = new URL('../cli/main.ts', import.meta.url).pathname;
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--import', 'tsx', main, 'split', 'check', join(path, 'bad.yaml')],
    { encoding: 'utf8' },
  );
  t.equal(status, 2, stderr);
  t.match(stderr, /bad\.yaml:4:\d+: .*unknown package b/);
  t.equal(stdout, '');
});

t.test('a file that is no list may be anybody\u2019s: nothing of it is quoted', async (t) => {
  const { path, remove } = folderOf({ shadow: 'root:$y$j9T$secret:20228:0:99999:7:::\nbin:*:20228::::::\n' });
  t.teardown(remove);
  for (const format of ['suse-supported', 'ubuntu', 'mkinitfs', 'android-gki', 'talos']) {
    const error = await readSplit(join(path, 'shadow'), index, { format: format as never }).then(
      (split) => `read: ${JSON.stringify([split.notes, split.unused])}`,
      (thrown: BootgateError) => `${exitCodeOf(thrown)} ${thrown.message} ${JSON.stringify(thrown.problems)}`,
    );
    t.notMatch(error, /secret|20228/, format);
    if (format !== 'talos') t.match(error, /^2 .*no module name/, format);
  }
});
