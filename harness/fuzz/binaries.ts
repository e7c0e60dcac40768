import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compressionOf, decompress } from '../decompress.js';
import { bufferSource, parseElf } from '../elf.js';
import { readDynamic } from '../elfdynamic.js';
import { filter } from '../filter.js';
import { writeCpio } from '../initramfs/cpio.js';
import { readCpio } from '../initramfs/cpio-read.js';
import { checkEntries, listArchive } from '../kernel/archive.js';
import { readMembers } from '../kernel/deb.js';
import { readKernelImage } from '../kernel/image.js';
import { resolveKernel } from '../kernel/resolve.js';
import { readRpm } from '../kernel/rpmheader.js';
import { extractVmlinux } from '../kernel/vmlinux.js';
import { readModuleFile } from '../modules/moduleelf.js';
import { packagesFor, smallModules } from './packages.js';
import type { TargetMaker } from './target.js';

export const module: TargetMaker = async (room) => ({
  name: 'module',
  seeds: smallModules(room, 6),
  words: ['__crc_', '.modinfo\0', '.strtab\0', 'alias=', 'depends=', '~Module signature appended~\n'],
  read: (bytes) => readModuleFile(bytes, 'x.ko'),
});

export const elf: TargetMaker = async (room) => ({
  name: 'elf',
  seeds: [...smallModules(room, 2), readFileSync('/usr/bin/true')],
  words: ['\x7fELF', '.symtab\0', 'GNU\0'],
  read(bytes) {
    const file = parseElf(bufferSource(bytes, 'x'));
    file.symbols();
    file.symbols('.dynsym');
    file.undefinedSymbols();
    file.notes();
    readDynamic(file);
  },
});

export const cpio: TargetMaker = async ({ folder }) => {
  const file = join(folder, 'x.cpio');
  await writeCpio(
    [
      { path: 'bin/sh', type: 'file', mode: 0o755, data: Buffer.from('#!') },
      { path: 'bin/link', type: 'symlink', target: 'sh' },
      { path: 'bin/same', type: 'hardlink', target: 'bin/sh' },
      { path: 'dev/null', type: 'device', kind: 'char', major: 1, minor: 3 },
    ],
    file,
  );
  const one = readFileSync(file);
  return {
    name: 'cpio',
    seeds: [one, Buffer.concat([one, Buffer.alloc(512), one])],
    words: ['070701', 'TRAILER!!!\0'],
    read: (bytes) => readCpio(bytes),
  };
};

/** The reader takes a path: the input is written there first. */
const asFile = (path: string, read: (path: string) => unknown) => (bytes: Buffer) => {
  writeFileSync(path, bytes);
  return read(path);
};

export const vmlinuz: TargetMaker = async (room) => {
  const path = join(room.folder, 'vmlinuz');
  return {
    name: 'vmlinuz',
    seeds: packagesFor(room).images,
    words: ['HdrS', 'MZ\0\0zimg', '\x1f\x8b\x08', '\xfd7zXZ\0', '(\xb5/\xfd', 'Linux version '],
    read: asFile(path, (file) => readKernelImage(file)),
  };
};

export const vmlinux: TargetMaker = async (room) => {
  const path = join(room.folder, 'vmlinuz-whole');
  return {
    name: 'vmlinux',
    seeds: packagesFor(room).images.slice(0, 1),
    words: ['HdrS', '\x1f\x8b\x08', '\xfd7zXZ\0', '(\xb5/\xfd'],
    read: asFile(path, (vmlinuz) => extractVmlinux({ vmlinuz, arch: 'x86_64' }, room.cache)),
  };
};

export const compressed: TargetMaker = async () => {
  const text = Buffer.from('a module would be here, and here, and here. '.repeat(40));
  const pack = async (file: string, ...args: string[]) => {
    return Buffer.from((await filter(file, args, text, { limit: 1 << 20 })).bytes);
  };
  const seeds = [gzipSync(text), await pack('xz', '-c'), await pack('zstd', '-cq')];
  return {
    name: 'compressed',
    seeds,
    read: (bytes) => decompress(bytes, compressionOf(bytes), { name: 'x.ko' }),
  };
};

export const debMembers: TargetMaker = async (room) => ({
  name: 'deb members',
  seeds: [packagesFor(room).deb],
  words: ['`\n', 'data.tar.xz', 'control.tar.gz', 'debian-binary', '!<arch>\n'],
  read: asFile(join(room.folder, 'members.deb'), readMembers),
});

export const rpmHeader: TargetMaker = async (room) => ({
  name: 'rpm header',
  seeds: [packagesFor(room).rpm],
  words: ['\x8e\xad\xe8\x01', '\xed\xab\xee\xdb'],
  read: asFile(join(room.folder, 'header.rpm'), readRpm),
});

/** Whole packages: unpacked by the tools that unpack them, some 20 a second. */
const wholePackage =
  (format: 'deb' | 'rpm'): TargetMaker =>
  async (room) => ({
    name: format,
    seeds: [packagesFor(room)[format]],
    words: ['../', './lib/modules/', 'ustar', '070701'],
    read: asFile(join(room.folder, `whole.${format}`), async (file) => {
      await resolveKernel([file], { cache: room.cache }).finally(() => {
        for (const kind of ['package', 'layout', 'digest'])
          rmSync(join(room.cache.root, kind), { recursive: true, force: true });
      });
    }),
  });
export const deb = wholePackage('deb');
export const rpm = wholePackage('rpm');

/** Uncompressed payloads, so that changes reach the archives inside: bsdtar's listing, and our reading of it. */
export const archive: TargetMaker = async (room) => {
  const { tar } = packagesFor(room);
  return {
    name: 'tar',
    seeds: [tar],
    words: ['../', 'ustar', './lib/', ' -> ', ' link to '],
    read: asFile(join(room.folder, 'x.tar'), async (file) =>
      checkEntries(await listArchive(file, 'x.tar'), 'x.tar'),
    ),
  };
};
