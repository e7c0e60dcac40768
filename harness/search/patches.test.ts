import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Cache } from '../cache.js';
import { resolveModuleTree } from '../kernel/resolve.js';
import { loadModuleIndex } from '../modules/index.js';
import type { ModuleIndex } from '../modules/module.js';
import { shownFile } from '../modules/place.js';
import { setFromPolicy } from '../modules/policy.js';
import { setFromList } from '../modules/set.js';
import { imagesDir } from '../paths.js';
import { folderOf, treeOf } from '../splits/fixtures/tree.js';
import { readSplit } from '../splits/read.js';
import type { Split } from '../splits/split.js';
import { unifiedDiff } from './diff.js';
import { appendToList, patchList } from './patches/list.js';
import { patchPolicy } from './patches/policy.js';
import { patchSplit } from './split-patch.js';

/**
 * Patches in every format: a diff that `patch` applies, after which the format's own reader sees every module where it was asked
 * for. Random trees, random splits in each format, random moves.
 */
const RUNS = process.env.BOOTGATE_ALL === '1' ? 200 : 10;
const SEED = 20141;

/** Ten modules in three folders, any acyclic dependencies; a name with a dash, and one that ends with another's. */
const NAMES = ['m0', 'm1', 'virtio-m2', 'm3', 'xm1', 'm5', 'm6', 'm7', 'm8', 'm9'];
const kmod = (name: string) => name.replaceAll('-', '_');
const trees = fc
  .array(fc.nat(1023), { minLength: NAMES.length, maxLength: NAMES.length })
  .map((bits): ModuleIndex => {
    const needs: number[][] = [];
    for (const at of NAMES.keys()) {
      const own = [...Array(at).keys()].filter((one) => ((bits[at] ?? 0) >> one) % 4 === 1);
      needs.push([...new Set(own.flatMap((one) => [one, ...(needs[one] ?? [])]))]);
    }
    const path = (at: number) => `kernel/drivers/d${at % 3}/${NAMES[at]}.ko`;
    return treeOf({ dep: needs.map((row, at) => `${path(at)}: ${row.map(path).join(' ')}`).join('\n') });
  });

interface Format {
  name: string;
  /** What the split is read from, in a folder with `files`. */
  source: string;
  files(pick: (names: readonly string[]) => string[]): Record<string, string>;
  packages: string[];
}

const path = (name: string) => `drivers/d${NAMES.indexOf(name) % 3}/${name}`;
const FORMATS: Format[] = [
  {
    name: 'bootgate',
    source: 'mine.yaml',
    files: (pick) => ({
      'mine.yaml': `version: 1\nname: mine\npackages:\n  - name: core\n    modules:\n${pick(NAMES)
        .map((name) => `      - ${name}\n`)
        .join(
          '',
        )}      - none ?\n  - name: extra\n    depends: [core]\n    modules: [drivers/d1]\n  - name: more\n    depends: [core]\n    rest: true\n`,
    }),
    packages: ['core', 'extra', 'more'],
  },
  {
    name: 'fedora-variants',
    source: 'def_variants.yaml.fedora',
    files: (pick) => ({
      'def_variants.yaml.fedora': `packages:\n  - name: modules-core\n  - name: modules\n    depends-on:\n      - modules-core\n  - name: modules-extra\n    depends-on: [modules-core, modules]\nrules:\n  - drivers/d0/.*: modules-extra\n  - drivers/d1/.*: modules-core\n${pick(
        NAMES,
      )
        .map((name) => `  - ${path(name)}.ko: modules-core\n`)
        .join('')}  - default: modules\n`,
    }),
    packages: ['modules-core', 'modules', 'modules-extra'],
  },
  {
    name: 'ubuntu',
    source: 'generic.inclusion-list',
    files: (pick) => ({
      'generic.inclusion-list': `drivers/d1/*\n${pick(NAMES)
        .map((name) => `${path(name)}.ko\n`)
        .join('')}`,
    }),
    packages: ['linux-modules', 'linux-modules-extra'],
  },
  {
    name: 'kernel-wedge',
    source: 'installer',
    files: (pick) => ({
      'installer/package-list':
        'Package: scsi-modules\nDepends: kernel-image\n\nPackage: kernel-image\n\nPackage: nic-modules\nDepends: kernel-image\n\nPackage: other-modules\n',
      'installer/modules/shared': `${pick(NAMES).join('\n')}\n`,
      'installer/modules/amd64/kernel-image': `# first\n${pick(NAMES)
        .map((name) => `${name} ?\n`)
        .join('')}`,
      'installer/modules/amd64/scsi-modules': '#include <shared>\n',
      'installer/modules/amd64/nic-modules': 'drivers/d1/**\n',
      'installer/modules/amd64/other-modules': `${NAMES[9]}\n`,
    }),
    packages: ['kernel-image', 'scsi-modules', 'nic-modules', 'other-modules'],
  },
  {
    name: 'suse-supported',
    source: 'supported.conf',
    files: (pick) => ({
      'supported.conf': `# all\n+base ${pick(NAMES).map(path).join(' ')} \\\n  drivers/d0/none\n${pick(NAMES)
        .map((name) => `${path(name)} # why\n`)
        .join('')}- drivers/d1/*\n+x-kmp drivers/d2/none\n-!optional drivers/d0/*\n`,
    }),
    packages: ['kernel-default', 'kernel-default-base', 'kernel-default-extra', 'kernel-default-optional'],
  },
  {
    name: 'suse-base',
    source: 'kernel-default-base.spec',
    files: (pick) => ({
      'kernel-default-base.spec': `%define group ${[...pick(NAMES), 'none'].join(', ')}\n%define modules \\\n  none %group \\\n  ${pick(NAMES).join(' ')}\nName: x\n`,
    }),
    packages: ['kernel-default', 'kernel-default-base'],
  },
  {
    name: 'fedora-filters',
    source: 'filters',
    files: (pick) => ({
      'filters/filter-modules.sh': `#! /bin/sh\ndriverdirs="d1 none"\nsinglemods="${pick(NAMES).join(' ')}"\noverrides="${pick(NAMES).join('\n  ')}"\n`,
      'filters/filter-x86_64.sh': `singlemods="none \\\n  ${pick(NAMES).join(' ')}"\n`,
      'filters/mod-extra.list': `${pick(NAMES)
        .map((name) => `${name}.ko\n`)
        .join('')}`,
      'filters/mod-internal.list': 'none\n',
    }),
    packages: ['kernel-core', 'kernel-modules', 'kernel-modules-extra', 'kernel-modules-internal'],
  },
];

/** Applied from the root, as the diff's names are those of a path outside the working folder. */
const apply = (diff: string, file: string) =>
  execFileSync('patch', ['-p1', '--quiet', '-d', shownFile(file).startsWith('/') ? '/' : '.'], {
    input: diff,
  });

for (const { name, source, files, packages } of FORMATS)
  t.test(`${name}: what the diff moves is there, and nothing else but what that needs`, async (t) => {
    let [asked, done] = [0, 0];
    const moves = fc.array(fc.tuple(fc.nat(NAMES.length - 1), fc.nat(packages.length - 1)), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(trees, moves, fc.infiniteStream(fc.nat(3)), async (index, picked, coins) => {
        const { path: folder, remove } = folderOf(
          files((names) => names.filter(() => coins.next().value === 0)),
        );
        try {
          const file = join(folder, source);
          const read = (one: string) =>
            readSplit(one, index, {
              format: name,
              arch: 'amd64',
              flavour: name.startsWith('suse') ? 'default' : 'amd64',
            });
          const before: Split = await read(file);
          const known = new Set(before.packages.map((one) => one.name));
          const wanted = new Map(picked.map(([at, to]) => [kmod(NAMES[at] ?? ''), packages[to] ?? '']));
          const all = [...wanted].map(([module, home]) => ({ module, package: home }));
          const some = all.filter((one) => known.has(one.package));
          const patch = await patchSplit(file, before, some, index, read).catch((error: unknown) => {
            if ((error as { code?: string }).code !== 'E_SPLIT_PATCH') throw error;
          });
          asked += some.length;
          if (!patch) return;
          if (patch.diff) apply(patch.diff, file);
          const after = await read(file);
          const refused = new Set(patch.refused.map(({ module }) => module));
          const along = new Map(patch.along.map((one) => [one.module, one.to]));
          for (const module of index.modules.keys()) {
            const [was, is] = [before, after].map((one) => one.placement.get(module)?.package ?? null);
            const target = some.find((one) => one.module === module && !refused.has(module))?.package;
            if (target) done++;
            assert.equal(is, target ?? along.get(module) ?? was, module);
            // Whoever moves along has to do with one that was asked for.
            const kin = (other: string) =>
              index.modules.get(other)?.depends.includes(module) ||
              index.modules.get(module)?.depends.includes(other);
            if (along.has(module))
              assert.ok([...wanted.keys(), ...along.keys()].some(kin), `${module} moves along for no reason`);
          }
          for (const one of patch.files) assert.equal(readFileSync(one.file, 'utf8'), one.after);
        } finally {
          remove();
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    t.ok(done * 2 > asked, `${done} of ${asked} moves`);
  });

t.test(
  "a real tree: fedora-2014 on Debian's kernel, twenty random moves",
  { timeout: 120_000 },
  async (t) => {
    const cache = new Cache();
    const kernel = await resolveModuleTree(['apt:linux-image-amd64'], { cache });
    const index = await loadModuleIndex(kernel.modulesDir, kernel.release, cache);
    const text = readFileSync(join(imagesDir, 'splits', 'fedora-2014.yaml'), 'utf8');
    const { path: folder, remove } = folderOf({ 'fedora-2014.yaml': text });
    t.teardown(remove);
    const file = join(folder, 'fedora-2014.yaml');
    const read = (one: string) => readSplit(one, index);
    const names = [...index.modules.keys()];
    const homes = ['kernel-core', 'kernel-drivers'];
    const moves = Array.from({ length: 20 }, (_, at) => ({
      module: names[(at * 199) % names.length] ?? '',
      package: homes[at % 2] ?? '',
    }));
    const patch = await patchSplit(file, await read(file), moves, index, read);
    apply(patch.diff, file);
    const after = await read(file);
    const refused = new Set(patch.refused.map(({ module }) => module));
    for (const one of moves)
      if (!refused.has(one.module))
        t.equal(after.placement.get(one.module)?.package, one.package, one.module);
    t.ok(refused.size < 5, `${refused.size} refused`);
  },
);

const LISTS: Record<string, (names: readonly string[]) => string> = {
  'a plain list': (names) => `# mine\ndrivers/d1/*\n${names.map((name) => `${name}\n`).join('')}-m5\n`,
  "initramfs-tools' modules": (names) =>
    `# List of modules\n${names.map((name) => `${name} opt=1\n`).join('')}m0\n`,
  dracut: (names) => `add_drivers+=" ${['m0', ...names].join(' ')} "\nomit_drivers+=" m5 "\n`,
  mkinitcpio: (names) => `# x\nMODULES=(${['m0', ...names].join(' ')})\nHOOKS=(base udev)\n`,
  'a policy': (names) =>
    `version: 1\nrules:\n  - include: drivers/d1\n  - include: [m0, ${['m3', ...names].join(', ')}]\n    reason: x\n  - exclude: m5\n`,
};

for (const [form, textOf] of Object.entries(LISTS))
  t.test(`${form}: modules come in and go out`, async (t) => {
    let [asked, done] = [0, 0];
    const moves = fc.array(fc.tuple(fc.nat(NAMES.length - 1), fc.boolean()), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(trees, fc.subarray(NAMES), moves, async (index, names, picked) => {
        const isPolicy = form === 'a policy';
        const { path: folder, remove } = folderOf({ 'one.yaml': textOf(names) });
        try {
          const file = join(folder, 'one.yaml');
          const read = async () =>
            isPolicy ? setFromPolicy(index, file) : setFromList(index, readFileSync(file), file);
          const before = await read();
          const wanted = new Map(picked.map(([at, out]) => [kmod(NAMES[at] ?? ''), out]));
          const needed = (module: string) =>
            [...wanted].some(([other, out]) => !out && index.modules.get(other)?.depends.includes(module));
          const some = [...wanted]
            .filter(([module, out]) => before.names.includes(module) === out && !(out && needed(module)))
            .map(([module, out]) => {
              const rule = before.excludedBy.get(module);
              return {
                module,
                scenarios: [],
                ...(out ? { out: true as const } : {}),
                ...(rule ? { rule } : {}),
              };
            });
          const text = readFileSync(file, 'utf8');
          const ways = isPolicy ? [patchPolicy] : [patchList, appendToList];
          asked += some.length;
          let left = some;
          for (const way of ways) {
            const after = left.length > 0 ? way(text, some) : undefined;
            if (after === undefined) continue;
            writeFileSync(file, text);
            apply(unifiedDiff(shownFile(file).replace(/^\/+/, ''), text, after), file);
            const set = await read();
            left = some.filter(({ module, out }) => set.names.includes(module) === (out ?? false));
            // What is in against the wish is there because another module needs it: no line of the file can say otherwise.
            const kept = (module: string) =>
              set.names.some((name) => index.modules.get(name)?.depends.includes(module));
            if (way !== ways.at(-1) && left.length > 0) continue;
            for (const one of left)
              assert.ok(one.out && kept(one.module), `${one.module} is ${one.out ? 'in' : 'out'}`);
          }
          done += some.length - left.length;
        } finally {
          remove();
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    t.ok(done * 2 > asked, `${done} of ${asked} moves`);
  });
