import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Cache } from '../cache.js';
import { bufferSource, parseElf } from '../elf.js';
import { BootgateError, describeError } from '../errors.js';
import { resolveKernel } from '../kernel/resolve.js';
import { imagesDir } from '../paths.js';
import { closure } from './closure.js';
import { loadModuleDetails } from './details.js';
import { fnmatch } from './fnmatch.js';
import { loadModuleIndex } from './index.js';
import { readModuleFile } from './moduleelf.js';
import { nameOfPath, normaliseAlias, normaliseName } from './names.js';
import { setFromPolicy } from './policy.js';
import { closureOf, listModules, needsOf } from './query.js';
import { exactSet, formatAdditions, setFromList, setFromNames, wholeTree } from './set.js';
import { sizeBySubsystem, subsystemOf } from './size.js';
import { parseSoftdep } from './texts.js';

/** Lists, policies and questions, on the generic kernel. What kmod decides is measured in indexes.test.ts. */

const cache = new Cache();
const kernel = await resolveKernel(['apt:linux-image-amd64'], { cache });
const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
const names = (list: string | Uint8Array) => setFromList(index, list, 'my.list').names;
/** Without what the closure adds. */
const listed = (list: string) => {
  const set = setFromList(index, list, 'my.list');
  const added = new Set(set.additions.map(({ module }) => module));
  return set.names.filter((name) => !added.has(name));
};
const errorOf = (run: () => unknown): BootgateError => {
  try {
    run();
  } catch (error) {
    if (error instanceof BootgateError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

t.test('names', async (t) => {
  t.equal(nameOfPath('kernel/drivers/net/foo-bar.ko.xz'), 'foo_bar');
  t.equal(normaliseName('virtio-blk'), 'virtio_blk');
  t.equal(normaliseAlias('a-b[0-9]-c'), 'a_b[0-9]_c');
  t.equal(normaliseAlias('a]'), null);
  t.equal(normaliseAlias('a[b'), null);
  t.same(parseSoftdep('softdep cifs gcm pre: a b post: c\nsoftdep cifs pre: d\n').get('cifs'), {
    softPre: ['a', 'b'],
    softPost: ['c'],
  });
});

t.test('fnmatch agrees with the shell', async (t) => {
  const letters = fc.constantFrom('a', 'b', '-', '/', ':');
  const texts = fc.array(letters, { maxLength: 6 }).map((all) => all.join(''));
  const parts = fc.constantFrom('a', 'b', ':', '*', '?', '[ab]', '[!a]', '[a-b]', '/');
  const patterns = fc.array(parts, { maxLength: 5 }).map((all) => all.join(''));
  const cases = fc.sample(fc.tuple(patterns, texts), 3000);
  // The dot before both keeps empty words; to `case` it is a letter like any other.
  const script = 'while IFS=" " read -r p x; do case $x in $p) echo 1;; *) echo 0;; esac; done';
  const input = cases.map(([pattern, text]) => `.${pattern} .${text}\n`).join('');
  const answers = execFileSync('sh', ['-c', script], { input, encoding: 'latin1' }).trim().split('\n');
  const wrong = cases.filter(([pattern, text], at) => fnmatch(pattern, text) !== (answers[at] === '1'));
  t.same(wrong.slice(0, 5), []);
  t.ok(answers.includes('1') && answers.includes('0'));
});

t.test('the index', async (t) => {
  const files = execFileSync('find', [index.dir, '-name', '*.ko'], { encoding: 'utf8' }).trim().split('\n');
  t.equal(index.modules.size, files.length);
  t.equal(
    index.bytes,
    files.reduce((sum, file) => sum + statSync(file).size, 0),
  );
  const again = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
  t.equal(again.digest, index.digest);
  t.same([...again.modules], [...index.modules]);
  const within = new Set(['crc32c_generic']);
  t.same(index.resolve('crypto-crc32c'), { kind: 'modules', names: ['crc32c_intel', 'crc32c_generic'] });
  t.same(index.resolve('crypto-crc32c', within), { kind: 'modules', names: ['crc32c_generic'] });
  t.same(index.resolve('virtio-blk', within), { kind: 'none' });
  t.same(index.resolve('unix', within).kind, index.builtins.has('unix') ? 'builtin' : 'none');
  await t.rejects(loadModuleIndex(join(t.testdir(), 'none'), '1', cache), {
    code: 'E_MODULES_DIR',
    blame: 'user',
  });
  await t.rejects(loadModuleIndex(t.testdir(), '1', cache), { code: 'E_MODULES_DIR', blame: 'user' });
});

t.test('module lists', async (t) => {
  t.same(names('virtio-ring'), ['virtio_ring']);
  t.same(listed('# comment\n\n  virtio_net # why\r\nkernel/fs/ext4/ext4.ko.xz\n'), ['ext4', 'virtio_net']);
  t.same(
    listed('snd*\n-snd_*\n-snd-*'),
    ['snd', 'sndfirewire']
      .filter((name) => index.modules.has(name))
      .concat([...index.modules.keys()].filter((name) => /^snd(?!_)./.test(name)))
      .filter((name, at, all) => all.indexOf(name) === at)
      .sort(),
  );
  t.same(listed('fs/nfs/'), listed('fs/nfs'), 'a folder is all that is below it');
  t.same(listed('drivers/virtio/*'), listed('kernel/drivers/virtio/**'));
  t.same(listed('drivers/*'), listed('drivers/**'), 'a folder that a glob names, too');
  t.same(listed('**/ext4'), ['ext4']);
  t.same(listed('ext4\n-ext4\next4'), ['ext4'], 'later lines win');
  t.same(listed('ext4\n-ext4\nxfs'), ['xfs']);
  t.same(listed('zork?\nzork*?\n-zork ?\nxfs'), ['xfs'], 'optional');
  t.same(names('\uFEFFxfs'), names('xfs'), 'a byte order mark');
  t.same(names(Buffer.from('xfs # é')), names('xfs'));
  const [builtin] = index.builtins.keys();
  const set = setFromList(index, `${builtin}\n`, 'my.list');
  t.same(set.names, [], 'built-ins satisfy silently');
  t.match(set.warnings, [/selects no module/]);
  t.match(setFromList(index, 'xfs\n-ext4', 'my.list').warnings, [/my\.list:2.*removes nothing/]);
  t.match(setFromList(index, 'ext4\nxfs\n-ext4', 'my.list').excludedBy.get('ext4'), {
    file: 'my.list',
    line: 3,
    text: '-ext4',
  });

  const all = errorOf(() => names('xfs\nvirtio_skzi\ndrivers/zork/*\n[z-a]*\n-\next5 # no'));
  t.match(all, { code: 'E_MODULE_LIST', blame: 'user' });
  t.same(
    all.problems.map(({ file, line }) => [file, line]),
    [2, 3, 4, 5, 6].map((line) => ['my.list', line]),
  );
  t.match(all.problems[0]?.message, /did you mean virtio_scsi/);
  t.match(errorOf(() => names('fs/ext4.ko')).problems, [
    { message: /ext4 is at kernel\/fs\/ext4\/ext4\.ko/ },
  ]);
  t.match(errorOf(() => names(Buffer.from('xfs\n\xe4\n', 'latin1'))).problems, [
    { line: 2, message: /UTF-8/ },
  ]);
  t.match(errorOf(() => names('xfs\na\0b')).problems, [{ line: 2, message: /NUL/ }]);
});

t.test('any list: a module is in when the last line that names it puts it in', async (t) => {
  const some = ['ext4', 'xfs', 'btrfs', 'virtio_net'];
  const lines = fc.array(fc.record({ remove: fc.boolean(), name: fc.constantFrom(...some) }), {
    minLength: 1,
  });
  const property = fc.property(lines, (all) => {
    const text = all.map(({ remove, name }) => `${remove ? '-' : ''}${name}`).join('\n');
    const last = new Map(all.map(({ remove, name }) => [name, !remove]));
    const picked = setFromList(index, text, 'p').names.filter((name) => some.includes(name));
    return (
      picked.join() ===
      some
        .filter((name) => last.get(name))
        .sort()
        .join()
    );
  });
  t.doesNotThrow(() => fc.assert(property));
});

t.test('what is added is said, or refused', async (t) => {
  const set = setFromList(index, 'virtio-scsi\n', 'my.list');
  t.same(set.names, ['scsi_common', 'scsi_mod', 'virtio', 'virtio_ring', 'virtio_scsi']);
  const [line, ...rest] = formatAdditions(set);
  const added = set.bytes - (index.modules.get('virtio_scsi')?.bytes ?? 0);
  t.equal(
    line,
    `virtio_scsi needs scsi_common, scsi_mod, virtio, virtio_ring (+${Math.round(added / 1024)} KiB)`,
  );
  t.same(rest, []);
  t.equal(
    set.bytes,
    listModules(set).reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const taken = setFromList(index, 'scsi_mod\nvirtio_scsi\n-scsi_mod', 'my.list').additions;
  t.match(
    taken.find(({ module }) => module === 'scsi_mod'),
    { neededBy: ['virtio_scsi'], excludedBy: { line: 3 } },
  );
  t.match(
    errorOf(() => setFromList(index, 'virtio-scsi', 'my.list', { strict: true })),
    { code: 'E_SET_INCOMPLETE', blame: 'guest', problems: [{ message: /needs scsi_common, scsi_mod/ }] },
  );
  t.same(setFromNames(index, set.names, 'names', { strict: true }).additions, []);
  t.same(exactSet(index, ['virtio-scsi'], 'one').names, ['virtio_scsi']);
  t.match(errorOf(() => exactSet(index, ['zork', 'ext5'], 'one')).problems, [
    { message: /zork/ },
    { message: /ext4/ },
  ]);
  t.not(exactSet(index, ['xfs'], 'x').digest, exactSet(index, ['ext4'], 'x').digest);
  t.equal(exactSet(index, ['xfs'], 'x').digest, exactSet(index, ['xfs'], 'y').digest);
});

t.test('any closure is closed, and in an order that insmod takes', async (t) => {
  const subsets = fc.subarray([...index.modules.keys()], { maxLength: 60 });
  const property = fc.property(subsets, fc.boolean(), (subset, soft) => {
    const order = closure(index, subset, { soft });
    const place = new Map(order.map((name, at) => [name, at]));
    return (
      subset.every((name) => place.has(name)) &&
      place.size === order.length &&
      order.every((name, at) =>
        index.modules.get(name)?.depends.every((need) => (place.get(need) ?? Number.POSITIVE_INFINITY) < at),
      )
    );
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 50 }));
});

t.test('policies', async (t) => {
  const write = (text: string) => {
    const file = join(t.testdir(), 'policy.yaml');
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const set = await setFromPolicy(
    index,
    write('version: 1\nrules:\n  - include: fs/**\n  - exclude: [fs/ext4, fs/zork]\n  - include: snd\n'),
  );
  t.notOk(set.names.includes('ext4'));
  t.ok(set.names.includes('xfs') && set.names.includes('snd'));
  t.match(set.excludedBy.get('ext4'), { line: 4, text: 'exclude: fs/ext4' });
  t.match(set.warnings, [/policy\.yaml:4: "exclude: fs\/zork" matches no module/]);
  t.match(set.excludedBy.size, 1, 'what no rule names has no rule');
  await t.rejects(setFromPolicy(index, write('version: 1\nrules:\n  - includes: fs\n')), {
    code: 'E_DOCUMENT',
  });
  await t.rejects(setFromPolicy(index, write('version: 1\nrules:\n  - include: "[z-a]*"\n')), {
    code: 'E_DOCUMENT',
    problems: [{ line: 3 }],
  });

  const old = await setFromPolicy(index, join(imagesDir, 'policies/2014.yaml'));
  t.same(old.warnings, [], 'every rule of the shipped policy matches something');
  const kept =
    'ext4 xfs btrfs nfs vfat nls_cp437 nls_ascii isofs e1000e igb r8169 tg3 virtio_net virtio_blk virtio_scsi nvme ahci sd_mod i915 amdgpu virtio_gpu nf_tables nft_ct nft_nat ip_tables xt_conntrack iptable_nat bridge br_netfilter vxlan 8021q sch_htb overlay mptspi';
  t.same(
    kept.split(' ').filter((name) => !old.names.includes(name)),
    [],
  );
  const dropped = 'bluetooth mac80211 iwlwifi ib_core firewire_core snd videodev';
  t.same(
    dropped.split(' ').filter((name) => old.names.includes(name)),
    [],
  );
  t.ok(old.bytes < index.bytes / 2, `${old.names.length} modules, ${old.bytes} of ${index.bytes} bytes`);
});

t.test('answers', async (t) => {
  const details = await loadModuleDetails(index, cache);
  const needs = needsOf(index, details, 'virtio-scsi');
  t.same(needs.needs.map((need) => need.edge === 'symbol' && need.module).sort(), [
    'scsi_common',
    'scsi_mod',
    'virtio',
    'virtio_ring',
  ]);
  const symbols = needs.needs.find((need) => need.edge === 'symbol' && need.module === 'scsi_mod');
  t.ok(symbols?.edge === 'symbol' && symbols.direct && symbols.symbols.includes('scsi_add_host_with_dma'));
  t.match(
    needsOf(index, details, 'ext4').needs.find((need) => need.edge === 'soft'),
    { modules: ['crc32c_intel', 'crc32c_generic'] },
  );
  t.ok(
    needsOf(index, details, 'scsi_mod').neededBy.some(
      ({ module, direct }) => module === 'virtio_scsi' && direct,
    ),
  );
  t.throws(() => needsOf(index, details, 'ahcii'), { message: /did you mean ahci/ });
  const answer = closureOf(index, ['fs-ext4', 'kernel/drivers/scsi/virtio_scsi.ko']);
  t.same(
    answer.modules.filter(({ requested }) => requested).map(({ name }) => name),
    ['ext4', 'virtio_scsi'],
  );
  t.equal(errorOf(() => closureOf(index, ['zork', 'zork2'])).problems.length, 2);
  const sizes = sizeBySubsystem(wholeTree(index));
  t.equal(
    sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    index.bytes,
  );
  t.equal(subsystemOf('kernel/net/netfilter/ipset/ip_set.ko'), 'net/netfilter');
  t.equal(subsystemOf('updates/x.ko'), 'updates');
});

t.test('a list is quoted only where it reads like one', async (t) => {
  const shadow = 'root:$y$j9T$abcdef/ghi:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nhunter2\n';
  const error = errorOf(() => names(shadow));
  t.match(error, { code: 'E_MODULE_LIST', blame: 'user' });
  t.same(
    error.problems.map(({ line }) => line),
    [1, 2],
  );
  t.notMatch(describeError(error), /root|daemon|hunter2|19000/);
  t.notMatch(describeError(errorOf(() => names(`xfs\n${'x'.repeat(300)}\n`))), /xxx/);
  t.match(describeError(errorOf(() => names('xfs\nvirtio_skzi\n'))), /virtio_skzi/);
  const many = errorOf(() => names('zork_none\n'.repeat(3000)));
  t.equal(many.problems.length, 51);
  t.match(many.problems.at(-1)?.message, /and 2950 more/);
});

t.test('a symbol whose name ends the string table', async (t) => {
  const bytes = Buffer.from(readFileSync(join(index.dir, index.modules.get('xfs')?.path ?? '')));
  const { sections } = parseElf(bufferSource(bytes));
  const header = (name: string) =>
    Number(bytes.readBigUInt64LE(40)) + sections.findIndex((one) => one.name === name) * 64;
  const symbols = sections.find((one) => one.name === '.symtab');
  // A table of four bytes, and every symbol is called _x: too short for __crc_.
  bytes.writeBigUInt64LE(BigInt(bytes.length), header('.strtab') + 24);
  bytes.writeBigUInt64LE(4n, header('.strtab') + 32);
  for (let at = symbols?.offset ?? 0; at < (symbols?.offset ?? 0) + (symbols?.size ?? 0); at += 24)
    bytes.writeUInt32LE(1, at);
  const module = Buffer.concat([bytes, Buffer.from('\0_x\0')]);
  const read = readModuleFile(module, 'x.ko');
  t.same([...new Set(read.needs)].slice(0, 1), ['_x']);
  const tree = t.testdir({ kernel: { 'x.ko': module } });
  t.same(
    [...(await loadModuleIndex(tree, '1', new Cache(join(t.testdirName, '.cache')))).modules.keys()],
    ['x'],
  );
});
