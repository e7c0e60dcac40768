import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { imagesDir } from '../paths.js';
import { readSplit } from '../splits/read.js';
import type { TargetMaker } from './target.js';

/** A format's files in one input: `== PATH` before each; `source` is what readSplit is given. */
interface SplitSeed {
  format: string;
  source: string;
  files: Record<string, string>;
  words?: string[];
}

const SEEDS: SplitSeed[] = [
  {
    format: 'fedora-variants',
    source: 'def_variants.yaml',
    files: {
      'def_variants.yaml':
        'packages:\n  - name: modules-core\n  - name: modules\n    depends-on: [modules-core]\n  - name: modules-extra\n    depends-on: [modules]\nrules:\n  - drivers/net/.*: modules\n  - net/(can|9p)/.*: modules-extra\n    exact_pkg: True\n  - default: modules-core\n',
    },
    words: [
      '.*',
      '(?:',
      '{1,3}',
      '[^/]+',
      '|',
      '\\w',
      'exact_pkg: True',
      'if_variant_in: [rt]',
      'depends-on: [',
    ],
  },
  {
    format: 'fedora-filters',
    source: '.',
    files: {
      'filter-modules.sh':
        '#! /bin/bash\ndriverdirs="atm bcma net"\nchardrvs="mwave"\nnetdrvs="appletalk can"\nfsdrvs="affs xfs"\nnetprots="6lowpan sctp"\noverrides="cec"\nsinglemods="ntb_netdev iscsi_ibft"\n',
      'filter-x86_64.sh.fedora': 'driverdirs="atm bcma"\n',
    },
    words: ['$(', '="', 'fsdrvs="', '\\\n'],
  },
  {
    format: 'kernel-wedge',
    source: '.',
    files: {
      'package-list':
        'Package: kernel-image\nPriority: standard\nDescription: x\n y\n\nPackage: nic-modules\nDepends: kernel-image\n',
      'modules/amd64/kernel-image': '#include <base>\next4\nxfs ?\n',
      'modules/base': 'fs/btrfs/**\nvirtio_net -\n',
      'modules/amd64/nic-modules': 'drivers/net/** ?\n- 8139too\n',
    },
    words: ['#include <', '#include "', ' ?', ' -', '**', 'Depends: '],
  },
  {
    format: 'ubuntu',
    source: 'generic.inclusion-list',
    files: {
      'generic.inclusion-list':
        "arch/x86/{crypto,kvm}/*\ndrivers/net/virtio_net.ko\n! find sound/core -name oss -prune -o -name '*.ko' -print\nfs/{ext4,xfs}/**\n",
    },
    words: ['! find ', '{a,b}', '-prune', ' -o ', '\\(', '**'],
  },
  {
    format: 'suse-supported',
    source: 'supported.conf',
    files: {
      'supported.conf':
        '# comment\n+base fs/ext4/ext4\n- fs/affs/affs # no\n  drivers/net/*\n+ocfs2-kmp fs/ocfs2/*\n-!optional net/can/can\n',
    },
    words: ['+base ', '+external ', '- ', '-!optional', '*'],
  },
  {
    format: 'suse-base',
    source: 'kernel.spec',
    files: {
      'kernel.spec':
        '%define nets e1000e, \\\n  8139too\n%define none %{nil}\n%define modules %nets nfs ext4 %none no-such\nName: x\n',
    },
    words: ['%define ', '%{', '%global ', '%if 1', '%endif', '\\\n'],
  },
  {
    format: 'bootgate',
    source: 'split.yaml',
    files: { 'split.yaml': readFileSync(join(imagesDir, 'splits/one-extras.yaml'), 'utf8') },
    words: ['rest: true', 'depends: [', 'modules: [', 'budget: 3 MiB', '**', 'version: 1'],
  },
];

const MARK = /^== (\S+)\n/m;

const splitTarget =
  ({ format, source, files, words = [] }: SplitSeed): TargetMaker =>
  async ({ folder, index }) => {
    const room = join(folder, format);
    const seed = Object.entries(files)
      .map(([name, text]) => `== ${name}\n${text}`)
      .join('');
    return {
      name: `split: ${format}`,
      seeds: [Buffer.from(seed, 'latin1')],
      words,
      async read(bytes) {
        rmSync(room, { recursive: true, force: true });
        mkdirSync(room, { recursive: true });
        const parts = bytes.toString('latin1').split(MARK).slice(1);
        for (let at = 0; at + 1 < parts.length; at += 2) {
          const name = parts[at] as string;
          if (!(name in files)) continue;
          mkdirSync(dirname(join(room, name)), { recursive: true });
          writeFileSync(join(room, name), parts[at + 1] as string, 'latin1');
        }
        await readSplit(join(room, source), index, {
          format,
          arch: format === 'kernel-wedge' ? 'amd64' : 'x86_64',
          flavour: 'amd64',
        });
      },
    };
  };

export const splits: Record<string, TargetMaker> = Object.fromEntries(
  SEEDS.map((seed) => [`split-${seed.format}`, splitTarget(seed)]),
);
