import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import type { BootgateError } from './errors.js';
import { loadImage } from './image/image-file.js';
import { readUserlandTable } from './initramfs/userland-table.js';
import { library, openLibrary } from './library.js';
import { imagesDir, packageRoot } from './paths.js';
import { projectJsonSchema } from './project-schema.js';
import { loadScenarios } from './scenarios/load.js';
import { scenarioEntries } from './scenarios/payload.js';
import { readClouds } from './splits/clouddevices.js';

/** A folder with these files; paths are relative to it. */
function folderOf(files: Record<string, string>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bootgate-project-')));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const STEP = '  - { name: hello, run: say_hello }\n';
const MINE = {
  'bootgate.yaml': 'version: 1\n',
  'images/mine.yaml':
    'version: 1\nname: mine\nkernel: [build/a.deb, apt:linux-image-amd64]\nmodules: { policy: small }\nscenarios: [own]\n',
  'images/debian.yaml': 'version: 1\nname: debian\nkernel: ./kernel\n',
  'policies/small.yaml': "version: 1\ndescription: small\nrules:\n  - include: 'fs/'\n",
  'splits/shape.yaml': 'version: 1\n',
  'scenarios/own/hello.yaml': `description: A helper of the project's own is called\nsteps:\n${STEP}`,
  'scenarios/storage/nvme.yaml': `name: storage/nvme\ndescription: Another one\nsteps:\n${STEP}`,
  'helpers/hello.sh': 'say_hello() { echo hello; }\n',
  'userland.yaml':
    'tools:\n  - { tool: mine, command: mine, debian: mine, fedora: mine, suse: mine }\n  - { tool: xfs, command: mkfs.mine, debian: mine, fedora: mine, suse: mine }\n',
  'clouds.yaml': "version: 1\ndevices:\n  - { cloud: ours, device: disk, alias: 'pci:v1' }\n",
};
const project = folderOf(MINE);
t.teardown(() => openLibrary(undefined, { cwd: '/' }));

t.test('the nearest bootgate.yaml upwards makes the project', async (t) => {
  mkdirSync(join(project, 'deep', 'deeper'), { recursive: true });
  await openLibrary(undefined, { cwd: join(project, 'deep', 'deeper') });
  t.equal(library().project?.folder, project);
  await openLibrary(undefined, { cwd: '/' });
  t.equal(library().project, null, 'none above: the package alone');
  await openLibrary('deep/..', { cwd: project });
  t.equal(library().project?.folder, project, '--project, from the working folder');
  await t.rejects(openLibrary('/', {}), { code: 'E_PROJECT', message: '/ has no bootgate.yaml' });
});

t.test("what the project has comes first and is said, what it lacks is the package's", async (t) => {
  const said: string[] = [];
  await openLibrary(project, { log: (sentence) => said.push(sentence) });
  const mine = await loadImage('mine');
  t.equal(mine.file, join(project, 'images/mine.yaml'));
  t.same(mine.kernel, [join(project, 'images/build/a.deb'), 'apt:linux-image-amd64']);
  t.match(mine.modules, { kind: 'policy', file: join(project, 'policies/small.yaml') });
  t.same(said, [], 'nothing of the package is hidden by these');
  t.equal((await loadImage('debian')).file, join(project, 'images/debian.yaml'));
  t.match(said, [/^image debian: .*images\/debian\.yaml is used; the package has one of the same name$/]);
  await loadImage('debian');
  t.equal(said.length, 1, 'said once');
  t.equal((await loadImage('debian-2014')).file, join(imagesDir, 'debian-2014.yaml'));
  t.match((await loadImage('debian-2014', { split: 'shape' })).modules, {
    file: join(project, 'splits/shape.yaml'),
  });
  t.match((await loadImage('mine', { split: 'fedora-2014' })).modules, {
    file: join(imagesDir, 'splits/fedora-2014.yaml'),
  });
  t.match((await loadImage('mine', { modules: '2014' })).modules, {
    file: join(imagesDir, 'policies/2014.yaml'),
  });
  await t.rejects(loadImage('mnie'), { message: /did you mean mine/ });
  t.same(
    (await readClouds()).map(({ cloud }) => cloud),
    ['ours'],
  );
  const { tools } = await readUserlandTable();
  t.equal(
    tools.find(({ name }) => name === 'xfs')?.command,
    'mkfs.mine',
    "a tool of the same name is the project's",
  );
  t.ok(
    tools.some(({ name }) => name === 'mine') && tools.some(({ name }) => name === 'btrfs'),
    'others are added',
  );
});

t.test('scenarios and helpers', async (t) => {
  const said: string[] = [];
  await openLibrary(project, { log: (sentence) => said.push(sentence) });
  const scenarios = await loadScenarios();
  const find = (name: string) => scenarios.filter((one) => one.name === name);
  t.equal(find('own/hello').length, 1);
  t.same(
    find('storage/nvme').map(({ description }) => description),
    ['Another one'],
  );
  t.equal(find('storage/virtio-blk').length, 1, "the package's are there too");
  t.match(said, [/^scenario storage\/nvme: .*scenarios\/storage\/nvme\.yaml is used/]);
  const hello = find('own/hello')[0];
  if (!hello) return;
  const entries = scenarioEntries(hello, { nonce: 'n', seed: 's' }).map(({ path }) => path);
  t.ok(entries.includes('bootgate/own.sh'), 'the guest gets the helper');
  await openLibrary(undefined, { cwd: '/' });
  t.notOk(
    (await loadScenarios()).some(({ helpers }) => helpers),
    'no project, no helpers',
  );

  const broken = folderOf({ ...MINE, 'helpers/hello.sh': 'say_hello() { echo hello\n' });
  await openLibrary(broken);
  const error = (await loadScenarios().catch((caught: unknown) => caught)) as BootgateError;
  t.match(error.problems, [{ file: /helpers\/hello\.sh$/, message: /sh cannot read this/ }]);
});

t.test('what is wrong in a bootgate.yaml is reported with its place, all at once', async (t) => {
  const folder = folderOf({
    'bootgate.yaml': 'version: 1\nscenarios: none\nimages: file\nuserland: folder\n',
    file: '',
    'folder/x': '',
  });
  const error = (await openLibrary(folder).catch((caught: unknown) => caught)) as BootgateError;
  t.equal(error.blame, 'user');
  t.match(error.problems, [
    { line: 2, column: 12, message: 'scenarios: no such directory: none' },
    { line: 3, message: 'images: file is not a directory' },
    { line: 4, message: 'userland: folder is not a file' },
  ]);
  for (const [text, line, message] of [
    ['version: 2\n', 1, /version/],
    ['version: 1\nscenario: x\n', 2, /unknown key \(did you mean scenarios/],
  ] as const) {
    const wrong = folderOf({ 'bootgate.yaml': text });
    const problem = ((await openLibrary(wrong).catch((caught: unknown) => caught)) as BootgateError)
      .problems[0];
    t.match(problem, { line, message });
  }
});

t.test('from the command line, in the project and from elsewhere', async (t) => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const bootgate = (cwd: string, ...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { cwd, encoding: 'utf8', env: { PATH: process.env.PATH } });
  const inside = bootgate(project, 'scenarios', 'list', 'own', 'storage/nvme');
  t.match(
    inside.stdout,
    /^own\/hello +A helper of the project's own is called\nstorage\/nvme +Another one\n$/,
  );
  t.match(inside.stderr, /scenario storage\/nvme: scenarios\/storage\/nvme\.yaml is used/);
  t.match(bootgate('/', 'scenarios', 'list', '--project', project, 'own').stdout, /^own\/hello/);
  t.equal(bootgate('/', 'scenarios', 'list', 'own').status, 2, 'without a project there is none');
  t.equal(bootgate('/', 'doctor', '--project', '/no/such').status, 2);
});

t.test('the schema that editors complete from is fresh', async (t) => {
  const file = join(imagesDir, 'project.schema.json');
  if (process.env.BOOTGATE_UPDATE) writeFileSync(file, projectJsonSchema());
  t.equal(readFileSync(file, 'utf8'), projectJsonSchema(), 'BOOTGATE_UPDATE=1 writes it anew');
});
