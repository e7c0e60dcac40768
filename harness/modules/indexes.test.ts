import { appendFileSync, copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Cache } from '../cache.js';
import { resolveKernel } from '../kernel/resolve.js';
import { imagesDir } from '../paths.js';
import { type LoadStep, loadOrder } from './closure.js';
import { loadModuleDetails } from './details.js';
import { BUILD_FILES, depmodTree, lookups, run, showDepends } from './fixtures/kmod.js';
import { readIndex } from './fixtures/read-index.js';
import { loadModuleIndex } from './index.js';
import { depmodIndexes } from './indexes.js';
import { superfast } from './links.js';
import type { ModuleIndex, ModuleSet } from './module.js';
import { setFromPolicy } from './policy.js';
import { exactSet, setFromNames, wholeTree } from './set.js';

/** Everything here is measured against depmod, modprobe and modinfo of the host: they are the oracle. */

const cache = new Cache();
const KMOD = Number(/kmod version (\d+)/.exec(run('depmod', ['--version']))?.[1]);

/** The names of the index files in which ours and depmod's differ, or that only one has. */
async function differences(dir: string, set: ModuleSet): Promise<string[]> {
  const ours = await depmodIndexes(set, cache);
  const theirs = readdirSync(dir).filter((name) => name.startsWith('modules.') && name !== 'modules.order');
  const wrong = theirs.filter((name) => {
    const [made, expected] = [ours.get(name), readFileSync(join(dir, name))];
    // Newer ones write this file even when there is nothing to say.
    if (made === undefined)
      return !(name === 'modules.weakdep' && expected.toString().split('\n').length === 2);
    const bytes = Buffer.from(made as string, 'latin1');
    if (KMOD >= 34 && name.endsWith('.bin'))
      return readIndex(bytes).join('\n') !== readIndex(expected).join('\n');
    return !bytes.equals(expected);
  });
  return [...wrong, ...[...ours.keys()].filter((name) => name !== 'modules.order' && !theirs.includes(name))];
}

async function treeOf(source: string): Promise<ModuleIndex> {
  const kernel = await resolveKernel([source], { cache });
  return loadModuleIndex(kernel.modulesDir, kernel.release, cache);
}

const generic = await treeOf('apt:linux-image-amd64');
const cloud = await treeOf('apt:linux-image-cloud-amd64');

for (const [name, index] of [
  ['generic', generic],
  ['cloud', cloud],
] as const) {
  t.test(
    `the whole ${name} tree: index files as depmod writes them, load orders as modprobe gives them`,
    async (t) => {
      const root = t.testdir();
      const dir = depmodTree(root, wholeTree(index));
      t.same(await differences(dir, wholeTree(index)), []);
      const indexed = await loadModuleIndex(dir, index.release, cache);
      t.equal(indexed.texts.dir, dir, "a tree's own indexes are used where they fit");
      t.same([...indexed.modules], [...index.modules]);
      t.not(readIndex(readFileSync(join(dir, 'modules.alias.bin'))).length, 0);

      const names = [...index.modules.keys()];
      const expected = showDepends(root, index.release, names);
      const wrong = names.flatMap((one) => {
        const ours = loadOrder(index, one).map((step) => shown(dir, step));
        return ours.join('\n') === expected.get(one)
          ? []
          : [{ name: one, ours, modprobe: expected.get(one) }];
      });
      t.same(wrong.slice(0, 3), []);
      t.equal(expected.size, index.modules.size, `${expected.size} modules compared`);

      // Aliases: every pattern of the tree (thinned out), made concrete, asked of modprobe -R and of the index.
      const aliases = readFileSync(join(dir, 'modules.alias'), 'latin1').split('\n');
      const requests = aliases.flatMap((line, at) => {
        const pattern = /^alias (\S+) /.exec(line)?.[1];
        if (!pattern || at % 7 !== 0) return [];
        return pattern
          .replace(/\[(.)[^\]]*\]/g, '$1')
          .replace(/\?/g, 'Q')
          .replace(/\*/g, at % 2 ? '' : '0a:v_-');
      });
      requests.push(
        ...[...index.builtins.keys()].slice(0, 40),
        'fs-ext4',
        'crypto-crc32c',
        'symbol:jbd2_journal_stop',
      );
      const resolved = lookups(root, index.release, requests);
      const mismatches = requests.flatMap((request, at) => {
        const found = index.resolve(request);
        const ours = found.kind === 'none' ? [] : found.names;
        return ours.join(' ') === [...new Set(resolved[at])].join(' ')
          ? []
          : [{ request, ours, modprobe: resolved[at] }];
      });
      t.same(mismatches.slice(0, 3), []);
      t.ok(requests.length > 300, `${requests.length} aliases compared`);
    },
  );
}

t.test('any softdeps: load orders as modprobe gives them', async (t) => {
  const names = [
    'ext4',
    'jbd2',
    'crc16',
    'xfs',
    'libcrc32c',
    'crc32c_generic',
    'crc32c_intel',
    'virtio_scsi',
  ];
  const dir = depmodTree(t.testdir(), setFromNames(generic, names, 'some'));
  const all = setFromNames(generic, names, 'some').names;
  const [builtin = ''] = generic.builtins.keys();
  const word = fc.constantFrom(
    ...names,
    builtin,
    'fs-ext4',
    'fs-xfs',
    'crypto-crc32c',
    'zork',
    'virtio-ring',
    'pre:',
    'post:',
  );
  const line = fc.tuple(fc.constantFrom(...all), fc.array(word, { maxLength: 7 }));
  const texts = fc
    .array(line, { maxLength: 8 })
    .map((lines) => lines.map(([name, words]) => `softdep ${name} ${words.join(' ')}\n`).join(''));
  const root = join(dir, '../../..');
  const wrong: unknown[] = [];
  for (const text of fc.sample(texts, 60)) {
    writeFileSync(join(dir, 'modules.softdep'), text);
    const index = await loadModuleIndex(dir, generic.release, cache);
    const expected = showDepends(root, generic.release, all);
    for (const name of all) {
      const ours = loadOrder(index, name)
        .map((step) => shown(dir, step))
        .join('\n');
      if (ours !== expected.get(name)) wrong.push({ text, name, ours, modprobe: expected.get(name) });
    }
  }
  t.same(wrong.slice(0, 2), []);
});

/** A line of modprobe --show-depends. */
function shown(dir: string, step: LoadStep): string {
  return step.kind === 'insmod' ? `insmod ${join(dir, step.module.path)}` : `builtin ${step.name}`;
}

t.test('parts of a tree: index files as depmod writes them for just those modules', async (t) => {
  const policy = await setFromPolicy(generic, join(imagesDir, 'policies/2014.yaml'));
  const names = fc.subarray([...generic.modules.keys()], { minLength: 150, maxLength: 400 });
  const [closed, open] = fc.sample(names, { numRuns: 2 });
  const sets: [string, ModuleSet][] = [
    ['the policy of 2014', policy],
    ['random modules, closed', setFromNames(generic, closed ?? [], 'random')],
    ['random modules with holes', exactSet(generic, open ?? [], 'random')],
    ['no module', exactSet(generic, [], 'nothing')],
  ];
  for (const [name, set] of sets) {
    const dir = depmodTree(t.testdir(), set);
    t.same(await differences(dir, set), [], `${name}: ${set.names.length} modules`);
  }
  t.notSame(
    await differences(depmodTree(t.testdir(), exactSet(generic, ['ext4'], 'one')), policy),
    [],
    'it can differ',
  );
});

t.test('a tree without indexes, with compressed modules, two of one name and a broken one', async (t) => {
  const root = t.testdir({ lib: { modules: { '9.9': { kernel: {}, updates: {} } } } });
  const dir = join(root, 'lib/modules/9.9');
  const put = (name: string, suffix: string, folder = 'kernel') => {
    const source = join(generic.dir, generic.modules.get(name)?.path ?? '');
    const target = join(dir, folder, basename(source));
    copyFileSync(source, target);
    if (suffix === 'xz') run('xz', ['--check=crc32', target]);
    if (suffix === 'zst') run('zstd', ['-q', '--rm', target]);
    if (suffix === 'gz') run('gzip', ['-n', target]);
  };
  put('virtio_scsi', 'xz');
  put('scsi_mod', 'zst');
  put('scsi_common', '');
  put('virtio', '', 'updates');
  put('virtio', 'xz');
  put('virtio_ring', 'xz');
  for (const name of BUILD_FILES) copyFileSync(join(generic.dir, name), join(dir, name));
  writeFileSync(
    join(dir, 'kernel/broken.ko'),
    readFileSync(join(dir, 'kernel/scsi_common.ko')).subarray(0, 5000),
  );
  const twins = ['one', 'two', 'three'].map((name) => `${name}.alias=zork-[a-z]*\0`).join('');
  appendFileSync(join(dir, 'modules.builtin.modinfo'), twins);
  const own = new Cache(join(root, 'cache'));
  const index = await loadModuleIndex(dir, '9.9', own);
  t.notOk(existsSync(join(dir, 'modules.dep')), 'nothing is written into the tree');
  t.equal(index.modules.get('virtio')?.path, 'updates/virtio.ko', 'updates/ comes first');
  run('depmod', ['-C', '/dev/null', '-b', root, '9.9']);
  const byLine = (text: string) => text.split('\n').sort();
  const dep = (text: string) => byLine(text).filter((line) => !line.startsWith('kernel/broken'));
  for (const name of ['modules.dep', 'modules.alias', 'modules.symbols', 'modules.softdep'])
    t.same(
      dep(readFileSync(join(index.texts.dir, name), 'latin1')),
      dep(readFileSync(join(dir, name), 'latin1')),
      name,
    );
  const aliases = Buffer.from(
    (await depmodIndexes(wholeTree(index), own)).get('modules.builtin.alias.bin') ?? '',
  );
  t.same(readIndex(aliases), readIndex(readFileSync(join(dir, 'modules.builtin.alias.bin'))));
  t.match(readIndex(aliases).join(), /zork_\[a-z\]\* 0 three,/);
  const details = await loadModuleDetails(index, own);
  t.match(details.get('broken')?.broken, /kernel\/broken\.ko is cut short/);
  t.equal(details.get('virtio_scsi')?.broken, null);

  // This host's depmod may read no gzip: there the uncompressed twin is the measure.
  put('crc16', 'gz');
  const again = await loadModuleIndex(dir, '9.9', own);
  t.equal(again.texts.dir === dir, false, 'a tree with a module newer than modules.dep is read anew');
  t.same((await loadModuleDetails(again, own)).get('crc16')?.exports, ['crc16_table', 'crc16']);
});

t.test('details are what modinfo says', async (t) => {
  const details = await loadModuleDetails(generic, cache);
  for (const name of ['ext4', 'amdgpu', 'virtio_blk', 'i915', 'e1000e']) {
    const path = join(generic.dir, generic.modules.get(name)?.path ?? '');
    const info = (field: string) => run('modinfo', ['-F', field, path]).split('\n').filter(Boolean);
    const detail = details.get(name);
    t.same(detail?.firmware, info('firmware'), `${name} firmware`);
    for (const field of ['vermagic', 'srcversion', 'license'] as const)
      t.equal(detail?.[field] ?? undefined, info(field)[0], `${name} ${field}`);
    t.equal(detail?.signed, info('sig_id').length > 0, `${name} signature`);
    t.same(
      [...details.direct(name)].sort(),
      info('depends')
        .join('')
        .split(',')
        .filter(Boolean)
        .map((one) => one.replaceAll('-', '_'))
        .sort(),
      `${name} depends`,
    );
  }
});

t.test('the hash that orders modules.symbols', async (t) => {
  // depmod walks its table by bucket: whatever it wrote must come out in ascending order.
  const root = t.testdir();
  const set = setFromNames(generic, ['ext4', 'btrfs', 'nfsd', 'amdgpu'], 'some');
  const text = readFileSync(join(depmodTree(root, set), 'modules.symbols'), 'latin1');
  const symbols = [...text.matchAll(/^alias symbol:(\S+) /gm)].map((match) => match[1] as string);
  const buckets = symbols.map((symbol) => superfast(symbol) & 2047);
  t.ok(symbols.length > 1000);
  t.same(
    buckets,
    [...buckets].sort((a, b) => a - b),
  );
});
