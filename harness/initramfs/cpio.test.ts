import { execFileSync } from 'node:child_process';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { BootgateError } from '../errors.js';
import { assemble } from './build.js';
import { writeCpio } from './cpio.js';
import { type ArchivedEntry, readCpio } from './cpio-read.js';
import type { Entry } from './initramfs.js';
import { planArchive } from './plan.js';
import { checkArchive } from './verify.js';

const run = (command: string, args: string[], input?: Uint8Array) =>
  execFileSync(command, args, { input, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } });
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const codeOf = (code: string) => ({ code });

// A tree is a list of parts, so that names collide, nest and share prefixes often enough to matter.
const partArbitrary = fc.oneof(
  fc.constantFrom('a', 'b', 'a-b', 'a.b', 'usr', 'lib', 'B', 'é', 'a b'),
  fc
    .string({ minLength: 1, maxLength: 120 })
    .filter((text) => /^[\x21-\x7e]+$/.test(text) && !/[/\\]|^\.\.?$/.test(text)),
);
const contentArbitrary = fc.oneof(
  fc.uint8Array({ maxLength: 9 }).map((data) => ({ type: 'file' as const, data })),
  fc.constant({ type: 'directory' as const }),
  fc.constantFrom('x', '/usr/bin', '../é').map((target) => ({ type: 'symlink' as const, target })),
  fc.record({
    type: fc.constant('device' as const),
    kind: fc.constantFrom('char' as const, 'block' as const),
    major: fc.nat(255),
    minor: fc.nat(255),
  }),
  fc.nat().map((pick) => ({ type: 'hardlink' as const, pick })),
);
const treeArbitrary = fc
  .array(
    fc.tuple(
      fc.array(partArbitrary, { minLength: 1, maxLength: 4 }),
      contentArbitrary,
      fc.integer({ min: 0, max: 0o7777 }),
    ),
    { maxLength: 25 },
  )
  .map((items) => {
    const entries = new Map<string, Entry>();
    const folders = new Set<string>();
    for (const [parts, content, mode] of items) {
      const path = parts.join('/');
      const above = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
      if (
        entries.has(path) ||
        above.some((folder) => entries.has(folder) && entries.get(folder)?.type !== 'directory')
      )
        continue;
      if (folders.has(path) && content.type !== 'directory') continue;
      for (const folder of above) folders.add(folder);
      if (content.type === 'hardlink') {
        const files = [...entries.values()].filter((entry) => entry.type === 'file');
        const target = files[content.pick % Math.max(1, files.length)];
        if (target) entries.set(path, { path, type: 'hardlink', target: target.path });
      } else if (content.type === 'symlink') entries.set(path, { path, ...content });
      else entries.set(path, { path, mode, ...content } as Entry);
    }
    return [...entries.values()];
  });

/** What a tree means once it is unpacked: the kernel's view, path by path. */
function meaningOf(entries: readonly Entry[]): Map<string, string> {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const meaning = new Map<string, string>();
  for (const entry of entries) {
    for (let cut = entry.path.lastIndexOf('/'); cut > 0; cut = entry.path.lastIndexOf('/', cut - 1))
      if (!byPath.has(entry.path.slice(0, cut))) meaning.set(entry.path.slice(0, cut), `directory ${0o755}`);
    const real = entry.type === 'hardlink' ? byPath.get(entry.target) : entry;
    if (real?.type === 'file' && 'data' in real)
      meaning.set(entry.path, `file ${real.mode} ${Buffer.from(real.data).toString('hex')}`);
    else if (real?.type === 'directory') meaning.set(entry.path, `directory ${real.mode}`);
    else if (real?.type === 'symlink') meaning.set(entry.path, `symlink ${real.target}`);
    else if (real?.type === 'device')
      meaning.set(entry.path, `${real.kind} ${real.mode} ${real.major}:${real.minor}`);
  }
  return meaning;
}

function meaningOfArchive(file: string, entries: readonly ArchivedEntry[]): Map<string, string> {
  const bytes = readFileSync(file);
  const dataOf = (inode: number) => {
    const holder = entries.find((entry) => entry.inode === inode && entry.bytes > 0);
    return holder ? bytes.subarray(holder.offset, holder.offset + holder.bytes).toString('hex') : '';
  };
  return new Map(
    entries.map((entry) => {
      if (entry.type === 'file') return [entry.path, `file ${entry.mode} ${dataOf(entry.inode)}`];
      if (entry.type === 'directory') return [entry.path, `directory ${entry.mode}`];
      if (entry.type === 'symlink') return [entry.path, `symlink ${entry.target}`];
      return [entry.path, `${entry.type} ${entry.mode} ${entry.major}:${entry.minor}`];
    }),
  );
}

t.test('cpio: random trees come back as they were, and cpio and bsdtar see the same', async (t) => {
  const file = join(t.testdir(), 'tree.cpio');
  await fc.assert(
    fc.asyncProperty(treeArbitrary, async (tree) => {
      const { bytes } = await writeCpio(tree, file);
      t.equal(bytes % 512, 0);
      const found = readCpio(file);
      t.same(Object.fromEntries(meaningOfArchive(file, found)), Object.fromEntries(meaningOf(tree)));
      const names = found.map((entry) => entry.path);
      const archive = readFileSync(file);
      t.same(lines(run('cpio', ['-t', '--quiet'], archive)), names, 'cpio -t');
      const octal = (text: string) =>
        Buffer.from(text)
          .toString('latin1')
          .replace(/[\x80-\xff]/g, (one) => `\\${one.charCodeAt(0).toString(8)}`);
      t.same(
        lines(run('bsdtar', ['-tf', file])).map((name) => name.replace(/\/$/, '')),
        names.map(octal),
        'bsdtar -t',
      );
      // mode, link count, owner, group, size or major,minor
      const shown = lines(run('bsdtar', ['-tvf', file])).map((line) => line.split(/\s+/));
      const letter = { file: '-', directory: 'd', symlink: 'l', char: 'c', block: 'b', other: '?' };
      for (const [index, entry] of found.entries()) {
        const [mode = '', , , , size] = shown[index] ?? [];
        t.match(mode[0], entry.links > 1 && entry.type === 'file' ? /[-h]/ : letter[entry.type]);
        t.equal(modeBits(mode), entry.mode, `${entry.path} ${mode}`);
        if (entry.type === 'char' || entry.type === 'block') t.equal(size, `${entry.major},${entry.minor}`);
        else t.equal(size, String(entry.bytes));
      }
    }),
    { numRuns: 40 },
  );
});

/** `-rwsr-x--T` as a number. */
function modeBits(text: string): number {
  let bits = 0;
  for (const [index, char] of [...text.slice(1, 10)].entries()) {
    if (char !== '-' && char !== 'S' && char !== 'T') bits |= 1 << (8 - index);
    if ('sStT'.includes(char)) bits |= 0o4000 >> Math.floor(index / 3);
  }
  return bits;
}

t.test('cpio: unpacked by cpio, the names of one file are one file', async (t) => {
  const folder = t.testdir({ out: {} });
  const file = join(folder, 'links.cpio');
  await writeCpio(
    [
      { path: 'd/m', type: 'file', mode: 0o751, data: Buffer.from('hello') },
      { path: 'd/a', type: 'hardlink', target: 'd/m' },
      { path: 'z', type: 'hardlink', target: 'd/m' },
      { path: 'own', type: 'file', source: process.execPath, bytes: readFileSync(process.execPath).length },
    ],
    file,
  );
  execFileSync('cpio', ['-id', '--quiet'], { input: readFileSync(file), cwd: join(folder, 'out') });
  const out = (name: string) => join(folder, 'out', name);
  t.equal(readFileSync(out('d/a'), 'utf8'), 'hello');
  t.equal(run('stat', ['-c', '%h %a', out('z')]).trim(), '3 751');
  t.ok(readFileSync(out('own')).equals(readFileSync(process.execPath)), 'a streamed file is whole');
});

t.test('cpio: same entries, same bytes', async (t) => {
  const one = t.testdir({ a: { source: 'content' }, b: { source: 'content' } });
  const entries = (folder: string): Entry[] => [
    { path: 'x/y', type: 'file', source: join(one, folder, 'source'), bytes: 7 },
    { path: 'x', type: 'directory', mode: 0o700 },
    { path: 'dev/console', type: 'device', kind: 'char', major: 5, minor: 1 },
  ];
  utimesSync(join(one, 'a/source'), 1, 1);
  const first = await writeCpio(entries('a'), join(one, 'a/out.cpio'));
  const second = await writeCpio(entries('b').reverse(), join(one, 'b/out.cpio'));
  t.same(first, second);
  t.ok(readFileSync(join(one, 'a/out.cpio')).equals(readFileSync(join(one, 'b/out.cpio'))));
  t.equal(first.digest, `sha256:${run('sha256sum', [join(one, 'a/out.cpio')]).split(' ')[0]}`);

  process.env.SOURCE_DATE_EPOCH = '86400';
  t.teardown(() => delete process.env.SOURCE_DATE_EPOCH);
  await writeCpio(entries('a'), join(one, 'a/out.cpio'));
  t.match(run('bsdtar', ['-tvf', join(one, 'a/out.cpio')]), /Jan {2}2 {2}1970 x\/y/);
  process.env.SOURCE_DATE_EPOCH = 'yesterday';
  await t.rejects(writeCpio([], join(one, 'c.cpio')), codeOf('E_SOURCE_DATE_EPOCH'));
});

t.test('cpio: what cannot be written is refused, all at once', async (t) => {
  const data = Buffer.alloc(0);
  const bad: [Entry[], RegExp][] = [
    [[{ path: 'a\0b', type: 'file', data }], /NUL/],
    [[{ path: '/etc/passwd', type: 'file', data }], /slash/],
    [[{ path: 'a/../b', type: 'file', data }], /"\.\."/],
    [[{ path: 'a//b', type: 'file', data }], /empty/],
    [[{ path: '', type: 'file', data }], /not a path/],
    [[{ path: 'TRAILER!!!', type: 'file', data }], /ends an archive/],
    [[{ path: '\ud800', type: 'file', data }], /Unicode/],
    [[{ path: 'x'.repeat(4096), type: 'file', data }], /longer/],
    [[{ path: 'big', type: 'file', source: '/nowhere', bytes: 2 ** 32 }], /4 GiB/],
    [[{ path: 'l', type: 'symlink', target: '' }], /target/],
    [[{ path: 'm', type: 'file', mode: 0o100644, data }], /mode/],
    [[{ path: 'h', type: 'hardlink', target: 'nothing' }], /not a file/],
    [
      [
        { path: 'a', type: 'file', data },
        { path: 'a', type: 'directory' },
      ],
      /twice/,
    ],
    [
      [
        { path: 'lib', type: 'symlink', target: 'usr/lib' },
        { path: 'lib/x', type: 'file', data },
      ],
      /not a folder/,
    ],
  ];
  for (const [entries, why] of bad) {
    const error = await writeCpio(entries, join(t.testdir({}), 'x')).catch((caught: unknown) => caught);
    if (!(error instanceof BootgateError)) t.fail(`accepted ${JSON.stringify(entries)}`);
    else t.match(error.problems.map((problem) => problem.message).join(), why);
  }
  const all = bad.slice(0, 8).flatMap(([entries]) => entries);
  try {
    t.fail(`accepted ${planArchive(all).length}`);
  } catch (error) {
    t.equal((error as BootgateError).problems.length, 8);
  }
  t.doesNotThrow(() => planArchive([{ path: 'x'.repeat(4095), type: 'file', data }]));
  const short = join(t.testdir({ short: 'abc' }), 'short');
  for (const bytes of [2, 4])
    await t.rejects(
      writeCpio([{ path: 'a', type: 'file', source: short, bytes }], `${short}.cpio`),
      codeOf('E_ARCHIVE_SOURCE'),
    );
});

t.test(
  'cpio: a damaged archive is an error, never nonsense; the check after writing sees any change',
  async (t) => {
    const file = join(t.testdir({}), 'x.cpio');
    const entries: Entry[] = [
      { path: 'a', type: 'file', data: Buffer.from('some data') },
      { path: 'b', type: 'symlink', target: 'a' },
    ];
    await writeCpio(entries, file);
    const good = readFileSync(file);
    const used = good.indexOf('TRAILER!!!') + 10;
    const meant = readCpio(good).map(({ path, mode, type, inode, links, bytes, digest, major, minor }) => ({
      ...{ path, inode, links, bytes, digest, major, minor, content: null },
      mode: mode | (type === 'symlink' ? 0o120000 : 0o100000),
    }));
    t.doesNotThrow(() => checkArchive(file, meant, 0));
    fc.assert(
      fc.property(fc.nat(used - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(good);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        try {
          readCpio(damaged);
        } catch (error) {
          t.match(error, codeOf('E_CPIO'));
        }
      }),
    );
    for (let length = 1; length < used; length++)
      t.throws(() => readCpio(good.subarray(0, length)), codeOf('E_CPIO'), `cut at ${length}`);
    const data = good.indexOf('some data');
    const changed = Buffer.from(good);
    changed[data] = 0x53;
    writeFileSync(file, changed);
    t.throws(() => checkArchive(file, meant, 0), codeOf('E_ARCHIVE_CHECK'));
    const padded = Buffer.concat([good, Buffer.alloc(2), good]);
    t.throws(() => readCpio(padded), /multiple of 4/, 'the kernel would not find the second one');
  },
);

t.test('assemble: the segments in a row, each where the kernel looks for it', async (t) => {
  const folder = t.testdir({});
  const segments = [];
  for (const [index, size] of [1, 1000, 3_000_000].entries()) {
    const path = join(folder, `${index}.cpio`);
    const written = await writeCpio(
      [{ path: `f${index}`, type: 'file', data: Buffer.alloc(size, index + 1) }],
      path,
    );
    segments.push({ kind: 'scenario' as const, path, ...written });
  }
  const whole = join(folder, 'whole');
  const { bytes } = await assemble(segments, whole);
  t.equal(bytes, readFileSync(whole).length);
  t.ok(readFileSync(whole).equals(Buffer.concat(segments.map(({ path }) => readFileSync(path)))));
  t.same(
    readCpio(whole).map(({ path, archive, bytes: size }) => [path, archive, size]),
    [
      ['f0', 0, 1],
      ['f1', 1, 1000],
      ['f2', 2, 3_000_000],
    ],
  );
  await t.rejects(assemble([], whole));
});
