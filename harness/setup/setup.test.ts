import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readToolTable } from '../initramfs/userland-table.js';
import { packageRoot } from '../paths.js';

const script = join(packageRoot, 'harness/setup/system-tools.sh');

/** What every row of the table is called, so that a test can pretend that it is there. */
const everything = (await readToolTable()).filter((tool) => !tool.paths).map((tool) => tool.command);

interface Machine {
  /** Text: a program of one's own. `true`: the host's. */
  programs?: Record<string, string | true>;
  present?: readonly string[];
  osRelease?: string;
  uid?: number;
  /** What runs; the script unless given. */
  command?: readonly [string, ...string[]];
}

/** Runs the script on a machine that has nothing but what is given. */
function setUp(t: Test, machine: Machine, args: string[] = []) {
  const folder = t.testdir({ bin: {}, 'os-release': machine.osRelease ?? 'ID=debian\n', log: '' });
  const programs: Record<string, string | true> = {
    ...Object.fromEntries((machine.present ?? everything).map((name) => [name, ':'])),
    ...{
      awk: true,
      cat: true,
      chmod: true,
      env: true,
      npm: ':',
      node: 'echo v20.11.0',
      id: `echo ${machine.uid ?? 0}`,
    },
    ...machine.programs,
  };
  for (const [name, program] of Object.entries(programs)) {
    const at = join(folder, 'bin', name);
    if (program === true)
      symlinkSync(
        spawnSync('sh', ['-c', `command -v ${name}`])
          .stdout.toString()
          .trim(),
        at,
      );
    else if (program !== '') writeFileSync(at, `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  }
  const env = {
    PATH: join(folder, 'bin'),
    BOOTGATE_SBIN: '/nowhere',
    BOOTGATE_OS_RELEASE: join(folder, 'os-release'),
    BIN: join(folder, 'bin'),
    LOG: join(folder, 'log'),
  };
  const [program, ...before] = machine.command ?? ['/bin/sh', script];
  const ended = spawnSync(program, [...before, ...args], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status: ended.status, said: ended.stderr, log: readFileSync(join(folder, 'log'), 'utf8') };
}

const without = (...names: string[]) => everything.filter((name) => !names.includes(name));
/** A package manager that writes down what it was asked, and puts the commands there. */
const manager = `echo "$(basename "$0") $*" >> "$LOG"; for c in nft mkfs.xfs; do echo '#!/bin/sh' > "$BIN/$c"; chmod +x "$BIN/$c"; done`;
const working = { basename: true as const, 'apt-cache': ':', 'apt-get': manager };

t.test('the shell and the YAML parser read the same table', async (t) => {
  const { stdout } = spawnSync('/bin/sh', [script, '--table'], { encoding: 'utf8' });
  const rows = (await readToolTable()).map(({ role, command, packages, optional, target, paths }) =>
    [
      role,
      paths ? 'file' : 'command',
      command,
      packages.debian,
      packages.fedora,
      packages.suse,
      optional,
      target ?? '',
      (paths ?? []).join(' '),
    ].join('|'),
  );
  t.ok(rows.length > 20);
  t.same(stdout.trim().split('\n'), rows);
});

t.test('nothing is missing: nothing is said or run', async (t) => {
  t.match(setUp(t, { programs: working }), { status: 0, said: '', log: '' });
});

t.test('what is missing is installed, once', async (t) => {
  const ran = setUp(t, {
    present: without('nft', 'mkfs.xfs', 'xfs_repair', 'sfdisk'),
    programs: {
      ...working,
      'apt-get': `${manager}; echo '#!/bin/sh' > "$BIN/xfs_repair"; chmod +x "$BIN/xfs_repair"`,
    },
  });
  t.equal(ran.status, 0, ran.said);
  t.equal(ran.log, 'apt-get install -y --no-install-recommends xfsprogs nftables\n', 'sfdisk is optional');
  t.match(ran.said, /missing: mkfs.xfs \(xfsprogs\), xfs_repair \(xfsprogs\), nft \(nftables\)\n/);
});

t.test('lists that do not know the packages are fetched first', async (t) => {
  const ran = setUp(t, { present: without('nft'), programs: { ...working, 'apt-cache': 'exit 100' } });
  t.equal(ran.status, 0, ran.said);
  t.equal(ran.log, 'apt-get update\napt-get install -y --no-install-recommends nftables\n');
});

t.test('CI on a machine that lacks something ends with 3, before anything is built', async (t) => {
  const ran = setUp(t, {
    present: without('nft'),
    osRelease: 'ID=plan9\n',
    programs: { sh: true, dirname: true, make: 'echo made >> "$LOG"; exit 2' },
    command: ['/bin/bash', join(packageRoot, '.ci/run')],
  });
  t.equal(ran.status, 3, ran.said);
  t.match(ran.said, /missing: nft/);
  t.equal(ran.log, '', 'make was not called');
});

t.test('Fedora: dnf, with its own package names', async (t) => {
  const ran = setUp(t, {
    present: without('nft', 'mkfs.xfs'),
    osRelease: 'NAME=x\nID=fedora\n',
    programs: { basename: true, dnf: manager },
  });
  t.equal(ran.status, 0, ran.said);
  t.equal(ran.log, 'dnf install -y --setopt=install_weak_deps=False xfsprogs nftables\n');
});

t.test('not root: through sudo where it asks nothing, else the exact command and exit 3', async (t) => {
  const machine = { present: without('nft'), uid: 1000 };
  const sudo = 'echo "sudo $*" >> "$LOG"; shift; exec "$@"';
  const through = setUp(t, { ...machine, programs: { ...working, true: ':', sudo } });
  t.equal(through.status, 0, through.said);
  t.match(
    through.log,
    /^sudo -n true\nsudo -n env DEBIAN_FRONTEND=noninteractive apt-get install .* nftables\napt-get install/,
  );
  for (const refused of ['', 'exit 1']) {
    const { status, said, log } = setUp(t, { ...machine, programs: { ...working, sudo: refused } });
    t.equal(status, 3);
    t.match(said, '\n  sudo apt-get install -y --no-install-recommends nftables\n');
    t.equal(log, '');
  }
  const suse = setUp(t, {
    ...machine,
    osRelease: 'ID=opensuse-leap\nID_LIKE="suse opensuse"\n',
    programs: { sudo },
  });
  t.match(suse, { status: 3, said: '\n  sudo zypper --non-interactive install --no-recommends nftables\n' });
  const other = setUp(t, { ...machine, osRelease: 'ID=plan9\n' });
  t.match(other, { status: 3, said: /missing: nft\n.*by hand/ });
});

t.test('a package manager that fails, or brings nothing', async (t) => {
  const machine = { present: without('nft') };
  t.match(setUp(t, { ...machine, programs: { ...working, 'apt-get': 'exit 100' } }), {
    status: 3,
    said: /apt-get failed/,
  });
  t.match(setUp(t, { ...machine, programs: { ...working, 'apt-get': ':' } }), {
    status: 3,
    said: /still missing: nft/,
  });
});

t.test('--list changes nothing', async (t) => {
  for (const option of ['--list', '--dry-run']) {
    const ran = setUp(t, { present: without('nft', 'sfdisk'), programs: working }, [option]);
    t.match(ran, {
      status: 0,
      log: '',
      said: /would run: apt-get install -y --no-install-recommends nftables/,
    });
    t.match(ran.said, /not needed by default: sfdisk/);
  }
  t.match(setUp(t, {}, ['--lst']), { status: 2, said: /unknown option --lst/ });
});

t.test('Node.js: 20.11 or newer, with npm', async (t) => {
  const verdicts: [string, number][] = [
    ['v18.20.4', 3],
    ['v20.10.9', 3],
    ['v20.11.0', 0],
    ['v22.1.0', 0],
  ];
  for (const [version, status] of verdicts)
    t.equal(setUp(t, { programs: { node: `echo ${version}` } }).status, status, version);
  t.match(setUp(t, { programs: { node: '' } }), { status: 3, said: /Node\.js is not installed/ });
  t.match(setUp(t, { programs: { npm: '' } }), { status: 3, said: /npm is not installed/ });
});
