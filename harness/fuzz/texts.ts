import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scanConsole } from '../diagnose/console.js';
import { parseKernelConfig } from '../kernel/config.js';
import { clauses, parseControl } from '../kernel/deb.js';
import { closure } from '../modules/closure.js';
import { loadModuleIndex } from '../modules/index.js';
import { depmodIndexes } from '../modules/indexes.js';
import { readList } from '../modules/list.js';
import { wholeTree } from '../modules/set.js';
import { packageRoot } from '../paths.js';
import { cksum } from '../vm/record-line.js';
import { readReport } from '../vm/records.js';
import type { TargetMaker } from './target.js';

/** Names of the tree's texts, in one input: `== NAME` before each. */
const MARK = /^== ([a-z.]+)\n/m;

/** depmod's texts and the kernel build's, of a tree with ten real modules: index, closure and new indexes. */
export const moduleTexts: TargetMaker = async ({ index, folder, cache }) => {
  const tree = join(folder, 'tree');
  const names = [...index.modules.values()].filter(({ depends }) => depends.length > 0).slice(0, 4);
  const chosen = new Map(
    names
      .flatMap((one) => [one, ...one.depends.flatMap((name) => index.modules.get(name) ?? [])])
      .map((one) => [one.name, one]),
  );
  for (const { path } of chosen.values()) {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    cpSync(join(index.dir, path), join(tree, path));
  }
  const lines = (text: string) =>
    text
      .split('\n')
      .filter((line) => [...chosen.keys()].some((name) => line.endsWith(` ${name}`)))
      .slice(0, 30)
      .join('\n');
  const dep = [...chosen.values()]
    .map((one) => `${one.path}:${one.depends.map((name) => ` ${chosen.get(name)?.path}`).join('')}`)
    .join('\n');
  const texts = {
    'modules.dep': dep,
    'modules.alias': lines(index.texts.alias),
    'modules.symbols': lines(index.texts.symbols),
    'modules.softdep': 'softdep ext4 pre: crc32c post: jbd2\nsoftdep btrfs pre: xor\n',
    'modules.weakdep': 'weakdep ext4 crc32c\n',
    'modules.order': [...chosen.values()].map(({ path }) => path).join('\n'),
    'modules.builtin': 'kernel/fs/configfs/configfs.ko\nkernel/crypto/aes_generic.ko\n',
    'modules.builtin.modinfo': 'configfs.alias=fs-configfs\0aes_generic.alias=crypto-aes\0',
  };
  const seed = Object.entries(texts)
    .map(([name, text]) => `== ${name}\n${text}\n`)
    .join('');
  return {
    name: 'modules.*',
    seeds: [Buffer.from(seed, 'latin1')],
    words: ['kernel/', '.ko', 'alias ', 'symbol:', 'softdep ', 'pre: ', 'post: ', '\n== modules.dep\n'],
    async read(bytes) {
      const parts = bytes.toString('latin1').split(MARK).slice(1);
      for (const name of Object.keys(texts)) writeFileSync(join(tree, name), '');
      for (let at = 0; at + 1 < parts.length; at += 2)
        if ((parts[at] as string) in texts)
          writeFileSync(join(tree, parts[at] as string), parts[at + 1] as string, 'latin1');
      const read = await loadModuleIndex(tree, '6.1.0-9-tiny', cache);
      const set = wholeTree(read);
      closure(read, set.names.slice(0, 3), { soft: true });
      for (const request of ['pci:v00001AF4d00001000sv*', 'fs-ext4', 'symbol:jbd2_journal_start', 'ext4'])
        read.resolve(request);
      await depmodIndexes(set, cache);
    },
  };
};

export const list: TargetMaker = async ({ index }) => ({
  name: 'module list',
  seeds: [
    Buffer.from('# a list\next4\nfs/xfs/\n-drivers/net/*\nnf_* # filters\nzork?\nkernel/fs/btrfs/btrfs.ko\n'),
  ],
  words: ['**', '[a-z]', '[!a]', '[[:alpha:]]', 'ext4', '-', '?', '\n-'],
  read: (bytes) => readList(index, bytes, 'my.list'),
});

export const control: TargetMaker = async () => ({
  name: 'control',
  seeds: [
    Buffer.from(
      'Package: linux-image-6.1.0\nVersion: 6.1-1\nArchitecture: amd64\nDepends: a (>= 1), b | c\nDescription: x\n more\n',
    ),
  ],
  words: ['Depends:', '\n ', '(=', '|'],
  read(bytes) {
    const fields = parseControl(bytes.toString());
    clauses(fields.get('depends'));
  },
});

export const config: TargetMaker = async () => ({
  name: 'kernel config',
  seeds: [
    Buffer.from('CONFIG_MODULES=y\nCONFIG_CMDLINE="a \\"b\\""\n# CONFIG_XEN is not set\nCONFIG_HZ=250\n'),
  ],
  words: ['CONFIG_', '=m\n', ' is not set'],
  read: (bytes) => parseKernelConfig(bytes.toString()),
});

/** Records whose checksums are made right again, so that what stands in them is read. */
export const records: TargetMaker = async () => {
  const nonce = '0123456789abcdef';
  const seed = [
    'hello version=1',
    'device kind=disk id=data node=/dev/vda',
    'request name=fs-ext4 status=0 step=one',
    'step-start name=one index=0',
    'step-end name=one status=0 timedout=0 seconds=1.5 output=ok%0a',
    'unbound modalias=pci:v1 device=/devices/x',
    'memory modules=1 used=2 total=3',
    'modules virtio_blk=20480 ext4=900000',
    'end records=9',
  ];
  const lines = (texts: readonly string[]) =>
    texts.map((text, at) => {
      const words = `${nonce} ${at + 1} ${text}`;
      return `@bg1 ${nonce} ${at + 1} ${cksum(words)} ${text}\r\n`;
    });
  return {
    name: 'records',
    seeds: [Buffer.from(seed.join('\n'))],
    words: ['%', '%0a', '%ff', 'step-end ', 'end records=', 'name=', '@bg1 '],
    read(bytes) {
      const text = bytes.toString('latin1');
      const framed = Buffer.from(lines(text.split('\n')).join(''), 'latin1');
      readReport(nonce, framed, bytes);
      readReport(nonce, bytes, framed);
    },
  };
};

export const console: TargetMaker = async () => {
  const folder = join(packageRoot, 'harness/diagnose/fixtures');
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return {
    name: 'console',
    seeds: logs.map((name) => readFileSync(join(folder, name))).filter((bytes) => bytes.length < 64_000),
    words: [
      '\x1b[31m',
      '[    1.000000] ',
      'BUG: ',
      'Oops: ',
      'RIP: 0010:',
      'Call Trace:',
      '---[ end trace',
      'Kernel panic - not syncing: ',
      'Modules linked in: ',
    ],
    read: (bytes) => scanConsole(bytes),
  };
};
