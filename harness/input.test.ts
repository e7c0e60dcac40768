import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { parseDocument, readDocument } from './document.js';
import { BootgateError, describeError } from './errors.js';
import { openInput, readInput } from './input.js';
import { MAX_FILE, MAX_PROBLEMS, SCENARIO, unpackedLimit } from './limits.js';
import { loadScenarios } from './scenarios/load.js';

const strings = z.strictObject({ list: z.array(z.string()) });

async function errorOf(work: Promise<unknown>): Promise<BootgateError> {
  const error = await work.then(
    () => undefined,
    (one: unknown) => one,
  );
  if (error instanceof BootgateError) return error;
  throw error ?? new Error('nothing was thrown');
}

t.test('only regular files of bounded size are read', { timeout: 10_000 }, async (t) => {
  const dir = t.testdir({ right: 'right', folder: {} });
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  writeFileSync(join(dir, 'sparse'), '');
  await truncate(join(dir, 'sparse'), 5 * 2 ** 30);
  const read = (path: string) => readInput(path, { most: 100, code: 'E_HERE' });
  t.equal((await read(join(dir, 'right'))).toString(), 'right');
  for (const [path, message] of [
    [join(dir, 'fifo'), /fifo: it is not a regular file/],
    ['/dev/zero', /dev\/zero: it is not a regular file/],
    [join(dir, 'folder'), /folder: it is a folder/],
    [join(dir, 'none'), /none: there is no such file/],
    [join(dir, 'right', 'below'), /there is no such file/],
    [join(dir, 'sparse'), /sparse: it is 5\.00 GiB; at most 100 B are read/],
    [join(dir, 'n'.repeat(300)), /its name is too long/],
  ] as const)
    t.match(await errorOf(read(path)), { blame: 'user', code: 'E_HERE', message });
  // Says that it is empty, and is not.
  t.ok((await readInput('/proc/self/status', { most: 1 << 16 })).length > 100);
  t.match(await errorOf(readInput('/proc/kallsyms', { most: 1 << 16 })), { message: /at most 64 KiB/ });
  await (await openInput(join(dir, 'right'), {})).close();
  t.match(await errorOf(readDocument('/dev/zero', strings)), { code: 'E_DOCUMENT', blame: 'user' });
});

t.test('an invalid document costs its length, whatever is wrong in it', async (t) => {
  const rows: Record<string, string> = {
    'never closed': '- [\n',
    'nested in one line': '[',
    'a: b: c': '- a: b: c\n',
    'open quotes': '- "abc\n',
    'no token': '- @a\n',
    'closing brackets': '}',
    'one key': 'k: 1\n',
    'lost commas': '[,,',
    questions: '? a\n',
    'wrong elements': 'list: [1, 2]\nmore: 1\n',
    'unknown keys': '? {a: 1}\n',
    tabs: '\tx: 1\n',
  };
  const started = process.cpuUsage();
  for (const [name, row] of Object.entries(rows)) {
    const text = row.repeat(Math.floor(100_000 / row.length));
    const error = await errorOf(parseDocument('big.yaml', text, strings));
    t.match(error, { code: 'E_DOCUMENT', blame: 'user' }, name);
    t.ok(error.problems.length <= MAX_PROBLEMS + 1, `${name}: ${error.problems.length} problems`);
    t.ok(describeError(error).length < 20_000, name);
  }
  const numbers = `list:\n${'  - 1\n'.repeat(10_000)}`;
  t.equal((await errorOf(parseDocument('big.yaml', numbers, strings))).problems.length, MAX_PROBLEMS + 1);
  const keys = Array.from({ length: 20_000 }, (_, at) => `key${at}: 1\n`).join('');
  t.ok((await errorOf(parseDocument('big.yaml', keys, strings))).problems.length <= MAX_PROBLEMS + 1);
  const { user, system } = process.cpuUsage(started);
  // Quadratic costs would be minutes; a slow machine is no reason to fail.
  t.ok(user + system < 25e6, `${Math.round((user + system) / 1e6)} s of CPU`);
});

t.test('keys are unique, at their places; a second document is one too many', async (t) => {
  t.match((await errorOf(parseDocument('a.yaml', 'list: []\nlist: [a]\n', strings))).problems, [
    { file: 'a.yaml', line: 2, column: 1, message: 'the key "list" appears twice' },
  ]);
  t.match((await errorOf(parseDocument('a.yaml', 'list: [{a: 1, a: 2}]', strings))).problems, [
    { line: 1, column: 15 },
  ]);
  t.match((await errorOf(parseDocument('a.yaml', 'list: []\n---\nlist: []\n', strings))).problems, [
    { line: 2, message: /second document/ },
  ]);
  const secret = 'x'.repeat(5000);
  t.ok(describeError(await errorOf(parseDocument('a.yaml', `${secret}: 1`, strings))).length < 500);
});

t.test('what is not ours is not quoted: an error ends in a log', async (t) => {
  const shadow = 'root:*:20228:0:99999:7:::\ndaemon:!:20228:0:99999:7:::\n';
  const all = z.strictObject({ list: z.array(z.string()).optional() });
  for (const text of [
    shadow,
    shadow.replaceAll(':', ': '),
    `\u0060${shadow}`,
    `%${shadow}`,
    `- "${shadow}`,
    `{${shadow}`,
    `@${shadow}`,
  ])
    t.notMatch(
      describeError(await errorOf(parseDocument('x.yaml', text, all))),
      /20228|daemon/,
      JSON.stringify(text),
    );
});

t.test('what a scenario may ask for has limits', async (t) => {
  const problems = async (change: string) => {
    const dir = t.testdir({ a: {} });
    const base = 'description: d\nmemory: 512MiB\nsteps: [{name: n, run: "true"}]\n';
    const key = change.slice(0, change.indexOf(':'));
    writeFileSync(join(dir, 'a/b.yaml'), `${base.replace(new RegExp(`^${key}:.*\n`, 'm'), '')}${change}\n`);
    return (await errorOf(loadScenarios(dir))).problems
      .map((one) => `${one.line}: ${one.message}`)
      .join(' | ');
  };
  const long = 'x'.repeat(SCENARIO.stepBytes + 1);
  t.match(await problems('memory: 1024GiB'), /^3: memory: expected a size from 128MiB to 64GiB/);
  t.match(
    await problems('disks: [{serial: a, bus: virtio-blk, size: 8192GiB}]'),
    /disks\[0\]\.size: expected a size/,
  );
  t.match(await problems(`steps: [{name: n, run: ${long}}]`), /steps\[0\]\.run: Too big/);
  t.match(await problems(`steps: [{name: n, run: ${'x'.repeat(200_000)}}]`), /steps\[0\]\.run: Too big/);
  t.match(
    await problems('steps: [{name: n, run: "a\\0b"}]'),
    /steps\[0\]\.run: a script cannot contain a NUL byte/,
  );
  t.match(await problems(`description: ${'d'.repeat(600)}`), /description: Too big/);
  t.match(await problems(`cmdline: ${'c'.repeat(2000)}`), /cmdline: Too big/);
  t.match(await problems(`name: a/${'n'.repeat(200)}`), /name: Too big/);
  t.match(await problems(`tools: [${'jq, '.repeat(70)}]`), /tools: Too big/);
  t.match(
    await problems(`matrix: [{${Array.from({ length: 40 }, (_, at) => `w${at}: 1`).join(', ')}}]`),
    /at most 32 words/,
  );
  // Each word is short enough; together they are not.
  const words = `matrix: [{w: ${'x'.repeat(900)}}]\nsteps: [{name: n, run: "true ${`\${w}`.repeat(80)}"}]`;
  const dir = t.testdir({ a: { 'b.yaml': `description: d\n${words}\n` } });
  t.match((await errorOf(loadScenarios(dir))).problems, [
    { message: /steps\[0\]\.run: expected at most 65536 bytes/ },
  ]);
  // More scripts than one program takes arguments.
  const step = (at: number) => `  - {name: n${at}, run: "true ${'y'.repeat(60_000)}"}\n`;
  const many = t.testdir({ a: {} });
  mkdirSync(join(many, 'a'), { recursive: true });
  writeFileSync(
    join(many, 'a/b.yaml'),
    `description: d\nmatrix: [{w: a}, {w: b}, {w: c}]\nname: a/b-\${w}\nsteps:\n${Array.from({ length: 30 }, (_, at) => step(at).replace('true', `true \${w}`)).join('')}`,
  );
  t.equal((await loadScenarios(many)).length, 3);
});

t.test('the limits of what is unpacked', async (t) => {
  t.equal(unpackedLimit(10, MAX_FILE.kernelFile), 16 << 20);
  t.equal(unpackedLimit(1 << 20, MAX_FILE.kernelFile), 100 << 20);
  t.equal(unpackedLimit(1 << 30, MAX_FILE.kernelFile), MAX_FILE.kernelFile);
});
