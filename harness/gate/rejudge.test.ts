import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { type JudgedImage, resultFromEvidence } from '../boot/evidence.js';
import { writeOutside } from '../boot/outside.js';
import { type StoredReference, writeReference } from '../boot/stored-reference.js';
import { Cache } from '../cache.js';
import { SCENARIO, setOf, TREE } from '../diagnose/fixtures/evidence.js';
import { writeContents } from '../image/contents.js';
import { gateSchema } from '../image/gate-section.js';
import type { PreparedImage } from '../image/prepare.js';
import { writeRules } from '../image/rules-file.js';
import { packageRoot } from '../paths.js';
import { readRun } from '../results/read.js';
import type { RunResult } from '../results/run-result.js';
import type { ScenarioResult, Verdict } from '../results/scenario-result.js';
import { withResults } from '../results/verdict.js';
import { runText } from '../results/write.js';
import { MARK } from '../vm/record-line.js';
import { writeRecording } from '../vm/recording.js';
import { type SealKey, sealKey, sealOf } from '../vm/seal.js';
import { type GateInput, withGate, writeGateInput } from './gate-input.js';
import { parseKnownIssues } from './known-issues.js';
import { rejudgeRun } from './rejudge.js';
import { gateSettings } from './thresholds.js';

/** Stored runs by hand: what lies in the folders is what a guest would have left; the chain is the real one. */
const FIXTURE = JSON.parse(
  readFileSync(join(packageRoot, 'harness', 'report', 'fixtures', 'run.json'), 'utf8'),
) as RunResult;
const cache = new Cache(mkdtempSync(join(tmpdir(), 'bootgate-rejudge-cache-')));
const NONCE = 'feedfacefeedface';
const KEY = sealKey(NONCE) as SealKey;

/** What a guest did, and what became of it on the host. */
type Story =
  | 'passes'
  | 'lacks xfs'
  | 'says no'
  | 'crashes'
  | 'wrote nothing'
  | 'lost its disk'
  | 'was made from damaged files';
const STORIES: Story[] = [
  'passes',
  'lacks xfs',
  'says no',
  'crashes',
  'wrote nothing',
  'lost its disk',
  'was made from damaged files',
];
/** An oops; with damaged files it is the host's trouble all the same. */
const isCrash = (story: Story) => story === 'crashes' || story === 'was made from damaged files';
const OOPS = '[    2.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\r\n';

function control(story: Story): string {
  const end = (name: string, status: number) => `step-end name=${name} status=${status} seconds=1`;
  const bad = story === 'lacks xfs' || story === 'says no';
  const records = [
    'hello',
    'step-start name=find up=1',
    end('find', 0),
    'step-start name=mount up=2',
    ...(isCrash(story) ? [] : [`output text=${bad ? 'No%20such%20device' : 'fine'}`]),
    ...(story === 'lacks xfs' ? ['request name=fs-xfs status=1 step=mount'] : []),
    ...(isCrash(story) ? [] : [end('mount', bad ? 1 : 0), 'module name=ext4 bytes=9']),
  ];
  if (!isCrash(story)) records.push(`end records=${records.length + 1}`);
  return records
    .map((rest, at) => `\n${MARK}${at + 1} ${sealOf(KEY, `${at + 1} ${rest}`)} ${rest}\n`)
    .join('');
}

async function leave(folder: string, story: Story): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const console = Buffer.from(`[    1.000000] Linux version 6.1\r\n${isCrash(story) ? OOPS : ''}`);
  writeFileSync(join(folder, 'console.log'), console);
  writeFileSync(join(folder, 'control.log'), control(story));
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ scenario: SCENARIO }));
  await writeRecording(folder, {
    nonce: NONCE,
    console,
    control: Buffer.from(control(story)),
    ending: { kind: 'exit', status: 0, signal: null },
    phases: [
      { phase: 'firmware', at: 0 },
      { phase: 'steps', at: 0.1 + 0.2 },
    ],
    seconds: 5.1,
    cpuSeconds: 4.3,
  });
  const ok = story !== 'wrote nothing' && !isCrash(story);
  await writeOutside(folder, {
    checks: [{ name: 'pattern in the disk file of BG-1', ok, seconds: 0.01, where: 'outside', message: 'm' }],
    ...(story === 'lost its disk' ? { trouble: 'the disk file of BG-1 cannot be read: ENOENT' } : {}),
    ...(story === 'was made from damaged files'
      ? { damaged: 'the window was damaged, and is made again' }
      : {}),
  });
}

interface Told {
  stories: Story[];
  reference?: Verdict | undefined;
}

/** Each story by itself, one flaky, and each kind of reference: what the search may miss by chance. */
const EVERY: Told[] = [
  ...STORIES.map((story): Told => ({ stories: [story] })),
  { stories: ['says no', 'passes'] },
  ...(['pass', 'fail', 'infra'] as const).map((reference): Told => ({ stories: ['lacks xfs'], reference })),
];
const PLACE = { file: 'list.txt', line: 4, text: '-xfs' };

/** A whole gate over such guests, through the same steps as a live one, and written. */
async function storedGate(told: Told[], split: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'bootgate-rejudge-'));
  const list = { ...setOf('ext4', 'jbd2', 'mbcache', 'virtio_blk'), excludedBy: new Map([['xfs', PLACE]]) };
  const placement = new Map([
    ['ext4', { package: 'core', rule: null }],
    ['xfs', { package: 'extra', rule: { file: 'split.yaml', line: 12, text: 'fs/xfs: extra' } }],
  ]);
  const image = {
    kernel: { config: null },
    index: TREE,
    set: split ? { ...list, excludedBy: new Map() } : list,
    split: split ? { placement } : null,
    installSet: split ? { name: 'core' } : null,
  } as unknown as PreparedImage;
  await writeContents(folder, image);
  await writeRules(folder, image);
  const results: ScenarioResult[] = [];
  for (const [at, { stories, reference }] of told.entries()) {
    const files = (attempt: number) => {
      const path = `a/${at}${attempt === 1 ? '' : `.attempt-${attempt}`}`;
      return { console: `${path}/console.log`, control: '', argv: '', recording: `${path}/recording.json` };
    };
    for (const [number, story] of stories.entries())
      await leave(join(folder, files(number + 1).console, '..'), story);
    const bare: ScenarioResult = {
      scenario: `a/${at}`,
      ...(split ? { installSet: 'core' } : {}),
      area: 'a',
      ...{ verdict: 'crash', phase: 'firmware', reason: '', steps: [], findings: [], consoleTail: [] },
      modulesLoaded: [],
      memory: { modulesBytes: 0, usedAfterBootBytes: 0 },
      ...{ seconds: 5.1, cpuSeconds: 4.3, attempts: stories.length },
      files: files(1),
      phases: [],
      ...(stories.length > 1
        ? {
            tries: stories.map((_, number) => ({
              verdict: 'fail',
              reason: '',
              console: files(number + 1).console,
            })),
          }
        : {}),
    };
    let stored: StoredReference | undefined;
    if (reference) {
      const facts = { answered: [], unanswered: [], unbound: [], askedBySteps: [], bound: {} };
      const loaded = ['ext4', 'libcrc32c', 'xfs'];
      stored = {
        schema: 'bootgate/reference@1',
        cached: true,
        reference: {
          version: 1,
          scenario: SCENARIO.name,
          verdict: reference,
          reason: 'r',
          modulesLoaded: loaded,
          ...facts,
        },
      };
      await writeReference(join(folder, files(1).console, '..'), stored);
    }
    results.push(await resultFromEvidence(bare, folder, image as JudgedImage, cache, stored));
  }
  const { gate: _gate, ...rest } = FIXTURE;
  const run = withResults(rest, results);
  const known =
    "version: 1\nissues:\n  - { pattern: 'NULL pointer', reason: known, link: 'https://x.example/1', owner: me, expires: 2026-12-31 }\n";
  const input: GateInput = {
    now: new Date('2026-06-01T00:00:00Z'),
    settings: gateSettings({ allowKnown: true, retries: 1 }, gateSchema.parse({})),
    knownIssues: await parseKnownIssues('ledger.yaml', known),
    check: null,
    overBudget: [{ what: 'modules', limit: 1, bytes: 2, contributors: [] }],
    baseline: FIXTURE,
  };
  await writeGateInput(folder, input);
  writeFileSync(join(folder, 'run.json'), runText(withGate(run, input)));
  return { folder, image };
}

const again = async (folder: string) =>
  runText(await rejudgeRun(await readRun(folder), cache, { kernel: { config: null }, index: TREE } as never));
const written = (folder: string) => readFileSync(join(folder, 'run.json'), 'utf8');

t.test('judged again by the same rules, a run is the same byte for byte', async (t) => {
  const seen = new Set<string>();
  const story = fc.constantFrom(...STORIES);
  const told = fc.record({
    stories: fc.array(story, { minLength: 1, maxLength: 3 }),
    reference: fc.constantFrom<Verdict | undefined>(undefined, 'pass', 'fail', 'infra'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(told, { minLength: 1, maxLength: 4 }), fc.boolean(), async (runs, split) => {
      const { folder } = await storedGate(runs, split);
      const before = written(folder);
      for (const { verdict, flaky, knownIssue, reference, findings } of (JSON.parse(before) as RunResult)
        .results) {
        seen.add(`${verdict}${flaky ? ' flaky' : ''}${knownIssue ? ' known' : ''}`);
        if (reference) seen.add(`reference ${reference.verdict}`);
        for (const { kind, rule = '' } of findings) seen.add(`${kind} ${rule}`);
      }
      const after = await again(folder);
      if (after !== before) t.equal(after, before);
      rmSync(folder, { recursive: true });
      return after === before;
    }),
    { numRuns: 20, examples: [true, false].map((split): [Told[], boolean] => [EVERY, split]) },
  );
  for (const wanted of [
    ...[
      'pass',
      'fail',
      'fail flaky',
      'pass known',
      'infra',
      'reference pass',
      'reference fail',
      'reference infra',
    ],
    ...['missing-module list.txt:4', 'missing-module split.yaml:12', 'outside-check ', 'kernel-report '],
  ])
    t.ok(seen.has(wanted), `${wanted} was among them: ${[...seen].join(', ')}`);
});

t.test('and it follows what was recorded, not what run.json says', async (t) => {
  const { folder } = await storedGate(
    [{ stories: ['passes'] }, { stories: ['lacks xfs'], reference: 'pass' }],
    false,
  );
  const before = JSON.parse(written(folder)) as RunResult;
  t.match(before.results[1]?.findings, [{ kind: 'missing-module', module: 'xfs', rule: 'list.txt:4' }]);
  t.match(before.results[1]?.findings[0]?.chain, /dropped by list\.txt:4$/);
  const console = join(folder, 'a/0/console.log');
  writeFileSync(console, `${readFileSync(console, 'utf8')}${OOPS}`);
  const changed = JSON.parse(await again(folder)) as RunResult;
  t.equal(changed.results[0]?.verdict, 'pass', 'a crash that the stored ledger explains');
  t.equal(changed.results[0]?.knownIssue?.was, 'crash');
  t.equal(changed.gate?.comparison?.before.id, FIXTURE.id, 'against the stored baseline');

  writeFileSync(
    join(folder, 'rules.json'),
    JSON.stringify({ schema: 'bootgate/rules@1', tree: 'sha256:1', rules: [], out: {} }),
  );
  await t.rejects(again(folder), { code: 'E_RUN_CONTENTS', message: /module tree .* has changed since/ });
});
