import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Parser } from 'tap-parser';
import { parseStringPromise } from 'xml2js';
import { BootgateError } from '../errors.js';
import { exec } from '../exec.js';
import { packageRoot } from '../paths.js';
import { cleanLine, cleanText, lastLines, xmlSafe } from '../printable.js';
import { readRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult } from '../results/scenario-result.js';
import { runText } from '../results/write.js';
import { writeWhole } from '../write-whole.js';
import { jsonReporter } from './json.js';
import { junitText, junitXml } from './junit.js';
import { type Reporter, type RunPlan, safely } from './reporter.js';
import { makeReporters, REPORTERS } from './reporters.js';
import { writeReports } from './reports.js';
import { cut, type Screen, wantsColour, wrap } from './screen.js';
import { tapDocument, tapPoint, tapReporter, tapVersion } from './tap.js';
import { type Clock, terminalReporter } from './terminal.js';

const fixtures = join(packageRoot, 'harness', 'report', 'fixtures');
/** A run by hand with every verdict in it, and with text in its console that no terminal should ever see. */
const RUN = JSON.parse(await readFile(join(fixtures, 'run.json'), 'utf8')) as RunResult;
const PLAN: RunPlan = {
  id: RUN.id,
  folder: join('results', RUN.id),
  image: RUN.image,
  accelerator: RUN.accelerator,
  scenarios: RUN.results.filter((one) => one.verdict !== 'skip').map((one) => one.scenario),
};

function fakeScreen(more: Partial<Screen> = {}): Screen & { text: () => string } {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  return {
    isTTY: false,
    columns: 100,
    rows: 24,
    colour: false,
    ...more,
    write,
    raw: write,
    text: () => text,
  };
}

/** A clock that stands until it is told to go on. */
function fakeClock(): Clock & { go: (milliseconds: number) => void } {
  let now = 0;
  const timers = new Set<{ each: number; next: number; call: () => void }>();
  return {
    now: () => now,
    every: (each, call) => {
      const timer = { each, next: now + each, call };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    go: (milliseconds) => {
      const end = now + milliseconds;
      for (;;) {
        const due = [...timers].filter((timer) => timer.next <= end).sort((a, b) => a.next - b.next)[0];
        if (!due) break;
        now = due.next;
        due.next += due.each;
        due.call();
      }
      now = end;
    },
  };
}

async function replay(reporter: Reporter, run = RUN): Promise<void> {
  reporter.onRunStart?.(PLAN);
  for (const one of run.results) {
    if (one.verdict !== 'skip') reporter.onGuestStart?.(one.scenario);
    for (const { phase } of one.phases) reporter.onGuestPhase?.(one.scenario, phase);
    reporter.onResult?.(one);
  }
  await reporter.onRunEnd?.(run);
}

t.test('the terminal: what a CI log shows, to the letter', async (t) => {
  const screen = fakeScreen();
  await replay(terminalReporter(screen, fakeClock()));
  const golden = join(fixtures, 'terminal.txt');
  // Written anew with BOOTGATE_UPDATE=1, and then read by a person.
  if (process.env.BOOTGATE_UPDATE) await writeFile(golden, screen.text());
  t.equal(screen.text(), await readFile(golden, 'utf8'));
  const lines = screen.text().split('\n');
  t.same(
    lines.filter((line) => [...line].length > 100 && !/ {2}rests on /.test(line)),
    [],
    'nothing but the last word is wider than 100 columns',
  );
  t.same(
    lines.filter((line) => line !== line.trimEnd()),
    [],
    'no line ends in spaces',
  );
  t.notMatch(screen.text(), /[^\n\x20-\x7e…█]/, 'nothing but printable characters');
});

t.test('the terminal: colour adds nothing but colour', async (t) => {
  const [plain, coloured] = [fakeScreen(), fakeScreen({ colour: true })];
  await replay(terminalReporter(plain, fakeClock()));
  await replay(terminalReporter(coloured, fakeClock()));
  t.not(coloured.text(), plain.text());
  t.equal(coloured.text().replace(/\x1b\[\d+m/g, ''), plain.text());
});

t.test('the terminal: a run in which all is well, and one that could not be decided', async (t) => {
  const last = async (results: ScenarioResult[], verdict: RunResult['verdict']) => {
    const counts = { pass: 0, fail: 0, crash: 0, hang: 0, infra: 0, skip: 0 };
    for (const one of results) counts[one.verdict]++;
    const screen = fakeScreen();
    await replay(terminalReporter(screen, fakeClock()), { ...RUN, results, counts, verdict, additions: [] });
    return screen.text().trimEnd().split('\n').at(-1);
  };
  const of = (verdict: string) => RUN.results.filter((one) => one.verdict === verdict);
  t.equal(await last(of('pass'), 'pass'), 'pass  rests on 3 of 3 scenarios that passed with this set');
  t.equal(
    await last([...of('pass'), ...of('skip')], 'pass'),
    'pass  rests on 3 of 3 scenarios that passed with this set; 1 skipped',
  );
  t.equal(
    await last([...of('pass'), ...of('infra')], 'incomplete'),
    'incomplete  rests on 3 of 4 scenarios that passed with this set; 1 could not be decided',
  );
  t.equal(await last([], 'incomplete'), 'incomplete  rests on 0 of 0 scenarios that passed with this set');
});

t.test('a log hears every half minute that somebody is at work', async (t) => {
  const [screen, clock] = [fakeScreen(), fakeClock()];
  const reporter = terminalReporter(screen, clock);
  reporter.onRunStart?.(PLAN);
  reporter.onGuestStart?.('storage/nvme');
  reporter.onGuestPhase?.('storage/nvme', 'kernel');
  const before = screen.text().length;
  clock.go(29_000);
  t.equal(screen.text().length, before, 'not before');
  clock.go(2_000);
  t.equal(
    screen.text().slice(before),
    '  ...    0 of 7 done, 0 ok, 30 s; running: storage/nvme (kernel, 30 s)\n',
  );
  await reporter.onRunEnd?.({ ...RUN, results: [] });
  const end = screen.text().length;
  clock.go(120_000);
  t.equal(screen.text().length, end, 'nor after the end');
});

/** What a terminal shows in the end: knows only what LiveRows uses, and fails on anything else. */
function emulate(text: string): { lines: string[]; cursorShown: boolean } {
  let lines = [''];
  let row = 0;
  let cursorShown = true;
  for (const [part] of text.matchAll(/\x1b\[[?\d;]*[A-Za-z]|\n|[^\x1b\n]+/g)) {
    const up = /^\x1b\[(\d+)F$/.exec(part);
    if (part === '\n') {
      row++;
      if (row === lines.length) lines.push('');
    } else if (up) row -= Number(up[1]);
    else if (part === '\x1b[J') lines = [...lines.slice(0, row), ''];
    else if (part === '\x1b[?25l') cursorShown = false;
    else if (part === '\x1b[?25h') cursorShown = true;
    else if (part === '\x1b[?2026h' || part === '\x1b[?2026l') continue;
    else if (part.startsWith('\x1b')) throw new Error(`the terminal does not know ${JSON.stringify(part)}`);
    else lines[row] += part;
    if (row < 0) throw new Error('above the top');
  }
  return { lines, cursorShown };
}

t.test('live rows: drawn over and over, and gone in the end', async (t) => {
  let restore: (() => void) | undefined;
  const keep = (call: () => void) => {
    restore = call;
    return () => {};
  };
  const clock = fakeClock();
  const screen = fakeScreen({
    isTTY: true,
    columns: 60,
    rows: 10,
    onExit: keep,
  });
  const reporter = terminalReporter(screen, clock);
  reporter.onRunStart?.(PLAN);
  for (const name of PLAN.scenarios) reporter.onGuestStart?.(name);
  reporter.onGuestPhase?.('storage/nvme', 'steps');
  clock.go(4_250);
  const during = emulate(screen.text());
  t.equal(during.cursorShown, false, 'the cursor is hidden meanwhile');
  const shown = during.lines.slice(during.lines.findIndex((line) => line.includes('of 7 done')));
  t.equal(shown[0], '0 of 7 done, 0 ok, 4.2 s');
  t.match(shown[3], /^ {2}storage\/nvme +steps +4 s$/);
  t.equal(shown[7], '  and 1 more', 'as many rows as the terminal has room for');
  t.ok(
    shown.every((line) => line.length < 60),
    'no row is as wide as the terminal: it would wrap',
  );

  const writes = screen.text().length;
  for (const one of RUN.results) reporter.onResult?.(one);
  reporter.onGuestPhase?.('nobody', 'steps');
  t.ok(screen.text().length > writes);
  await reporter.onRunEnd?.(RUN);
  const after = emulate(screen.text());
  t.equal(after.cursorShown, true, 'and shown again');
  const plain = fakeScreen({ columns: 60 });
  await replay(terminalReporter(plain, fakeClock()));
  t.equal(after.lines.join('\n'), plain.text(), 'what stays is what a log would have got');

  const killed = fakeScreen({ isTTY: true, onExit: keep });
  terminalReporter(killed, fakeClock()).onRunStart?.(PLAN);
  restore?.();
  t.equal(emulate(killed.text()).cursorShown, true, 'a process that ends early gives the cursor back');
});

t.test('guest text is cleaned', async (t) => {
  t.equal(cleanText('a\x1b[31mb\x1b[0m\x1b]0;title\x07c\x1bPdcs\x1b\\d\x1b(Be'), 'abcde');
  t.equal(cleanText('one\r\r\ntwo\rthree\tx'), 'one\ntwo\nthree    x');
  t.equal(cleanText('cut off\x1b[3'), 'cut off');
  t.equal(cleanText('\x1b[31'), '');
  t.equal(cleanText('a\u202eb\u200bc\x9b31md\ud800'), 'abc31md\ufffd');
  t.equal(cleanText('Grüße, 世界 🚀'), 'Grüße, 世界 🚀', 'what is text stays');
  t.equal(cleanLine(' a \n\n b '), 'a b');
  t.same(lastLines('a\n\nb\r\n  \nc\n', 2), ['b', 'c']);
  const units = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  });
  fc.assert(
    fc.property(fc.oneof(units, fc.string({ unit: 'binary' })), (text) => {
      const clean = cleanText(text);
      return !/[\p{Cc}\p{Cs}\u202a-\u202e]/u.test(clean.replaceAll('\n', '')) && cleanText(clean) === clean;
    }),
  );
  fc.assert(
    fc.property(units, (text) =>
      /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(xmlSafe(text)),
    ),
  );
});

t.test('text is cut and wrapped', async (t) => {
  t.equal(cut('abcdef', 6), 'abcdef');
  t.equal(cut('abcdefg', 6), 'abcde…');
  t.equal(cut('🚀🚀🚀', 2), '🚀…', 'never inside a character');
  t.same(wrap('one two three', 7), ['one two', 'three']);
  t.same(wrap('abcdefghij', 4), ['abcd', 'efgh', 'ij']);
  const words = fc.array(fc.stringMatching(/^[a-z]{1,20}$/)).map((list) => list.join(' '));
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 30 }), (text, width) => {
      const lines = wrap(text, width);
      return (
        lines.every((line) => line.length <= width) &&
        lines.join('').replaceAll(' ', '') === text.replaceAll(' ', '')
      );
    }),
  );
});

t.test('colour, as the environment asks for it', async (t) => {
  t.equal(wantsColour(true, {}), true);
  t.equal(wantsColour(false, {}), false);
  t.equal(wantsColour(true, { NO_COLOR: '1' }), false);
  t.equal(wantsColour(true, { NO_COLOR: '' }), true, 'an empty NO_COLOR says nothing');
  t.equal(wantsColour(false, { FORCE_COLOR: '1' }), true);
  t.equal(wantsColour(true, { FORCE_COLOR: '0' }), false);
});

// --- TAP --------------------------------------------------------------------------------------------------------

const results = (...names: string[]): ScenarioResult[] =>
  names.map((scenario) => ({ ...(RUN.results[0] as ScenarioResult), scenario }));

/** What the `tap` project's own parser makes of a stream. */
function parseTap(
  text: string,
): Promise<{ ok: boolean; count: number; names: string[]; skip: number; diags: unknown[] }> {
  return new Promise((resolve) => {
    const names: string[] = [];
    const diags: unknown[] = [];
    const parser = new Parser({ strict: true }, (final) =>
      resolve({ ok: final.ok, count: final.count, skip: final.skip, names, diags }),
    );
    parser.on('assert', (point) => {
      names.push(point.name);
      diags.push(point.diag);
    });
    parser.end(text);
  });
}

t.test('TAP is read back by tap-parser', async (t) => {
  const parsed = await parseTap(tapDocument(RUN.results));
  t.same([parsed.ok, parsed.count, parsed.skip], [false, 8, 1]);
  t.same(
    parsed.names,
    RUN.results.map((one) => one.scenario),
  );
  t.match(parsed.diags[2], {
    verdict: 'fail',
    phase: 'steps',
    findings: [{ kind: 'missing-module', module: 'nvme' }],
  });
  t.equal((await parseTap(tapDocument(results('a', 'b'), 2, 14))).ok, true);
  t.equal(
    (await parseTap(tapDocument(results('a', 'b'), 3))).ok,
    false,
    'a run that was cut short is no pass',
  );
  const odd = 'a # SKIP not really \\ # TODO \n not ok 2';
  const point = await parseTap(tapDocument(results(odd)));
  t.same(
    [point.ok, point.count, point.skip, point.names],
    [true, 1, 0, [cleanLine(odd)]],
    'names are escaped',
  );
});

t.test('TAP says what happened whatever the text in it', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '...',
      '---',
      'not ok 1',
      '1..0',
      'Bail out!',
      '# SKIP',
      '\\#',
      '  ...\n',
      '- a: b',
      '"',
      "'",
      '|',
      '>',
    ),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.array(text, { maxLength: 4 }), fc.boolean(), async (reason, console, ok) => {
      const base = RUN.results[2] as ScenarioResult;
      const one: ScenarioResult = {
        ...base,
        verdict: ok ? 'pass' : 'fail',
        reason,
        consoleTail: console,
        scenario: `s${reason}`,
      };
      const { count, ok: all } = await parseTap(tapDocument([one]));
      return count === 1 && all === ok;
    }),
    { numRuns: 200 },
  );
});

t.test('TAP is understood by prove', async (t) => {
  const perl = await exec('prove', ['--version']).catch(() => undefined);
  if (!perl) {
    t.comment('SKIPPED: prove is not installed');
    return;
  }
  const folder = t.testdir({});
  const judged = async (list: readonly ScenarioResult[], planned = list.length) => {
    const file = join(folder, 'run.tap');
    await writeFile(file, tapDocument(list, planned, 13));
    const { exitCode, stdout } = await exec('prove', ['--exec', 'cat', file], { okCodes: [0, 1] });
    return { exitCode, said: stdout };
  };
  const passed = RUN.results.filter((one) => one.verdict === 'pass' || one.verdict === 'skip');
  const good = await judged([...passed, ...results('a # SKIP no \\', '# TODO')]);
  t.equal(good.exitCode, 0, good.said);
  t.notMatch(good.said, /Parse errors/);
  const bad = await judged(RUN.results);
  t.equal(bad.exitCode, 1);
  t.match(bad.said, /Failed tests: {2}3, 5-7\n/);
  t.notMatch(bad.said, /Parse errors/);
  t.equal((await judged(passed, passed.length + 1)).exitCode, 1, 'one is missing');
});

t.test('the stream of TAP is the document in pieces', async (t) => {
  const screen = fakeScreen();
  await replay(tapReporter(screen));
  const comments = /^# .*\n/gm;
  t.equal(screen.text().replace(comments, ''), tapDocument(RUN.results));
  const cutShort = fakeScreen();
  await replay(tapReporter(cutShort), { ...RUN, results: RUN.results.slice(0, 2) });
  t.match(cutShort.text(), /^1\.\.7$/m, 'the plan counts what was meant to run');
  t.match(tapPoint(3, RUN.results[7] as ScenarioResult), /^ok 3 - netfilter\/nft-nat # SKIP the set has no/);
  t.equal(tapVersion({}), 13);
  t.equal(tapVersion({ TAP_VERSION: '14' }), 14);
});

// --- JUnit ------------------------------------------------------------------------------------------------------

interface Case {
  $: Record<string, string>;
  failure?: { $: Record<string, string>; _: string }[];
  error?: { $: Record<string, string> }[];
  skipped?: unknown[];
  'system-out'?: string[];
}

async function parseJunit(
  xml: string,
): Promise<{ totals: Record<string, string>; cases: Case[]; suites: Record<string, string>[] }> {
  const { testsuites } = await parseStringPromise(xml);
  const suites = testsuites.testsuite as { $: Record<string, string>; testcase: Case[] }[];
  return {
    totals: testsuites.$,
    suites: suites.map((one) => one.$),
    cases: suites.flatMap((one) => one.testcase),
  };
}

t.test('JUnit is read back', async (t) => {
  const { totals, suites, cases } = await parseJunit(await junitXml(RUN, new Map()));
  t.match(totals, { tests: '8', failures: '1', errors: '3', skipped: '1', time: '142.600' });
  t.same(
    suites.map((one) => one.name),
    ['boot', 'storage', 'filesystems', 'network', 'netfilter'],
  );
  t.match(suites[1], { tests: '2', failures: '1', errors: '0', time: '22.500' });
  t.same(
    cases.map((one) => [
      one.$.name,
      one.failure?.[0]?.$.type ?? one.error?.[0]?.$.type ?? (one.skipped ? 'skip' : 'pass'),
    ]),
    RUN.results.map((one) => [one.scenario, one.verdict]),
  );
  const nvme = cases.find((one) => one.$.name === 'storage/nvme');
  t.match(
    nvme?.failure?.[0]?._,
    /missing-module nvme: device without a driver.*\n {2}package: linux-drivers\n {2}rule: images\/policies\/2014\.yaml:31/,
  );
  t.equal(cases[0]?.['system-out'], undefined, 'a pass brings no console along');
});

t.test('JUnit bears every character that a console can hold', async (t) => {
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join('');
  const hostile = `before]]>&<x>\x1b[31mred\x1b[0m${all}after`;
  const xml = await junitXml(RUN, new Map([['storage/nvme', hostile]]));
  const { cases } = await parseJunit(xml);
  const out = cases.find((one) => one.$.name === 'storage/nvme')?.['system-out']?.[0] ?? '';
  t.match(out, /^before\]\]>&<x>red/);
  t.match(out, /after$/);
  t.ok(out.includes(' !"#$%&\'()*+,-./0123456789'), 'text is still there');
  t.ok(out.includes('世'));
  const file = join(t.testdir({}), 'junit.xml');
  await writeFile(file, xml);
  // Another reader than the writer's own library: expat refuses what XML 1.0 forbids.
  const python = await exec(
    'python3',
    ['-c', 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])', file],
    {
      okCodes: [0, 1],
    },
  ).catch(() => undefined);
  if (python) t.equal(python.exitCode, 0, python.stderr);
  else t.comment('python3 is not installed: read back by xml2js only');
});

t.test('junit.xml gets the end of the console, not all of it', async (t) => {
  const folder = t.testdir({ storage: { nvme: { 'console.log': `${'x'.repeat(99)}\n`.repeat(2000) } } });
  const { cases } = await parseJunit(await junitText(folder, RUN));
  const out = cases.find((one) => one.$.name === 'storage/nvme')?.['system-out']?.[0] ?? '';
  t.ok(out.length > 60_000 && out.length <= 65_536, `${out.length} characters`);
  t.match(out, /^x{99}\n/, 'from the beginning of a line');
  t.match(
    cases.find((one) => one.$.name === 'filesystems/xfs')?.['system-out'],
    /hostile/,
    'no log: its tail',
  );
});

// --- run.json ---------------------------------------------------------------------------------------------------

t.test('a file appears whole or not at all', async (t) => {
  const folder = t.testdir({ 'run.json': 'old', file: '' });
  await writeReports({ folder, result: RUN });
  t.same(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')), RUN);
  await t.rejects(writeWhole(join(folder, 'file', 'x'), 'text'), 'a parent that is no folder');
  await mkdir(join(folder, 'taken'));
  await t.rejects(writeWhole(join(folder, 'taken'), 'text'), 'a folder is in the way');
  await Promise.all(
    Array.from({ length: 8 }, (_, at) => writeWhole(join(folder, 'many'), `${at}`.repeat(1000))),
  );
  t.match(
    await readFile(join(folder, 'many'), 'utf8'),
    /^(\d)\1{999}$/,
    'eight writers at once, and it is one of theirs',
  );
  t.same(
    (await readdir(folder)).sort(),
    ['file', 'junit.xml', 'many', 'report.html', 'results.tap', 'run.json', 'taken'],
    'the reports of a run without a gate, and nothing is left behind',
  );
});

t.test('a run is read by its folder, its id, its results folder, its file, or as the latest', async (t) => {
  const results = t.testdir({
    one: { 'run.json': runText(RUN) },
    broken: { 'run.json': '{' },
    other: { 'run.json': '{}' },
  });
  await symlink('one', join(results, 'latest'));
  for (const where of [join(results, 'one'), 'one', results, join(results, 'one', 'run.json'), 'latest']) {
    const { folder, result } = await readRun(where, results);
    t.equal(result.id, RUN.id, where);
    t.same(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')), RUN);
  }
  for (const [where, hint] of [
    ['broken', /./],
    ['other', /bootgate\/run@1/],
    ['oone', /did you mean .*one/],
    ['nothing-like-it', /latest/],
  ] as const) {
    const error = await readRun(where, results).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    t.ok(error instanceof BootgateError && error.code === 'E_RUN' && error.blame === 'user', where);
    t.match(`${(error as BootgateError).message} ${(error as BootgateError).hint}`, hint);
  }
  const { folder: real } = await readRun('latest', results);
  t.equal(
    basename(real),
    'one',
    'the run itself: `latest` may be another by the time that something is written',
  );
  for (const [text, problem] of [
    [{ ...RUN, image: undefined }, /^image is missing$/],
    [{ ...RUN, results: [{}] }, /^results\[0\]\.scenario is missing$/],
    [{ ...RUN, results: [null] }, /^results\[0\] is not an object$/],
    [
      { ...RUN, results: [{ ...RUN.results[0], verdict: 'good' }] },
      /^results\[0\]\.verdict is not a verdict$/,
    ],
    [{ ...RUN, seconds: '9' }, /^seconds is not a number$/],
    [{ ...RUN, counts: { ...RUN.counts, hang: undefined } }, /^counts\.hang is missing$/],
    [
      { ...RUN, results: [RUN.results[0], { ...RUN.results[1], modulesLoaded: ['a', 1] }] },
      /^results\[1\]\.modulesLoaded\[1\] is not a string$/,
    ],
    [{ ...RUN, results: [{ ...RUN.results[0], findings: {} }] }, /^results\[0\]\.findings is not a list$/],
  ] as const) {
    await writeFile(join(results, 'other', 'run.json'), JSON.stringify(text));
    const error = await readRun('other', results).catch((caught: BootgateError) => caught);
    t.match(error, { code: 'E_RUN', blame: 'user', problems: [{ message: problem }] });
  }
  const none = await readRun('latest', join(results, 'none')).catch((error: BootgateError) => error.hint);
  t.match(none, /nothing has run yet/);
});

// --- reporters --------------------------------------------------------------------------------------------------

t.test('a reporter that throws ends nothing, and is told of once', async (t) => {
  const heard: string[] = [];
  const complaints: unknown[] = [];
  const fail = () => {
    throw new Error('broken');
  };
  const late: Reporter = { onRunEnd: () => Promise.reject(new Error('late')) };
  const good: Reporter = {
    onRunStart: () => heard.push('start'),
    onResult: (one) => heard.push(one.scenario),
    onRunEnd: () => {
      heard.push('end');
    },
  };
  const all = safely([{ onRunStart: fail, onResult: fail, onRunEnd: fail }, late, good], (error) =>
    complaints.push(error),
  );
  await replay(all);
  t.same(heard, ['start', ...RUN.results.map((one) => one.scenario), 'end']);
  t.same(
    complaints.map((error) => (error as Error).message),
    ['broken', 'late'],
  );
});

t.test('one reporter owns standard output', async (t) => {
  for (const name of REPORTERS) {
    const screen = fakeScreen();
    const reporters = makeReporters([name], { screen });
    t.equal(reporters.length, 1, name);
    await replay(safely(reporters, (error) => t.error(error)));
    t.ok(screen.text().length > 0, name);
  }
  const screen = fakeScreen();
  await replay(jsonReporter(screen));
  t.same(JSON.parse(screen.text()), RUN, 'json is run.json and nothing else');
});

t.test('several reporters: one for standard output, the others to files', async (t) => {
  const folder = t.testdir();
  const screen = fakeScreen();
  const given = ['tap', `junit=${join(folder, 'j.xml')}`, `terminal=${join(folder, 'log.txt')}`];
  await replay(safely(makeReporters(given, { screen }), (error) => t.error(error)));
  t.match(screen.text(), /^TAP version 13\n[\s\S]*^not ok \d+ - storage\/nvme$/m);
  t.equal(await readFile(join(folder, 'j.xml'), 'utf8'), await junitText(PLAN.folder, RUN));
  t.match(await readFile(join(folder, 'log.txt'), 'utf8'), /^debian-2014: Linux[\s\S]*rests on 3 of 7/);
  const last = fakeScreen();
  await replay(safely(makeReporters([`json=${join(folder, 'r.json')}`], { screen: last }), t.error));
  t.match(last.text(), /rests on 3 of 7/, 'the terminal has standard output where all have files');
  for (const [wrong, words] of [
    [['tap', 'json'], /two reporters for standard output: tap, json/],
    [['tpa'], /unknown: tpa/],
    [['junit='], /the file has no name/],
  ] as const)
    t.throws(() => makeReporters(wrong), { message: words });
});

t.test('--quiet: what explains failures, and the verdict', async (t) => {
  const screen = fakeScreen({ isTTY: true });
  await replay(terminalReporter(screen, fakeClock(), { quiet: true }));
  t.match(screen.text(), /^why it failed\n/);
  t.notMatch(screen.text(), /\x1b|guest time|^ {2}ok /m);
  const well = {
    ...RUN,
    verdict: 'pass' as const,
    results: RUN.results.filter((one) => one.verdict === 'pass'),
  };
  const quiet = fakeScreen();
  await replay(terminalReporter(quiet, fakeClock(), { quiet: true }), well);
  t.equal(quiet.text().trim().split('\n').length, 2, quiet.text());
});
