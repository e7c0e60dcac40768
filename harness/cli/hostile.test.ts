import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { cleanLine, forGithub, forJson, forTap, forTerminal, xmlSafe } from '../printable.js';
import { openRunLog } from '../run/log.js';

/** What files and guests may hold: it must reach no terminal, CI runner or report as it is. */
const HOSTILE =
  'x\x1b[31mred\x1b[2J\x1b]0;title\x07\x9b1m\u202egnp\u2066\u200b\r\n::error::pwned\n   ::set-output name=a::b\n' +
  '##[error]p ##vso[task.complete result=Succeeded;]d section_start:1:a\r\x1b[0K\x7f\b\b\ud800';
/** A line as long as a terminal is wide, so that wrapping puts an order at the start of a line. */
const WRAPPED = `${'word '.repeat(18)} ::error::pwned by wrapping`;

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'bootgate-hostile-'));
const bootgate = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
  });

/** What is wrong with a text for a place where nothing but styles and our own orders may stand; empty when it is fine. */
function harmIn(text: string, { orders = 0, styles = false } = {}): string[] {
  const plain = styles ? text.replace(/\x1b\[\d+m/g, '') : text;
  const found: [string, boolean][] = [
    ['a control character', /[\x00-\x08\x0b-\x1f\x7f]/.test(plain)],
    ['C1', /[\x80-\x9f]/.test(plain)],
    ['a bidi or invisible character', /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(plain)],
    ['an order to GitHub', (plain.match(/^\s*::/gm) ?? []).length > orders],
    ['an order to Azure', /##(?:\[|vso\[)/i.test(plain)],
    ['a section of GitLab', /section_(?:start|end):\d/.test(plain)],
  ];
  return found.filter(([, is]) => is).map(([what]) => what);
}

t.test('every function makes any text harmless for its place', async () => {
  const parts = [
    'a',
    'é',
    ' ',
    '\n',
    '\r',
    '\t',
    '\x1b',
    '[31m',
    '\x9b',
    '\u202e',
    ':',
    '::error::',
    '#',
    '##[',
    '##vso[',
  ];
  const text = fc.string({
    unit: fc.constantFrom(...parts, 'section_start:', '1', '\x7f', '\ufeff', '\ud800'),
  });
  // XML is a file: where its lines begin is known only when it is printed, and then forTerminal has the last word.
  fc.assert(
    fc.property(text, (one) => {
      const value = { [one]: [one] };
      return (
        harmIn(forTerminal(one, { styles: true }), { styles: true }).length === 0 &&
        harmIn(forTerminal(one)).length === 0 &&
        harmIn(forTerminal(`  ${cleanLine(one)}\n`)).length === 0 &&
        harmIn(`::error::${forGithub(one)}`, { orders: 1 }).length === 0 &&
        harmIn(forTerminal(`ok 1 - ${forTap(one)}`)).length === 0 &&
        harmIn(xmlSafe(one)).every((what) => what === 'an order to GitHub') &&
        harmIn(forJson(value)).length === 0 &&
        JSON.stringify(JSON.parse(forJson(value))) === JSON.stringify(value)
      );
    }),
    { numRuns: 2000 },
  );
});

/** The same run with the hostile text behind every word that came from a file or a guest. */
function poisoned(value: unknown, key = ''): unknown {
  const ours =
    /^(schema|verdict|phase|kind|where|started|used|requested|digest|weight|severity|id|delivery|check|level)$/;
  if (typeof value === 'string') return ours.test(key) ? value : `${value}${HOSTILE}${WRAPPED}`;
  if (Array.isArray(value)) return value.map((one) => poisoned(one, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, poisoned(one, name)]));
}

t.test('a run whose every word is hostile, in every format', async (t) => {
  const fixture = join(packageRoot, 'harness', 'report', 'fixtures', 'run.json');
  const run = join(folder, 'run.json');
  writeFileSync(run, JSON.stringify(poisoned(JSON.parse(readFileSync(fixture, 'utf8')))));
  const commands = [
    ...['terminal', 'tap', 'junit', 'json', 'markdown', 'sarif', 'gitlab'].map((format) => [
      'report',
      run,
      '--format',
      format,
    ]),
    ['explain', run],
    ['explain', run, '--json'],
    ['compare', run, fixture],
    ['compare', run, fixture, '--json'],
  ];
  for (const args of commands) {
    const { stdout, stderr } = bootgate(args);
    t.match(stdout, /./, `${args.join(' ')} answers: ${stderr}`);
    t.same(harmIn(stdout), [], `stdout of ${args.join(' ')}`);
    t.same(harmIn(stderr), [], `stderr of ${args.join(' ')}`);
    if (args.includes('json') || args.includes('--json'))
      t.doesNotThrow(() => JSON.parse(stdout), 'JSON still');
  }
  const coloured = bootgate(['report', run], { FORCE_COLOR: '1' });
  t.match(coloured.stdout, /\x1b\[31m/, 'our own colours stay');
  t.same(harmIn(coloured.stdout, { styles: true }), []);
  t.notMatch(coloured.stdout, /x\x1b\[31mred/, "a guest's colours do not");
  const github = bootgate(['report', run, '--format', 'github']).stdout;
  const orders = github.split('\n').filter((line) => /^::(error|warning) [^:]*::/.test(line)).length;
  t.equal(
    github
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '').length,
    orders,
    'each line is an annotation',
  );
  t.same(harmIn(github, { orders }), []);
});

t.test('errors quote hostile files, names and options harmlessly', async (t) => {
  const image = join(folder, 'image.yaml');
  writeFileSync(image, `version: 1\nname: x\nkernel: k\n${JSON.stringify(HOSTILE)}: 1\n`);
  const scenarios = join(folder, 'scenarios', 'area');
  mkdirSync(scenarios, { recursive: true });
  writeFileSync(join(scenarios, 'a\n::error::b\x1b[2J.yaml'), 'name: [\n');
  const list = join(folder, 'list\n::error::.txt');
  writeFileSync(list, `${HOSTILE}\n`);
  for (const args of [
    ['run', '--image', image],
    ['run', '--image', HOSTILE.replaceAll('\0', '')],
    ['run', HOSTILE, '--image', 'debian'],
    ['scenarios', 'check', join(folder, 'scenarios')],
    ['scenarios', 'show', HOSTILE],
    [HOSTILE],
    [`--${HOSTILE}`],
    ['report', HOSTILE],
    ['report', '--format', HOSTILE],
    ['modules', 'list', '--kernel', HOSTILE],
    ['modules', 'list', '--kernel', `apt:${HOSTILE}`],
    ['run', '--built', HOSTILE],
  ]) {
    const { status, stdout, stderr } = bootgate(args);
    t.equal(status, 2, `${JSON.stringify(args)}: ${stderr}`);
    t.same(harmIn(stderr), [], `${JSON.stringify(args)}: ${JSON.stringify(stderr)}`);
    t.same(harmIn(stdout), []);
  }
});

t.test("doctor and a tool's version", async (t) => {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'text'), HOSTILE.replace('\n', ' ').replace('\r', ' '));
  for (const tool of ['xz', 'zstd', 'bsdtar']) {
    writeFileSync(join(bin, tool), `#!/bin/sh\nexec cat '${join(bin, 'text')}'\n`);
    chmodSync(join(bin, tool), 0o755);
  }
  for (const args of [['doctor'], ['doctor', '--json']]) {
    const { stdout } = bootgate(args, { PATH: `${bin}${delimiter}${process.env.PATH}` });
    t.match(stdout, /red/, 'the version is shown');
    t.same(harmIn(stdout), [], args.join(' '));
  }
});

t.test('nothing writes to a terminal but what makes its text harmless', async (t) => {
  const harness = join(packageRoot, 'harness');
  const writers = readdirSync(harness, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|fixtures|^bench\/|^fuzz\//.test(file))
    .filter((file) =>
      /process\.std(out|err)\.write|console\.(log|error|warn|info)\(/.test(
        readFileSync(join(harness, file), 'utf8'),
      ),
    );
  t.same(
    writers.sort(),
    ['cache.ts', 'cli/guard.ts', 'cli/main.ts', 'cli/output.ts', 'cli/program.ts'],
    'a new one has to go through cli/output.ts or a Screen',
  );
});

t.test("the run's log", async (t) => {
  const logs = mkdtempSync(join(folder, 'logs-'));
  const log = await openRunLog(logs, false);
  log.warn({ scenario: HOSTILE, err: new Error(HOSTILE) }, HOSTILE);
  const text = readFileSync(join(logs, 'run.log'), 'utf8');
  t.match(text, /pwned/);
  t.same(harmIn(text), []);
  t.equal(
    (JSON.parse(text) as { scenario: string }).scenario.slice(0, 5),
    HOSTILE.slice(0, 5),
    'the words themselves stay',
  );
});
