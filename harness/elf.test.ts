import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { compressionOf, decompress, readManyMaybeCompressed, readMaybeCompressed } from './decompress.js';
import { bufferSource, fileSource, parseElf } from './elf.js';
import { readDynamic } from './elfdynamic.js';
import { BootgateError } from './errors.js';
import { exec } from './exec.js';
import { type FilterOptions, filter } from './filter.js';

/** A tool that only compares: without it the comparison is skipped, and says so. */
async function have(tool: string): Promise<boolean> {
  return exec(tool, ['--version'], { okCodes: [0, 1, 2] }).then(
    () => true,
    () => false,
  );
}

t.test('ELF: sections, segments and the dynamic section are what readelf prints', async (t) => {
  if (!(await have('readelf'))) return t.pass('readelf', { skip: 'readelf (binutils) is not installed' });
  for (const path of [process.execPath, '/bin/sh', '/usr/bin/bsdtar']) {
    const fd = openSync(path, 'r');
    const elf = parseElf(fileSource(fd, path));
    const { stdout } = await exec('readelf', ['-WSd', path], { env: { LC_ALL: 'C' } });
    const sections = [
      ...stdout.matchAll(/^ +\[ *\d+\] (\S*) +[A-Z_]+ +[0-9a-f]{16} ([0-9a-f]+) ([0-9a-f]+)/gm),
    ];
    sections.shift(); // the empty one
    t.ok(sections.length > 10, `${path} has sections`);
    t.strictSame(
      elf.sections.slice(1).map(({ name, offset, size }) => [name, offset, size]),
      sections.map(([, name, offset, size]) => [name, Number(`0x${offset}`), Number(`0x${size}`)]),
      `${path}: sections`,
    );
    const entries = (tag: string) =>
      [...stdout.matchAll(new RegExp(`\\(${tag}\\).*\\[(.*)\\]`, 'g'))].map((m) => m[1]);
    const dynamic = readDynamic(elf);
    t.strictSame(dynamic.needed, entries('NEEDED'), `${path}: needed`);
    t.strictSame(
      dynamic.runpath,
      entries('RUNPATH').flatMap((one) => one?.split(':')),
      `${path}: runpath`,
    );
    t.match(dynamic.interp, /\/ld-/, `${path}: interpreter`);
    const undefinedNames = elf
      .symbols('.dynsym')
      .filter((one) => one.section === 0)
      .map((one) => one.name)
      .sort();
    const dyn = (await exec('readelf', ['-W', '--dyn-syms', path], { env: { LC_ALL: 'C' } })).stdout;
    const theirs = [...dyn.matchAll(/ UND (\S+?)(@\S+)?( \(\d+\))?$/gm)].map((m) => m[1] ?? '').sort();
    t.strictSame(undefinedNames, theirs, `${path}: undefined symbols`);
    const notes = (await exec('readelf', ['-Wn', path], { env: { LC_ALL: 'C' } })).stdout;
    const build = /Build ID: (\w+)/.exec(notes)?.[1];
    const own = elf.notes().find((note) => note.name === 'GNU' && note.type === 3);
    t.equal(own && Buffer.from(own.data).toString('hex'), build, `${path}: build id`);
    closeSync(fd);
  }
});

t.test('ELF: 32 bit, both byte orders', async (t) => {
  // e_ident, e_type 1, e_machine 20 (PowerPC) and one SHT_NOTE section, big endian.
  const note = Buffer.from('000000040000000400000007586500000badcafe', 'hex');
  const header = Buffer.alloc(52);
  header.write('\x7fELF\x01\x02\x01', 0, 'latin1');
  header.writeUInt16BE(1, 16);
  header.writeUInt16BE(20, 18);
  header.writeUInt32BE(52 + note.length, 32);
  header.writeUInt16BE(40, 46);
  header.writeUInt16BE(2, 48);
  const section = Buffer.alloc(80);
  section.writeUInt32BE(7, 40 + 4);
  section.writeUInt32BE(52, 40 + 16);
  section.writeUInt32BE(note.length, 40 + 20);
  const elf = parseElf(bufferSource(Buffer.concat([header, note, section])));
  t.match(elf, { class: 32, littleEndian: false, machine: 20 });
  t.strictSame(elf.notes(), [{ name: 'Xe', type: 7, data: Buffer.from('0badcafe', 'hex') }]);
});

t.test('ELF: damaged headers end in E_ELF, never in another error or a loop', async (t) => {
  const fd = openSync('/bin/sh', 'r');
  const whole = readFileSync('/bin/sh');
  closeSync(fd);
  const readAll = (bytes: Uint8Array) => {
    try {
      const elf = parseElf(bufferSource(bytes, 'x'));
      elf.notes();
      readDynamic(elf);
      elf.symbols('.dynsym');
      elf.undefinedSymbols();
      for (const section of elf.sections) elf.bytesOf(section);
      return 'read';
    } catch (error) {
      if (error instanceof BootgateError && error.code === 'E_ELF' && error.blame === 'user')
        return 'refused';
      throw error;
    }
  };
  t.equal(readAll(whole), 'read');
  // Where damage matters: the header, the program headers, the section headers at the end, the tables between.
  const sections = parseElf(bufferSource(whole)).sections;
  const places = sections.filter(({ name }) => /dyn|note|shstrtab/.test(name));
  const table = whole.readUInt32LE(40);
  const position = fc.oneof(
    fc.integer({ min: 0, max: 64 + 56 * 12 }),
    fc.integer({ min: table, max: whole.length - 1 }),
    ...places.map(({ offset, size }) => fc.integer({ min: offset, max: offset + Math.max(0, size - 1) })),
  );
  const change = fc.tuple(
    position,
    fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
  );
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      outcomes.add(readAll(bytes));
    }),
    { numRuns: 1500 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      outcomes.add(readAll(whole.subarray(0, length)));
    }),
    { numRuns: 300 },
  );
  t.strictSame([...outcomes].sort(), ['read', 'refused'], 'both kinds were met');
  t.throws(() => parseElf(bufferSource(Buffer.from('MZ'))), { code: 'E_ELF' });
});

t.test('compression: each kind by its magic, unpacked to the bytes that went in', async (t) => {
  const text = Buffer.from('a kernel module, more or less\n'.repeat(500));
  const packers: [kind: string, tool: string, ...args: string[]][] = [
    ['gzip', 'gzip', '-c'],
    ['xz', 'xz', '-c', '--check=crc32'],
    ['lzma', 'xz', '-c', '--format=lzma'],
    ['zstd', 'zstd', '-c', '-q'],
    ['lz4', 'lz4', '-c', '-q'],
    ['lz4', 'lz4', '-l', '-c', '-q'],
    ['bzip2', 'bzip2', '-c'],
    ['lzo', 'lzop', '-c'],
  ];
  t.equal(compressionOf(text), 'none');
  t.equal(await decompress(text, 'none'), text);
  t.equal(compressionOf(Buffer.alloc(0)), 'none');
  for (const [kind, tool, ...args] of packers) {
    if (!(await have(tool))) {
      t.pass(kind, { skip: `${tool} is not installed` });
      continue;
    }
    const file = join(t.testdir({ text }), 'text');
    await exec('sh', ['-c', `"$0" "$@" <${file} >${file}.packed`, tool, ...args]);
    const packed = await readFile(`${file}.packed`);
    t.equal(compressionOf(packed), kind, tool);
    t.strictSame(Buffer.from(await decompress(packed, compressionOf(packed))), text, `${kind} round trip`);
    t.strictSame(Buffer.from(await readMaybeCompressed(`${file}.packed`)), text, `${kind} file`);
    const cut = packed.subarray(0, packed.length - 12);
    await t.rejects(
      decompress(cut, compressionOf(packed), { name: 'cut.ko' }),
      { code: 'E_COMPRESSED', blame: 'user', message: /cut\.ko/ },
      `${kind} cut short`,
    );
  }
  const path = process.env.PATH;
  process.env.PATH = t.testdir({});
  t.teardown(() => {
    process.env.PATH = path;
  });
  await t.rejects(decompress(text, 'xz'), { code: 'E_TOOL_MISSING', blame: 'host', message: /xz/ });
});

t.test('many files: in order, whatever they are packed with, and a bad one is named', async (t) => {
  const folder = t.testdir({ one: {}, two: {}, scratch: {} });
  const paths: string[] = [];
  const expected = new Map<string, string>();
  for (let index = 0; index < 300; index++) {
    // The same base names in two folders: files that are unpacked together must not meet.
    const path = join(folder, index % 2 ? 'one' : 'two', `m${index >> 1}.ko`);
    await writeFile(path, `module ${index} `.repeat(index));
    expected.set(path, `module ${index} `.repeat(index));
    paths.push(path);
  }
  const zstd = await have('zstd');
  await exec('xz', ['-1', '--', ...paths.filter((_, index) => index % 3 === 1)]);
  if (zstd) await exec('zstd', ['-q', '--rm', '--', ...paths.filter((_, index) => index % 3 === 2)]);
  const now = paths.map(
    (path, index) => path + (index % 3 === 1 ? '.xz' : index % 3 === 2 && zstd ? '.zst' : ''),
  );
  await symlink(now[1] ?? '', join(folder, 'link.ko.xz'));
  now.push(join(folder, 'link.ko.xz'));
  expected.set(join(folder, 'link.ko'), 'module 1 ');
  const seen: string[] = [];
  const options = { scratch: join(folder, 'scratch') };
  for await (const { path, bytes } of readManyMaybeCompressed(now, options)) {
    seen.push(path);
    const plain = path.replace(/\.(xz|zst)$/, '');
    if (Buffer.from(bytes).toString() !== expected.get(plain)) t.fail(`${path} differs`);
  }
  t.strictSame(seen, now);
  t.strictSame((await exec('ls', [options.scratch])).stdout, '', 'nothing is left behind');

  const bad = now[4] ?? '';
  await writeFile(bad, (await readFile(bad)).subarray(0, 20));
  const readThem = async () => {
    for await (const _ of readManyMaybeCompressed(now, options));
  };
  await t.rejects(readThem(), { code: 'E_COMPRESSED', message: new RegExp(bad) });
  t.strictSame((await exec('ls', [options.scratch])).stdout, '', 'nothing is left behind after an error');
});

t.test('a filter is bounded in bytes and time, and says how it ended', async (t) => {
  const run = (script: string, more: Partial<FilterOptions> = {}) =>
    filter('sh', ['-c', script], Buffer.from('in'), { limit: 1_000_000, ...more });
  t.match(await run('cat; echo oh >&2; exit 3'), { bytes: Buffer.from('in'), status: 3, complaint: 'oh' });
  t.match(await run('exit 0 <&-', {}), { status: 0 }, 'input that nobody reads is no error');
  t.equal((await run('yes')).status, 'limit');
  t.equal((await run('kill -9 $$')).status, 'killed');
  await t.rejects(run('exec sleep 60', { timeout: 50 }), { code: 'E_TOOL_TIMEOUT', blame: 'host' });
  const abort = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => abort.abort(reason), 50);
  await t.rejects(run('exec sleep 60', { signal: abort.signal }), reason);
  await t.rejects(run('true', { signal: abort.signal }), reason, 'aborted before it starts');
  await t.rejects(filter('no-such-tool', [], Buffer.alloc(0), { limit: 1 }), { code: 'E_TOOL_MISSING' });
});
