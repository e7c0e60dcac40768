import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../paths.js';
import {
  ARCHITECTURES,
  architectureOfElf,
  boardOf,
  bootSupport,
  canBootDirectly,
  findArchitecture,
  libraryFolders,
  machineName,
} from './index.js';

t.test('what each architecture is called, and what its files look like', async (t) => {
  // Debian's names from dpkg's cputable, machines from elf.h, triplets from dpkg-architecture -L.
  const rows = [
    ['x86_64', 'amd64', 62, true, '/usr/lib/x86_64-linux-gnu'],
    ['aarch64', 'arm64', 183, true, '/usr/lib/aarch64-linux-gnu'],
    ['riscv64', 'riscv64', 243, true, '/usr/lib/riscv64-linux-gnu'],
    ['s390x', 's390x', 22, false, '/usr/lib/s390x-linux-gnu'],
    ['ppc64le', 'ppc64el', 21, true, '/usr/lib/powerpc64le-linux-gnu'],
  ] as const;
  t.equal(ARCHITECTURES.length, rows.length, 'every row is looked at');
  for (const [uname, debian, machine, littleEndian, folder] of rows) {
    const table = findArchitecture(debian);
    t.equal(table?.arch, uname);
    t.equal(architectureOfElf({ machine, class: 64, littleEndian }), table, `${uname}: its ELF files`);
    t.not(architectureOfElf({ machine, class: 64, littleEndian: !littleEndian }), table, 'of its byte order');
    t.ok(table && libraryFolders(table).includes(folder), folder);
  }
  t.equal(findArchitecture('x64')?.arch, 'x86_64', 'as Node.js calls it');
  t.equal(findArchitecture('m68k'), undefined);
  t.equal(machineName({ machine: 21, class: 64, littleEndian: false }), 'ppc64');
  t.match(machineName({ machine: 4, class: 32, littleEndian: false }), /ELF machine 4/);
});

t.test('what cannot be booted yet says so', async (t) => {
  for (const { arch, boot } of ARCHITECTURES) {
    if (boot) t.equal(bootSupport(arch).qemu, boot.qemu);
    else
      t.throws(() => bootSupport(arch), {
        code: 'E_ARCH',
        blame: 'user',
        message: `${arch} kernels cannot be booted yet`,
        hint: /x86_64/,
      });
  }
  t.match(boardOf('x86_64'), { pciBus: 'pcie.0' });
  t.match(boardOf('x86_64', 'pc'), { pciBus: 'pci.0' });
  t.throws(() => boardOf('x86_64', 'virt'), { code: 'E_ARCH', hint: /q35, pc/ });
  t.match(canBootDirectly('x86_64', { pvhEntry: null }), { ok: false, reason: /PVH/ });
  t.ok(canBootDirectly('aarch64', { pvhEntry: null }).ok, 'only x86 has PVH');
});

t.test('no other file knows architectures by name', async (t) => {
  const harness = join(packageRoot, 'harness');
  const names = ARCHITECTURES.flatMap(({ arch, names }) => [arch, names.debian, names.triplet]);
  const quoted = new RegExp(`'(?:${[...new Set(names)].join('|')})'|ELF_MACHINE`);
  const knowing = readdirSync(harness, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      /(?<!\.test)\.ts$/.test(file) &&
      !/^arch\/|^vm\/devices\/|^splits\/|^fuzz\/|^bench\/|fixtures/.test(file) &&
      quoted.test(readFileSync(join(harness, file), 'utf8')),
  );
  // A split spells architectures as its distribution does; fuzz makes files of each, and bench reads real ones.
  t.same(knowing, []);
});
