import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ARCHITECTURES, architectureOf, architectureOfElf, findArchitecture } from '../arch/index.js';
import { Cache } from '../cache.js';
import { bufferSource, parseElf } from '../elf.js';
import { readDynamic } from '../elfdynamic.js';
import { exec } from '../exec.js';
import { deb, type TarEntry } from '../kernel/fixtures/make.js';
import { appletNamesIn } from './applets.js';
import { type ArchivedEntry, readCpio } from './cpio-read.js';
import { findCommand } from './host-programs.js';
import { ownersOf, rootOfPackages } from './package-root.js';
import { defaultUserland } from './tool-source.js';
import { userlandSegment } from './userland.js';
import { lockedPackages, lockFile, readLock, writeLock } from './userland-lock.js';
import { unpackForGuest } from './userland-package.js';
import { readUserlandTable } from './userland-table.js';

const codeOf = (code: string) => ({ code });
const APPLETS = ['[', '[[', ...Array.from({ length: 60 }, (_, n) => `applet${n + 10}`), 'cut', 'sh'].sort();
const BUSYBOX = `text\0[\0[[\0 no table${APPLETS.join('\0')}\0\0more`;

const PACKAGES: Record<string, TarEntry[]> = {
  'busybox-static': [{ path: './bin/busybox', data: BUSYBOX, mode: 0o755 }],
  thing: [
    { path: './sbin/thing-nft', data: '#!/bin/sh\necho thing\n', mode: 0o755 },
    { path: './sbin/cut', type: '2', target: '/bin/cutter' },
    { path: './usr/share/doc/thing/README', data: 'none of it is kept' },
  ],
  cutter: [
    { path: './bin/cutter', data: '#!/bin/sh\n', mode: 0o755 },
    { path: './etc/cutter.conf', data: 'a=b\n' },
    { path: './usr/lib/out', type: '2', target: '../../../../etc/shadow' },
  ],
};
const TABLE = `host: []
base:
  - { command: busybox, debian: busybox-static, fedora: busybox, suse: busybox }
tools:
  - { command: thing, debian: thing, fedora: thing, suse: thing }
  - { command: cut, tool: cutter, debian: thing, fedora: thing, suse: thing, files: /etc/cutter.conf, from: cutter }
  - { command: gone, debian: thing, fedora: thing, suse: thing }
`;

/** An archive of made packages, a lock file for them, and who asks for a segment of them. */
function archiveOf(t: Test) {
  const debs = Object.entries(PACKAGES).map(
    ([name, entries]) => [name, deb(entries, { Package: name, Architecture: 'arm64' })] as const,
  );
  const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const lines = debs.map(
    ([name, bytes]) => `      ${name}: 1.0 pool/main/${name}_1.0_arm64.deb ${bytes.length} ${sum(bytes)}\n`,
  );
  const folder = t.testdir({
    pool: { main: Object.fromEntries(debs.map(([name, bytes]) => [`${name}_1.0_arm64.deb`, bytes])) },
    guest: { 'init.sh': '#!/bin/sh\n', 'modprobe.sh': '#!/bin/sh\n' },
    'table.yaml': TABLE,
    'userland.lock':
      `version: 1\narchitectures:\n  arm64:\n    suite: x\n    packages:\n${lines.join('')}    tools:\n` +
      '      busybox: busybox-static\n      thing: thing\n      cutter: cutter thing\n      gone: thing\n',
  });
  const ask = (tools: string[], cache: string) =>
    userlandSegment({
      tools,
      cache: new Cache(join(folder, cache)),
      arch: 'aarch64',
      tableFile: join(folder, 'table.yaml'),
      lockFile: join(folder, 'userland.lock'),
      guestDir: join(folder, 'guest'),
    });
  return { folder, ask };
}

const entriesOf = (path: string) => new Map(readCpio(path).map((entry) => [entry.path, entry]));

t.test('packages: fetched, unpacked and put into a guest, with nothing installed or run', async (t) => {
  if (!existsSync('/usr/lib/apt/apt-helper')) return t.pass('apt', { skip: 'apt is not here' });
  const { folder, ask } = archiveOf(t);
  t.intercept(process, 'env', { value: { ...process.env, BOOTGATE_DEBIAN_ARCHIVE: `file://${folder}` } });
  const segment = await ask(['thing', 'cutter'], 'one');
  const entries = entriesOf(segment.path);
  t.match(entries.get('usr/sbin/thing'), { type: 'symlink', target: '/usr/sbin/thing-nft' });
  t.equal(entries.get('usr/sbin/cut')?.target, '/usr/bin/cutter', 'an absolute link between packages');
  t.equal(entries.get('usr/bin/cutter')?.mode, 0o755);
  t.equal(entries.get('etc/cutter.conf')?.type, 'file');
  t.equal(entries.get('usr/bin/sh')?.target, '/usr/bin/busybox', 'an applet out of the table in the file');
  t.notOk(entries.has('usr/bin/applet10'), 'few links: the shell finds the others');
  t.notOk(entries.has('usr/lib/out'), 'nobody needs it');
  t.equal((await ask(['thing', 'cutter'], 'two')).digest, segment.digest, 'the same bytes from scratch');
  await t.rejects(ask(['gone'], 'one'), codeOf('E_USERLAND_MISSING'));

  writeFileSync(
    join(folder, 'pool/main/thing_1.0_arm64.deb'),
    deb([{ path: './sbin/thing', data: 'other' }]),
  );
  t.equal(
    (await ask(['thing', 'cutter'], 'one')).digest,
    segment.digest,
    'what is in the cache is not fetched',
  );
  await t.rejects(ask(['thing'], 'three'), { blame: 'host', code: /E_APT_(CHECKSUM|DOWNLOAD)/ });
});

t.test('packages: links stay inside, and no two packages have one file', async (t) => {
  const { folder } = archiveOf(t);
  const cache = new Cache(join(folder, 'cache'));
  const open = (name: string) =>
    unpackForGuest(join(folder, `pool/main/${name}_1.0_arm64.deb`), { cache, log: () => {} });
  const [thing, cutter] = [await open('thing'), await open('cutter')];
  const root = await rootOfPackages([thing, cutter], cache);
  t.equal(readlinkSync(join(root, 'usr/sbin/cut')), '../bin/cutter');
  t.equal(readlinkSync(join(root, 'usr/lib/out')), '../../etc/shadow', 'the root is as far up as it goes');
  t.equal(readlinkSync(join(root, 'lib')), 'usr/lib');
  t.equal(lstatSync(join(root, 'usr/bin/cutter')).nlink, 2, 'not copied');
  t.throws(() => ownersOf([cutter, { ...cutter, name: 'twin' }]), codeOf('E_PACKAGE_CONFLICT'));
  const hostile = join(folder, 'hostile.deb');
  writeFileSync(hostile, deb([{ path: './../../etc/passwd', data: 'x' }]));
  await t.rejects(unpackForGuest(hostile, { cache, log: () => {} }), codeOf('E_PACKAGE_UNSAFE'));
});

t.test("busybox's applets: read from the file, as it lists them itself", async (t) => {
  const busybox = await findCommand('busybox');
  if (busybox) {
    const { stdout } = await exec(busybox, ['--list']);
    t.same(await appletNamesIn(busybox), stdout.trim().split('\n'));
  }
  const file = join(t.testdir({ made: BUSYBOX }), 'made');
  t.same(await appletNamesIn(file), APPLETS);
  await t.rejects(appletNamesIn(process.execPath), codeOf('E_USERLAND_BUSYBOX'));
});

t.test('the lock file: every architecture has every tool, and it is written as it is read', async (t) => {
  const lock = await readLock(lockFile());
  const { base, tools } = await readUserlandTable();
  const needed = [...base, ...tools].filter(({ optional }) => !optional).map(({ name }) => name);
  for (const table of ARCHITECTURES) {
    const packages = lockedPackages(lock, table, needed, 'userland.lock');
    t.ok(packages.length > 20, `${table.arch}: ${packages.length} packages`);
    const others = packages.filter(({ architecture }) => !['all', table.names.debian].includes(architecture));
    t.same(others, [], 'all of its architecture');
  }
  const copy = join(t.testdir({}), 'userland.lock');
  await writeLock(copy, lock);
  t.equal(readFileSync(copy, 'utf8'), readFileSync(lockFile(), 'utf8'));
  const amd64 = architectureOf('x86_64');
  t.throws(() => lockedPackages(lock, amd64, ['nosuch'], 'x.lock'), {
    code: 'E_USERLAND_LOCK',
    hint: /update/,
  });
  t.throws(() => lockedPackages(new Map(), amd64, [], 'x.lock'), { message: /no packages for amd64/ });
  writeFileSync(copy, 'version: 1\narchitectures: { arm64: { suite: x, packages: { a: b }, tools: {} } }\n');
  await t.rejects(readLock(copy), { code: 'E_DOCUMENT', problems: [{ line: 2 }] });
});

/** What an ELF file in an archive needs of its loader; null: no ELF file. */
function needsOf(archive: Buffer, { offset = 0, bytes = 0, path }: ArchivedEntry) {
  const content = archive.subarray(offset, offset + bytes);
  if (content.toString('latin1', 0, 4) !== '\x7fELF') return null;
  const elf = parseElf(bufferSource(content, path));
  return { elf, ...readDynamic(elf) };
}

t.test(
  'real packages of another architecture: every library is there, and nothing is of this one',
  async (t) => {
    if (!existsSync('/usr/lib/apt/apt-helper')) return t.pass('apt', { skip: 'apt is not here' });
    t.equal(defaultUserland('aarch64') === 'host', process.arch === 'arm64');
    const cache = new Cache();
    const segment = await userlandSegment({
      tools: ['nft'],
      cache,
      arch: 'aarch64',
      userland: 'packages',
    });
    const archive = readFileSync(segment.path);
    const entries = readCpio(segment.path);
    const names = new Set(entries.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
    let programs = 0;
    for (const entry of entries.filter(({ type }) => type === 'file')) {
      const needs = needsOf(archive, entry);
      if (!needs) continue;
      programs++;
      t.equal(architectureOfElf(needs.elf), findArchitecture('arm64'), entry.path);
      t.same(
        needs.needed.filter((name) => !names.has(name)),
        [],
        entry.path,
      );
    }
    t.ok(programs > 20, `${programs} programs and libraries`);
  },
);
