import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, truncateSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { architectureOf } from '../arch/index.js';
import { Cache } from '../cache.js';
import { type ArchivedEntry, readCpio } from './cpio-read.js';
import { distributionFamily, findCommand } from './host-programs.js';
import { parseLdCache } from './ld-cache.js';
import { LibraryFinder } from './libraries.js';
import { userlandSegment } from './userland.js';
import { readUserlandTable } from './userland-table.js';

const run = (command: string, args: string[]) =>
  execFileSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const codeOf = (code: string) => ({ code });

t.test('ld.so.cache says what ldconfig -p says', async (t) => {
  const bytes = await readFile('/etc/ld.so.cache');
  const ours = parseLdCache(bytes, architectureOf('x86_64'));
  const ldconfig = (await findCommand('ldconfig')) ?? 'ldconfig';
  const theirs = new Map<string, string>();
  for (const line of lines(run(ldconfig, ['-p']))) {
    const [, name, flags, path] = /^\t(\S+) \(([^)]*)\) => (\S+)$/.exec(line) ?? [];
    if (name && path && flags && /x86-64/.test(flags) && !/hwcap/.test(flags) && !theirs.has(name))
      theirs.set(name, path);
  }
  t.ok(theirs.size > 20);
  t.same(Object.fromEntries(ours), Object.fromEntries(theirs));
  t.same(
    parseLdCache(Buffer.concat([oldFormat(3), bytes]), architectureOf('x86_64')),
    ours,
    'behind the old format',
  );
  t.equal(parseLdCache(bytes.subarray(0, 60), architectureOf('x86_64')).size, 0);
  t.equal(parseLdCache(Buffer.from('rubbish'), architectureOf('x86_64')).size, 0);
  fc.assert(
    fc.property(
      fc.nat(bytes.length),
      (length) => parseLdCache(bytes.subarray(0, length), architectureOf('x86_64')).size <= ours.size,
    ),
  );
});

/** The header and `count` entries of the format before glibc 2.2, as ldconfig may still write in front. */
function oldFormat(count: number): Buffer {
  const old = Buffer.alloc(Math.ceil((16 + 12 * count) / 8) * 8);
  old.write('ld.so-1.7.0');
  old.writeUInt32LE(count, 12);
  return old;
}

t.test('libraries: what ldd says, for every program of the table', async (t) => {
  const { base, tools } = await readUserlandTable();
  let compared = 0;
  for (const { command } of [...base, ...tools]) {
    const file = await findCommand(command);
    if (!file) continue;
    let ldd: string;
    try {
      ldd = run('ldd', [file]);
    } catch {
      continue; // static
    }
    const theirs = lines(ldd).flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
    const ours = new LibraryFinder('x86_64').closure([file]);
    const real = (paths: string[]) => [...new Set(paths.map((path) => realpathSync(path)))].sort();
    t.same(real(ours), real(theirs), command);
    compared++;
  }
  t.ok(compared >= 10, `${compared} programs compared`);
  t.throws(() => new LibraryFinder('aarch64').closure([process.execPath]), codeOf('E_USERLAND_ARCH'));
  t.throws(() => new LibraryFinder('x86_64').closure([], ['libnosuch.so.9']), codeOf('E_USERLAND_LIBRARY'));
});

const guest = { 'init.sh': '#!/bin/sh\n', 'modprobe.sh': '#!/bin/sh\n', 'helpers.sh': '', 'README.md': '' };

t.test('userland: a root that holds together', async (t) => {
  const folder = t.testdir({ guest });
  const cache = new Cache(join(folder, 'cache'));
  const guestDir = join(folder, 'guest');
  const { tools } = await readUserlandTable();
  const present: string[] = [];
  for (const tool of tools) if (await findCommand(tool.command)) present.push(tool.name);
  const segment = await userlandSegment({ tools: present, cache, guestDir });
  const entries = new Map(readCpio(segment.path).map((entry) => [entry.path, entry]));
  /** Follows links as the guest's kernel would. */
  const resolvePath = (path: string, depth = 0): ArchivedEntry | undefined => {
    let at = '';
    for (const part of path.split('/').filter((one) => one !== '')) {
      if (part === '..') at = at.split('/').slice(0, -1).join('/');
      else at = at === '' ? part : `${at}/${part}`;
      const { target } = entries.get(at) ?? {};
      if (target && depth > 20) return undefined;
      const folder = target?.startsWith('/') ? '' : at.slice(0, Math.max(0, at.lastIndexOf('/')));
      if (target) at = resolvePath(`${folder}/${target}`, depth + 1)?.path ?? '(nowhere)';
    }
    return entries.get(at);
  };
  const dangling = [...entries.values()].filter(
    (entry) => entry.type === 'symlink' && !resolvePath(entry.path),
  );
  t.same(
    dangling.map(({ path, target }) => `${path} -> ${target}`),
    [],
    'every link leads to something',
  );
  for (const path of [
    'init',
    'bin/sh',
    'sbin/modprobe',
    'usr/lib/kmod/modprobe',
    'usr/sbin/ip',
    'bin/busybox',
    'lib64/ld-linux-x86-64.so.2',
  ])
    t.equal(resolvePath(path)?.mode, 0o755, path);
  for (const { name, command } of tools.filter((tool) => present.includes(tool.name)))
    t.ok(resolvePath(`usr/sbin/${command}`) ?? resolvePath(`usr/bin/${command}`), name);
  t.notOk(
    entries.has('usr/bin/ip') && entries.get('usr/bin/ip')?.target === '/usr/bin/busybox',
    'no applet hides ip',
  );
  t.equal(resolvePath('usr/sbin/iptables')?.path, 'usr/sbin/xtables-nft-multi');
  t.same([entries.get('dev/console')?.major, entries.get('dev/console')?.minor], [5, 1]);
  t.equal(entries.get('init')?.bytes, guest['init.sh'].length);
  t.ok(entries.has('bootgate/helpers.sh'));
  t.notOk(entries.has('bootgate/README.md'));
  // The kernel's unpacker would replace these links, had one archive both a link and a folder of that name.
  for (const top of ['bin', 'sbin', 'lib', 'lib64']) t.equal(entries.get(top)?.type, 'symlink');
  // Real programs that an applet of the same name would hide are functions.
  const programs = entries.get('bootgate/programs.sh');
  const text = readFileSync(segment.path).subarray(
    programs?.offset,
    (programs?.offset ?? 0) + (programs?.bytes ?? 0),
  );
  t.match(text.toString(), /^ip\(\) \{ \/usr\/s?bin\/ip "\$@"; \}$/m);
});

t.test('userland: made once for all who ask, again when something changed', async (t) => {
  const folder = t.testdir({ guest });
  const guestDir = join(folder, 'guest');
  const cache = new Cache(join(folder, 'cache'));
  const ask = () => userlandSegment({ tools: [], cache, guestDir });
  const [one, two] = await Promise.all([ask(), ask()]);
  t.equal(one, two, 'the very same promise');
  t.same(await ask(), one);
  const elsewhere = await userlandSegment({ tools: [], cache: new Cache(join(folder, 'other')), guestDir });
  t.equal(elsewhere.digest, one.digest, 'the same bytes from scratch');
  writeFileSync(join(guestDir, 'init.sh'), '#!/bin/sh\n# changed\n');
  const changed = await ask();
  t.not(changed.digest, one.digest);
  truncateSync(changed.path, 100);
  t.same(await ask(), changed, 'a damaged file is made again');
  t.equal(readFileSync(changed.path).length, changed.bytes);
});

t.test('userland: what is missing is named, with its package', async (t) => {
  const table = `host: []
base:
  - { command: busybox, debian: busybox-static, fedora: busybox, suse: busybox }
tools:
  - { command: mkfs.nothing, debian: nothing-progs, fedora: nothing-progs, suse: nothing-progs }
  - { command: sh, tool: odd, debian: dash, fedora: dash, suse: dash, files: /nowhere/*.so }
`;
  const folder = t.testdir({
    guest,
    empty: {},
    'table.yaml': table,
    'bad.yaml': table.replace('command: sh,', 'comand: sh, links: x,'),
  });
  const ask = (tools: string[], tableFile = join(folder, 'table.yaml')) =>
    userlandSegment({
      tools,
      tableFile,
      cache: new Cache(join(folder, 'cache')),
      guestDir: join(folder, 'guest'),
    });
  await t.rejects(ask(['mkfs.nothing']), {
    ...codeOf('E_USERLAND_MISSING'),
    blame: 'host',
    problems: [{ message: /mkfs\.nothing.*nothing-progs/ }],
    hint: /nothing-progs; `bootgate setup` does it/,
  });
  await t.rejects(ask(['mkfs.nothin', 'od']), {
    ...codeOf('E_TOOL_UNKNOWN'),
    blame: 'user',
    problems: [{ message: /did you mean mkfs\.nothing/ }, { message: /^od/ }],
  });
  await t.rejects(ask(['odd']), codeOf('E_USERLAND_FILE'));
  await t.rejects(ask([], join(folder, 'bad.yaml')), { ...codeOf('E_DOCUMENT'), problems: [{ line: 6 }] });
  await t.rejects(ask([], join(folder, 'none.yaml')), codeOf('E_DOCUMENT'));
  writeFileSync(
    join(folder, 'table.yaml'),
    table.replace('/nowhere/*.so', `${folder}/empty/*.so? ${folder}/plain?`),
  );
  const bare = await ask(['odd']);
  writeFileSync(join(folder, 'empty/plugin.so'), 'x');
  const more = await ask(['odd']);
  writeFileSync(join(folder, 'plain'), 'x');
  const most = await ask(['odd']);
  t.equal(new Set([bare, more, most].map(({ digest }) => digest)).size, 3, 'a file that appears is seen');
  t.equal(await distributionFamily('ID=ubuntu\nID_LIKE=debian\n'), 'debian');
  t.equal(await distributionFamily('ID="rocky"\nID_LIKE="rhel centos fedora"\n'), 'fedora');
  t.equal(await distributionFamily("ID='opensuse-leap'\nID_LIKE='suse opensuse'\n"), 'suse');
  t.equal(await distributionFamily('ID=arch\n'), null);
});
