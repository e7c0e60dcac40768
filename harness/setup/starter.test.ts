import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { Cache } from '../cache.js';
import { entriesOf, pruneEntries, verifyEntries } from '../cacheentries.js';
import { packageRoot } from '../paths.js';
import { aptKernel, writeStarter } from './starter.js';

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const bootgate = (cwd: string, ...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd, encoding: 'utf8', env: process.env });
const treeOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    (readdirSync(folder, { recursive: true }) as string[])
      .filter((name) => statSync(join(folder, name)).isFile())
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );

t.test('init: a starter that works, and twice changes nothing', async (t) => {
  const folder = t.testdir({
    build: { 'linux-image-6.1.0_1_amd64.deb': '', 'linux-image-6.1.0-dbg_1_amd64.deb': '' },
  });
  const first = bootgate(folder, 'init');
  t.equal(first.status, 0, first.stderr);
  const made = treeOf(folder);
  t.same(parse(made['images/mine.yaml'] ?? '').kernel, ['../build/*.deb'], 'the packages that were built');
  t.match(made['.gitignore'], /^results\/$/m);
  for (const job of ['.github/workflows/bootgate.yml', '.gitlab-ci.yml']) {
    t.ok(parse(made[job] ?? ''), job);
    t.match(
      made[job],
      /npm install --global bootgate\n[\s\S]*bootgate setup\n[\s\S]*bootgate gate --image mine/,
    );
  }
  t.match(bootgate(folder, 'init').stdout, /^kept/m);
  t.same(treeOf(folder), made);
  const shown = bootgate(folder, 'scenarios', 'show', 'mine/example');
  t.equal(shown.status, 0, shown.stderr);
  const listed = bootgate(join(folder, 'build'), 'scenarios', 'list');
  t.match(listed.stdout, /mine\/example/, 'found from a folder below');
});

t.test('init: the split that is there, else the packages, is what the image installs', async (t) => {
  const modulesOf = async (tree: Parameters<typeof t.testdir>[0]) => {
    const folder = t.testdir(tree);
    await writeStarter(folder);
    return parse(readFileSync(join(folder, 'images/mine.yaml'), 'utf8')) as {
      kernel: string[];
      modules: unknown;
    };
  };
  const debs = {
    'linux-image-6.1.0-1-amd64_6.1_amd64.deb': '',
    'linux-modules-6.1.0-1-amd64_6.1_amd64.deb': '',
  };
  t.match(await modulesOf({ build: debs }), {
    kernel: ['../build/*.deb'],
    modules: { split: 'packages', install: 'each' },
  });
  t.match(await modulesOf({ build: debs, 'def_variants.yaml': '- name: core\n' }), {
    modules: { split: '../def_variants.yaml', install: 'each' },
  });
  const [debian, ubuntu, mint, fedora] = [
    'ID=debian\n',
    'ID=ubuntu\nID_LIKE=debian\n',
    'ID=linuxmint\nID_LIKE="ubuntu debian"\n',
    'ID=fedora\n',
  ].map((text) => {
    const file = join(t.testdir({ 'os-release': text }), 'os-release');
    return existsSync('/usr/bin/apt-get') ? (aptKernel(file) ?? '') : 'no apt-get here';
  });
  if (debian === 'no apt-get here') return;
  t.match(debian, /^apt:linux-image-[a-z0-9]+$/);
  t.same([ubuntu, mint, fedora], ['apt:linux-image-generic', 'apt:linux-image-generic', '']);
});

t.test('init: what is there stays', async (t) => {
  const folder = t.testdir({ '.gitignore': 'node_modules', images: { 'mine.yaml': 'my own' } });
  const { written, kept, kernel } = await writeStarter(folder, ['apt:linux-image-cloud-amd64']);
  t.same(kernel, ['apt:linux-image-cloud-amd64']);
  t.equal(readFileSync(join(folder, 'images/mine.yaml'), 'utf8'), 'my own');
  t.equal(readFileSync(join(folder, '.gitignore'), 'utf8'), 'node_modules\nresults/\n');
  t.equal(kept.length, 1);
  t.equal(written.length, 5);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await t.rejects(writeStarter(file), { code: 'E_INIT', blame: 'user' });
});

t.test('cache: size, prune, verify, clear', async (t) => {
  const root = t.testdir({ notes: { 'mine.txt': 'not an entry' } });
  const said: string[] = [];
  const cache = new Cache(root, (sentence) => said.push(sentence));
  const make = (text: string) => async (temporary: string) => {
    mkdirSync(temporary);
    writeFileSync(join(temporary, 'file'), text);
  };
  const old = await cache.entry('kind', 'old', make('old'.repeat(9000)));
  const fresh = await cache.entry('kind', 'fresh', make('fresh'));
  await cache.keep('text', 'one', 'a text');
  t.equal((await entriesOf(root)).length, 3);
  const long = new Date(Date.now() - 40 * 86_400_000);
  for (const name of ['', 'seal']) utimesSync(join(old, '..', name), long, long);
  t.match(await pruneEntries(root, { days: 30 }), { entries: 1 });
  t.notOk(existsSync(old));
  t.ok(existsSync(fresh));
  t.same(await verifyEntries(root), { checked: 2, damaged: [] });
  writeFileSync(join(fresh, 'file'), 'fresk');
  const { damaged } = await verifyEntries(root);
  t.equal(damaged.length, 1);
  t.notOk(existsSync(fresh), 'removed, so that it is made again');
  t.equal(await cache.entry('kind', 'fresh', make('fresh')), fresh);
  t.match(await pruneEntries(root, { size: 1e9 }), { entries: 0 });
  t.match(await pruneEntries(root, { size: 0 }), { entries: 2 });
  t.equal((await entriesOf(root)).length, 0);
  t.ok(existsSync(join(root, 'notes/mine.txt')), 'what is no entry stays');
  const env = { ...process.env, BOOTGATE_CACHE: root };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [main, 'cache', ...args], { encoding: 'utf8', env });
  t.match(run('size', '--json').stdout, /"entries": 0/);
  t.equal(run('prune').status, 2);
  t.equal(run('verify').status, 0);
  t.equal(run('clear').status, 0);
});

t.test('the package: holds what runs and nothing else, and works from an empty folder', async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'bootgate-pack-'));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  // dist/ is in use by other tests: the build that prepack makes is checked by its words, and left out here.
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  t.match(scripts.prepack, /rm -rf dist && tsc/);
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', work], {
    cwd: packageRoot,
  });
  const [archive = ''] = readdirSync(work);
  execFileSync('tar', ['-xzf', join(work, archive), '-C', work]);
  const home = join(work, 'node_modules');
  const installed = join(home, 'bootgate');
  mkdirSync(home);
  execFileSync('mv', [join(work, 'package'), installed]);
  const names = Object.keys(treeOf(installed));
  t.same(
    names.filter((name) => /\.test\.|fixtures|bench|fuzz|\.map$|(?<!\.d)\.ts$|tsbuildinfo/.test(name)),
    [],
  );
  for (const name of [
    'harness/guest/init.sh',
    'harness/guest/fetcher.awk',
    'harness/setup/system-tools.sh',
    'images/debian.yaml',
    'scenarios/schema.json',
  ])
    t.ok(names.includes(name), name);
  // Just what package.json calls a dependency.
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of readdirSync(join(packageRoot, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(join(packageRoot, 'node_modules', name), join(home, name));
  t.ok(dependencies.commander);
  execFileSync('chmod', ['-R', 'a+rX', work]);
  const empty = join(work, 'empty');
  mkdirSync(empty);
  execFileSync('chmod', ['777', empty]);
  const isRoot = process.getuid?.() === 0;
  const run = (...args: string[]) =>
    spawnSync(
      '/usr/bin/env',
      // tap's own hook would write where this user may not.
      ['-u', 'NODE_OPTIONS', process.execPath, join(installed, 'dist/cli/main.js'), ...args],
      {
        cwd: empty,
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: empty },
        ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
      },
    );
  for (const args of [['--version'], ['init'], ['scenarios', 'list'], ['cache', 'size']]) {
    const { status, stderr } = run(...args);
    t.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  }
  t.match(run('scenarios', 'list').stdout, /mine\/example/);
  const listed = run('setup', '--list');
  t.match(listed.status, 0, listed.stderr);
  t.match(listed.stderr, /bootgate: /);
});
