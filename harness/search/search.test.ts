import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Reference } from '../boot/reference.js';
import { isSameSet, told } from '../image/again.js';
import { readContents } from '../image/contents.js';
import { setFromPolicy } from '../modules/policy.js';
import { setFromList } from '../modules/set.js';
import { styleOf } from '../report/screen.js';
import { requireScenarios, unsettledOf } from '../results/choose.js';
import type { Finding, ScenarioResult } from '../results/scenario-result.js';
import { exitCodeOfVerdict } from '../results/verdict.js';
import { folderOf, treeOf } from '../splits/fixtures/tree.js';
import { installSet } from '../splits/installsets.js';
import { readSplit } from '../splits/read.js';
import { coverage } from './coverage.js';
import { unifiedDiff } from './diff.js';
import { type Fix, verdictOfFix } from './fix.js';
import { judgeMutation, judgeSuite, type Mutation, type MutationReport } from './mutate.js';
import { scenarioNeeds } from './needs.js';
import type { WantedModule } from './patches/addition.js';
import { appendToList, patchList } from './patches/list.js';
import { patchOwnSplit } from './patches/own.js';
import { patchPolicy } from './patches/policy.js';
import { patchVariants } from './patches/variants.js';
import { gotFurther, searchRemedy } from './remedy.js';
import { shrink } from './shrink.js';
import { storyOf } from './story.js';
import { storyText } from './storytext.js';

const plain = styleOf({ colour: false });
const index = treeOf({
  dep: [
    'kernel/net/nat/nft_nat.ko: kernel/net/nat/nat.ko',
    'kernel/net/nat/nat.ko:',
    'kernel/net/masq.ko: kernel/net/nat/nat.ko',
    'kernel/lib/crc.ko:',
    'kernel/lib/crc_fast.ko:',
    'kernel/drivers/blk.ko: kernel/drivers/ring.ko',
    'kernel/drivers/ring.ko:',
    'kernel/drivers/i2c.ko:',
  ].join('\n'),
  soft: { nft_nat: { pre: ['ring', 'no-such'] } },
});

/** A result as judge and boot make it. */
function resultOf(more: Partial<ScenarioResult>): ScenarioResult {
  return {
    scenario: 'net/nat',
    area: 'net',
    verdict: 'fail',
    phase: 'steps',
    reason: 'the step "nat" failed',
    seconds: 1,
    cpuSeconds: 1,
    attempts: 1,
    steps: [],
    modulesLoaded: [],
    memory: { modulesBytes: 0, usedAfterBootBytes: 0 },
    findings: [],
    consoleTail: [],
    files: { console: '', control: '', argv: '', recording: '' },
    phases: [],
    ...more,
  };
}

const missing = (module: string, alternatives?: string[]): Finding => ({
  kind: 'missing-module',
  evidence: `unanswered module request: ${module}`,
  module,
  hint: '',
  ...(alternatives ? { alternatives } : {}),
});

const noGit = spawnSync('git', ['--version']).status === 0 ? false : 'git is not here';

t.test('unified diff: git applies it, and it makes just the other text', { skip: noGit }, async (t) => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', '', '  - d', '+', '-x'), { maxLength: 14 });
  const text = fc
    .tuple(lines, fc.boolean())
    .map(([rows, open]) => rows.join('\n') + (open || rows.length === 0 ? '' : '\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      if (before === '' || after === '') return; // git takes an empty side for a file made or removed
      const folder = mkdtempSync(join(tmpdir(), 'bootgate-diff-'));
      writeFileSync(join(folder, 'list.txt'), before);
      const diff = unifiedDiff('list.txt', before, after);
      if (before === after) return diff === '';
      const done = spawnSync('git', ['apply', '--whitespace=nowarn', '-'], {
        cwd: folder,
        input: diff,
        encoding: 'utf8',
        env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
      });
      if (done.status !== 0) throw new Error(`${done.stderr}\n${diff}`);
      if (readFileSync(join(folder, 'list.txt'), 'utf8') !== after) return false;
      writeFileSync(join(folder, 'list.txt'), before);
      const patched = spawnSync('patch', ['-p1', '--quiet'], { cwd: folder, input: diff, encoding: 'utf8' });
      if (patched.status !== 0) throw new Error(`${patched.stdout}\n${diff}`);
      return readFileSync(join(folder, 'list.txt'), 'utf8') === after;
    }),
    { numRuns: 60 },
  );
  const long = Array.from({ length: 40 }, (_, at) => `line ${at}`);
  const changed = long.map((line, at) => (at === 3 || at === 30 ? `${line}!` : line));
  const diff = unifiedDiff('x', `${long.join('\n')}\n`, `${changed.join('\n')}\n`);
  t.equal(diff.split('\n').filter((line) => line.startsWith('@@')).length, 2, 'two places, two hunks');
  t.equal(diff.split('\n').filter((line) => line.startsWith(' ')).length, 12, 'three lines around each');
});

t.test('shrink', async (t) => {
  await t.test('finds just what is needed, whatever that is', async (t) => {
    const cases = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(39), { maxLength: 5 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([size, picks]) => {
        const items = Array.from({ length: size }, (_, at) => at);
        const needed = [...new Set(picks.map((pick) => pick % size))].sort((a, b) => a - b);
        const kept = await shrink(
          items,
          () => true,
          async (fewer) => needed.every((one) => fewer.includes(one)),
        );
        // One is left even where none is needed: nobody asks whether nothing would do.
        return needed.length === 0 ? kept.length === 1 : String(kept) === String(needed);
      }),
    );
    t.pass();
  });
  await t.test('stops when boots run out, with something that still passes', async (t) => {
    let left = 3;
    const items = Array.from({ length: 64 }, (_, at) => at);
    const kept = await shrink(
      items,
      () => left > 0,
      async (fewer) => {
        left--;
        return fewer.includes(9);
      },
    );
    t.equal(left, 0);
    t.ok(kept.includes(9));
    t.ok(kept.length < 64);
  });
});

/** A guest that needs modules one after the other, and says what it misses only when it gets there. */
function guestNeeding(needs: { module: string; says: string[] }[]) {
  const boots: string[][] = [];
  const boot = async (added: readonly string[]): Promise<ScenarioResult> => {
    boots.push([...added]);
    const at = needs.findIndex(({ module }) => !added.includes(module));
    const step = { name: 's', seconds: 0 };
    if (at < 0) return resultOf({ verdict: 'pass', reason: '', steps: [{ ...step, ok: true }] });
    const findings = (needs[at]?.says ?? [])
      .filter((name) => !added.includes(name))
      .map((name) => missing(name));
    return resultOf({ findings, reason: `at pid ${boots.length}`, steps: [{ ...step, ok: false }] });
  };
  return { boot, boots };
}

t.test('the search for a remedy', async (t) => {
  const none = async () => [];

  await t.test('a second need shows only after the first is met', async (t) => {
    const { boot, boots } = guestNeeding([
      { module: 'crc', says: ['crc'] },
      { module: 'nat', says: ['nat'] },
    ]);
    const failed = await boot([]);
    const remedy = await searchRemedy({ failed, already: [], boot, spare: none, limit: 10 });
    t.same([remedy.verified, remedy.added], [true, ['crc', 'nat']]);
    t.same(boots.slice(1), [['crc'], ['crc', 'nat'], ['nat']], 'each was tried without the other, once');
    t.equal(remedy.evidence.nat, 'unanswered module request: nat');
  });

  await t.test('a top finding that does not help is left out again, and the next one taken', async (t) => {
    const { boot } = guestNeeding([{ module: 'nat', says: ['i2c', 'nat'] }]);
    const remedy = await searchRemedy({ failed: await boot([]), already: [], boot, spare: none, limit: 10 });
    t.same([remedy.verified, remedy.added], [true, ['nat']]);
    t.same(
      remedy.attempts.map((one) => [one.added.join(' '), one.outcome]),
      [
        ['i2c', 'no help'],
        ['nat', 'pass'],
      ],
    );
  });

  await t.test('what would also work comes after what is named', async (t) => {
    const failed = resultOf({ findings: [missing('crc', ['crc_fast']), missing('i2c')] });
    const boot = async (added: readonly string[]) =>
      added.includes('crc_fast') ? resultOf({ verdict: 'pass' }) : failed;
    const remedy = await searchRemedy({ failed, already: [], boot, spare: none, limit: 10 });
    t.same(remedy.added, ['crc_fast']);
    t.same(
      remedy.attempts.map((one) => one.added.join(' ')),
      ['crc', 'i2c', 'crc_fast'],
    );
  });

  await t.test('where nothing is named, what the reference loaded is made smaller', async (t) => {
    const { boot } = guestNeeding([{ module: 'm7', says: [] }]);
    const spare = Array.from({ length: 20 }, (_, at) => `m${at}`);
    const remedy = await searchRemedy({
      failed: await boot([]),
      already: [],
      boot,
      spare: async () => spare,
      limit: 40,
    });
    t.same([remedy.verified, remedy.added], [true, ['m7']]);
    t.ok(remedy.attempts.length < 16, `${remedy.attempts.length} boots`);
    t.equal(remedy.evidence.m7, 'the reference boot has loaded it');
    t.same(Object.keys(remedy.evidence), ['m7']);
  });

  await t.test('it gives up, within its boots, and says how far it came', async (t) => {
    const failed = resultOf({ findings: [missing('a'), missing('b'), missing('c')] });
    const remedy = await searchRemedy({
      failed,
      already: [],
      boot: async () => failed,
      spare: none,
      limit: 2,
    });
    t.same([remedy.verified, remedy.added, remedy.attempts.length], [false, [], 2]);
    t.equal(remedy.last.reason, failed.reason);
  });

  await t.test('what another scenario needed may be all', async (t) => {
    const { boot } = guestNeeding([{ module: 'nat', says: ['nat'] }]);
    const remedy = await searchRemedy({
      failed: await boot([]),
      already: ['nat'],
      boot,
      spare: none,
      limit: 5,
    });
    t.same([remedy.verified, remedy.added, remedy.attempts.length], [true, [], 1]);
  });

  await t.test('what another needed and this guest has not asked for costs no boot', async (t) => {
    const { boot, boots } = guestNeeding([{ module: 'nat', says: ['nat'] }]);
    const failed = await boot([]);
    const remedy = await searchRemedy({ failed, already: ['crc'], boot, spare: none, limit: 5 });
    t.same([remedy.verified, remedy.added], [true, ['nat']]);
    t.same(boots.slice(1), [['crc', 'nat']]);
  });

  t.test('further is a step more, another need or another reason, and not another number', async (t) => {
    const before = resultOf({ findings: [missing('a')], reason: 'pid 12' });
    t.notOk(gotFurther(before, resultOf({ findings: [missing('a')], reason: 'pid 340' })));
    t.notOk(
      gotFurther(before, resultOf({ findings: [], reason: 'pid 1' })),
      'the need is met and nothing else changed',
    );
    t.ok(gotFurther(before, resultOf({ findings: [missing('b')], reason: 'pid 12' })));
    t.ok(gotFurther(before, resultOf({ reason: 'no such file' })));
    const step = { name: 's', ok: true, seconds: 0 };
    t.notOk(
      gotFurther(resultOf({ steps: [step] }), resultOf({ findings: [missing('b')] })),
      'less is not further',
    );
  });
});

t.test('patches: read back, they bring the module in', async (t) => {
  const want = (module: string, rule?: WantedModule['rule'], owner?: string): WantedModule => ({
    module,
    scenarios: ['net/nat'],
    ...(rule ? { rule } : {}),
    ...(owner ? { package: owner } : {}),
  });

  await t.test('a list', async (t) => {
    const text = '# ours\nnet/**\n-masq # not wanted\n-net/nat/\n';
    const set = setFromList(index, text, 'list');
    const wanted = ['masq', 'nft_nat', 'crc'].map((name) => want(name, set.excludedBy.get(name)));
    const patched = patchList(text, wanted) ?? '';
    t.ok(
      ['masq', 'nft_nat', 'crc'].every((name) => setFromList(index, patched, 'list').names.includes(name)),
    );
    t.notMatch(patched, /-masq/, 'the line that took out just this module is gone');
    t.match(patched, /^# net\/nat needs it\nnft_nat\ncrc$/m);
    t.match(patched, /^-net\/nat\/$/m, 'other lines stay');
    const place = { file: 'list', line: 1, text: '-masq' };
    const never = patchList('-masq\n', [want('masq', place)]) ?? '';
    t.notOk(
      setFromList(index, never, 'list').names.includes('masq'),
      'to take out the line alone is not enough here',
    );
    const appended = appendToList('-masq', [want('masq')]) ?? '';
    t.ok(
      setFromList(index, appended, 'list').names.includes('masq'),
      'it was never in: the line at the end holds',
    );
  });

  await t.test('a policy', async (t) => {
    const text = [
      'version: 1',
      'rules:',
      "  - include: '**'",
      '  - exclude: [net/nat, lib/crc]',
      '    reason: small',
      '',
      '  # a comment of the next rule',
      '  - exclude: i2c',
      'description: last key',
      '',
    ].join('\n');
    const { path } = folderOf({ 'policy.yaml': text });
    const set = await setFromPolicy(index, join(path, 'policy.yaml'));
    t.notOk(set.names.includes('crc'));
    const patched = patchPolicy(text, [
      want('crc', set.excludedBy.get('crc')),
      want('i2c', set.excludedBy.get('i2c')),
    ]);
    writeFileSync(join(path, 'policy.yaml'), patched ?? '');
    const after = await setFromPolicy(index, join(path, 'policy.yaml'));
    t.ok(['crc', 'i2c'].every((name) => after.names.includes(name)));
    t.match(
      patched,
      /reason: small\n {2}- include: crc\n {4}reason: net\/nat needs it\n/,
      'behind the rule that left it out',
    );
    t.equal(
      patchPolicy('version: 1\nrules: [{include: x}]\n', [want('crc')]),
      undefined,
      'no lines, no patch',
    );
  });

  await t.test("bootgate's own split", async (t) => {
    const text = [
      'version: 1',
      'name: two',
      'dependencies: keep',
      'packages:',
      '  - name: core',
      '    rest: true',
      '  - name: extra',
      '    depends: [core]',
      '    modules:',
      '      - net/nat/',
      '      - masq',
      '      - crc',
      '  - name: more',
      '    modules: [i2c]',
      '',
    ].join('\n');
    const moved = async (modules: string[], from = text) => {
      const patched = patchOwnSplit(
        from,
        modules.map((name) => want(name, undefined, 'core')),
      );
      const { path } = folderOf({ 'split.yaml': patched ?? '' });
      const split = await readSplit(join(path, 'split.yaml'), index);
      return { patched, names: installSet(split, ['core'], index).modules };
    };
    for (const modules of [['crc'], ['masq', 'nft_nat', 'nat'], ['i2c'], ['crc', 'masq', 'i2c']]) {
      const { names } = await moved(modules);
      t.ok(
        modules.every((name) => names.includes(name)),
        `${modules} are in core`,
      );
    }
    t.match(
      (await moved(['i2c'])).patched,
      /name: more\n {4}modules: \[\]/,
      'a name that another package has goes',
    );
    t.match((await moved(['crc'])).patched, /- name: core\n {4}modules: \[crc\]\n {4}rest: true/);
    t.notMatch((await moved(['crc'])).patched, / {6}- crc/);
    t.equal(patchOwnSplit(text, [want('crc', undefined, 'no-such')]), undefined);
  });

  await t.test("Fedora's def_variants.yaml", async (t) => {
    const text = [
      'packages:',
      '  - name: core',
      '    depends-on: []',
      '  - name: extra',
      '    depends-on:',
      '    - core',
      'rules:',
      '  - lib/crc.*: extra',
      '  - net/.*: extra',
      '  - .*i2c.*: extra',
      '    exact_pkg: True',
      '  - default: core',
      '',
    ].join('\n');
    const read = async (content: string) => {
      const { path } = folderOf({ 'def_variants.yaml': content });
      return readSplit(join(path, 'def_variants.yaml'), index);
    };
    const before = await read(text);
    const place = (name: string) => before.placement.get(name)?.rule ?? undefined;
    t.equal(before.placement.get('nft_nat')?.package, 'extra');
    const patched = patchVariants(
      text,
      [want('nft_nat', place('nft_nat'), 'core'), want('crc', place('crc'), 'core')],
      index,
    );
    const after = await read(patched ?? '');
    for (const name of ['nft_nat', 'nat', 'crc']) t.equal(after.placement.get(name)?.package, 'core', name);
    t.equal(after.placement.get('masq')?.package, 'extra', 'and nothing else');
    t.match(patched, /^ {2}- net\/nat\/nft_nat\.ko: core$/m);
    t.equal(
      patchVariants(text, [want('i2c', place('i2c'), 'core')], index),
      undefined,
      'exact_pkg is for a person',
    );
  });
});

const reference = (more: Partial<Reference>): Reference => ({
  version: 1,
  scenario: 'net/nat',
  verdict: 'pass',
  reason: '',
  answered: [],
  unanswered: [],
  askedBySteps: [],
  unbound: [],
  modulesLoaded: [],
  bound: {},
  ...more,
});

t.test('what a scenario needs, and what its loss shows', async (t) => {
  const scenario = { disks: [], nics: [{ model: 'x', mac: '', farEnd: false }] };
  const loaded = ['i2c', 'nat', 'nft_nat', 'crc', 'crc_fast', 'ring'];
  const known = reference({
    askedBySteps: ['nft_nat', 'fs-none', 'crypto-crc', 'masq'],
    modulesLoaded: loaded,
  });
  const crypto = {
    ...index,
    resolve: (request: string) =>
      request === 'crypto-crc'
        ? { kind: 'modules' as const, names: ['crc', 'crc_fast'] }
        : index.resolve(request),
  };
  t.same(scenarioNeeds({ ...scenario } as never, known, crypto), {
    needed: [
      { modules: ['crc', 'crc_fast'], request: 'crypto-crc', soft: false },
      { modules: ['nat'], request: null, soft: false },
      { modules: ['nft_nat'], request: 'nft_nat', soft: false },
      { modules: ['ring'], request: 'ring', soft: true },
    ],
    bystanders: ['i2c'],
  });

  const nat = { modules: ['nat'], request: null, soft: false };
  const fail = (findings: Finding[]) => ({
    scenario: 'net/nat',
    verdict: 'fail' as const,
    reason: 'r',
    findings,
  });
  t.match(judgeMutation(nat, fail([missing('nat')]), index), { red: true, named: true, reason: '' });
  t.match(judgeMutation(nat, fail([missing('nft_nat')]), index), { named: true }, 'it brings nat with it');
  t.match(judgeMutation(nat, fail([missing('i2c')]), index), { named: false, reason: /i2c/ });
  t.match(judgeMutation(nat, fail([]), index), { red: true, named: false, reason: /no finding/ });
  const pass = { scenario: 'net/nat', verdict: 'pass' as const, reason: '', findings: [] };
  t.match(judgeMutation(nat, pass, index), { red: false, named: false, reason: /does without/ });
  const both = { modules: ['crc', 'crc_fast'], request: 'crypto-crc', soft: false };
  t.match(judgeMutation({ ...both, soft: true }, pass, index), { soft: true, reason: /only the softdep/ });
  t.match(judgeMutation(both, pass, index), { reason: /passes without an answer to crypto-crc/ });
  t.match(judgeMutation(both, fail([missing('crc_fast')]), index), { named: true });
});

t.test('coverage: by package, the largest untouched first', async (t) => {
  const rows = coverage(
    [
      { name: 'a', bytes: 10, package: 'core' },
      { name: 'b', bytes: 30, package: 'core' },
      { name: 'c', bytes: 20, package: 'core' },
      { name: 'd', bytes: 5, package: 'extra' },
    ],
    new Set(['a', 'z']),
  );
  t.same(rows[0], {
    name: 'core',
    modules: 3,
    bytes: 60,
    loaded: 1,
    loadedBytes: 10,
    untouched: [
      { name: 'b', bytes: 30 },
      { name: 'c', bytes: 20 },
    ],
  });
  t.equal(rows[1]?.loaded, 0);
  const { path } = folderOf({ 'modules.txt': '# full module tree\nblk # 10 core\nring # 3\n' });
  t.same(await readContents(path), [
    { name: 'blk', bytes: 10, package: 'core' },
    { name: 'ring', bytes: 3 },
  ]);
  t.same(
    setFromList(index, readFileSync(join(path, 'modules.txt')), 'l').names,
    ['blk', 'ring'],
    'it is a module list',
  );
  await t.rejects(readContents(join(path, 'nowhere')), { code: 'E_RUN_CONTENTS' });
});

t.test('a story without its recording still says what is missing, and where', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-story-'));
  mkdirSync(join(folder, 'net/nat'), { recursive: true });
  const finding: Finding = {
    kind: 'missing-module',
    evidence: 'device without a driver: scsi:t-0x00 (/sys/x)',
    module: 'sd_mod',
    package: 'extra',
    rule: 'split.yaml:31',
    bytes: 2048,
    hint: '',
  };
  const result = resultOf({
    findings: [finding],
    files: { console: 'net/nat/console.log', control: '', argv: '', recording: '' },
  });
  const image = {
    name: 'debian',
    kernel: { release: '6.1', source: '', resolved: [], digest: '' },
    vmlinuz: { bytes: 0 },
    modules: { source: 'list.txt', count: 3, bytes: 0, ofCount: 9, ofBytes: 0 },
    initramfs: { bytes: 0, digest: '', buildMs: 0 },
  };
  const story = await storyOf({ folder, result: { image, results: [result] } as never }, result);
  t.equal(story.missing[0]?.chain, 'scsi:t-0x00 → sd_mod → in the package extra by split.yaml:31');
  const told = { ...result, findings: [{ ...finding, chain: 'the disk data → sd_mod' }] };
  t.equal(
    (await storyOf({ folder, result: { image, results: [told] } as never }, told)).missing[0]?.chain,
    'the disk data → sd_mod',
  );
  const text = storyText(story, 'latest', 100, plain);
  t.match(text, /^missing +scsi:t-0x00 → sd_mod/m);
  t.match(text, /^add +sd_mod \(\+2 KiB with its dependencies\) from extra$/m);
  t.match(text, /^next +bootgate fix latest 'net\/nat'$/m);
  t.ok(text.split('\n').length < 25, 'it fits a screen');
  t.ok(text.split('\n').every((line) => line.length <= 100));
});

t.test('what can be mended is what was booted', async (t) => {
  t.ok(isSameSet(['a', 'b'], ['b', 'a']));
  t.notOk(isSameSet(['a', 'b'], ['a']));
  t.notOk(isSameSet(['a', 'b'], ['a', 'c']));
  t.equal(told(['a', 'b'], ['a', 'c', 'd']), 'it had 2 modules, now it has 3 (+c, +d, -b)');
  const [gone, open, passed] = [
    resultOf({ scenario: 'net/nat' }),
    resultOf({ scenario: 'net/other', verdict: 'infra' }),
    resultOf({ verdict: 'pass' }),
  ];
  t.throws(() => requireScenarios([gone], [{ name: 'net/nta' } as never]), {
    code: 'E_SCENARIO_NAME',
    blame: 'user',
    message: /net\/nat/,
  });
  requireScenarios([gone], [{ name: 'net/nat' } as never]);
  t.same(unsettledOf({ folder: '', result: { results: [gone, open, passed] } as never }), [gone, open]);
});

t.test('a fix that the host did not let be proven is undecided', (t) => {
  const fix = (verified: boolean, found: boolean, verdict: 'pass' | 'fail' | 'incomplete' | null): Fix =>
    ({
      verified,
      kernelsOwn: [],
      searches: [{ result: 'net/nat', remedy: { verified: found } }],
      proof: verdict && { id: 'x', folder: '', verdict },
    }) as unknown as Fix;
  const code = (one: Fix) => exitCodeOfVerdict(verdictOfFix(one));
  t.equal(code(fix(true, true, 'pass')), 0);
  t.equal(code(fix(false, true, 'incomplete')), 3);
  t.equal(code(fix(false, true, 'fail')), 1);
  t.equal(code(fix(false, false, null)), 1);
  t.equal(code({ ...fix(false, true, 'incomplete'), kernelsOwn: ['net/other'] }), 1);
  t.end();
});

t.test('a suite of which nothing was tried has proven nothing', (t) => {
  const red = { red: true, named: true } as Mutation;
  const report = (more: Partial<MutationReport>): MutationReport => ({
    ...{ mutations: [red], without: [], failed: [], bystanders: 0, possible: 1, boots: 1 },
    ...more,
  });
  t.equal(judgeSuite(report({})), 'yes');
  t.equal(judgeSuite(report({ mutations: [] })), 'unknown');
  const failed = [{ scenario: 'net/nat', modules: ['nat'], reason: 'no space left' }];
  t.equal(judgeSuite(report({ failed })), 'unknown', 'what the host stopped');
  t.equal(
    judgeSuite(report({ mutations: [{ ...red, red: false }], failed })),
    'no',
    'green where it must be red',
  );
  t.equal(judgeSuite(report({ mutations: [red, { ...red, named: false }] })), 'no');
  t.end();
});
