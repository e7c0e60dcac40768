import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Executor } from '../boot/executor.js';
import { referenceFor } from '../boot/reference.js';
import { Cache } from '../cache.js';
import { imageOfRun } from '../image/again.js';
import { loadImage } from '../image/image-file.js';
import { type PreparedImage, prepareImages } from '../image/prepare.js';
import { packageRoot, scenariosDir } from '../paths.js';
import { failuresOf } from '../results/choose.js';
import type { RunResult } from '../results/run-result.js';
import { runPlan } from '../run/run.js';
import { loadScenarios } from '../scenarios/load.js';
import { selectScenarios } from '../scenarios/select.js';
import { formatBytes } from '../units.js';
import { chooseAccelerator } from '../vm/accelerator.js';
import { type Fix, fixRun } from './fix.js';
import { type Story, storyOf } from './story.js';

/**
 * From a red scenario to the line that caused it: a set that lacks something is booted, explain names the module at the
 * top, and fix ends green, with a change to the list, policy or split that was booted as it stands in the file.
 * All of them: BOOTGATE_ALL=1 npx tap --timeout=3000 harness/search/boot.test.ts. One: BOOTGATE_CASE=sd_mod.
 */
interface Case {
  scenario: string;
  /** What the set lacks. */
  without: string[];
  /** What explain must have at the top; one of `without` unless given. */
  names?: string[];
  /** How the set is written down; a split of two packages adds nothing back, so that a set can lack what its modules need. */
  as: 'list' | 'policy' | 'split';
  /** Only with BOOTGATE_ALL=1: the same road for other modules. */
  slow?: true;
}

const CASES: Case[] = [
  { scenario: 'storage/virtio-blk', without: ['virtio_pci'], as: 'list' },
  { scenario: 'filesystems/ext4', without: ['crc32c_generic', 'crc32c_intel'], as: 'policy' },
  { scenario: 'filesystems/ext4', without: ['jbd2'], as: 'split' },
  { scenario: 'netfilter/nft-nat', without: ['nft_chain_nat'], as: 'policy' },
  { scenario: 'storage/virtio-blk', without: ['virtio_blk'], as: 'list', slow: true },
  { scenario: 'storage/virtio-scsi', without: ['sd_mod'], as: 'list', slow: true },
  { scenario: 'storage/virtio-scsi', without: ['scsi_mod'], as: 'split', slow: true },
  { scenario: 'filesystems/xfs', without: ['xfs'], as: 'policy', slow: true },
  { scenario: 'filesystems/btrfs', without: ['raid6_pq'], as: 'split', slow: true },
  { scenario: 'network/virtio-net-tcp', without: ['virtio_net'], as: 'list', slow: true },
  { scenario: 'netfilter/nft-filter', without: ['nf_tables'], as: 'split', slow: true },
  { scenario: 'netfilter/iptables', without: ['xt_MASQUERADE'], as: 'list', slow: true },
  { scenario: 'filesystems/vfat', without: ['nls_ascii', 'nls_cp437'], as: 'list', slow: true },
  { scenario: 'filesystems/9p', without: ['9pnet_virtio'], as: 'policy', slow: true },
];
const all = process.env.BOOTGATE_ALL === '1';
const only = process.env.BOOTGATE_CASE;

const cache = new Cache();
const folder = mkdtempSync(join(tmpdir(), 'bootgate-fix-test-'));
const results = join(folder, 'results');
const scenarios = (await loadScenarios(scenariosDir)).filter(({ tags }) => tags?.includes('quick'));
const rows: string[][] = [];

async function prepare({ without, as }: Case, at: number): Promise<[PreparedImage, ...PreparedImage[]]> {
  const file = join(folder, `${at}-${as}.${as === 'list' ? 'txt' : 'yaml'}`);
  if (as === 'list') writeFileSync(file, ['*', ...without.map((name) => `-${name}`), ''].join('\n'));
  if (as === 'policy')
    writeFileSync(
      file,
      `version: 1\nrules:\n  - include: '**'\n  - exclude: [${without.join(', ')}]\n    reason: test\n  - exclude: drivers/staging\n`,
    );
  if (as === 'split')
    writeFileSync(
      file,
      `version: 1\nname: test\ndependencies: keep\npackages:\n  - name: core\n    rest: true\n  - name: extra\n    depends: [core]\n    modules:\n${without.map((name) => `      - ${name}\n`).join('')}      - floppy\n`,
    );
  const overrides = as === 'split' ? { split: file, install: ['core'] } : { modules: file };
  return prepareImages(await loadImage('debian', overrides), { cache });
}

for (const [at, one] of CASES.entries()) {
  const { scenario, without, names = without } = one;
  const skip = (one.slow && !all && !only) || (only && !without.includes(only)) ? 'BOOTGATE_ALL=1' : false;
  t.test(
    `${scenario} without ${without.join(', ')}, as a ${one.as}`,
    { skip, timeout: 600_000 },
    async (t) => {
      const variants = await prepare(one, at);
      const { kernel, vmlinux } = variants[0];
      const accelerator = await chooseAccelerator('auto', { kernel, vmlinux, cache });
      const plan = { boots: selectScenarios(scenarios, [scenario]), skips: [] };
      const { result, folder: run } = await runPlan({
        prepared: variants,
        plan,
        accelerator,
        cache,
        results,
        reporters: [],
      });
      t.equal(result.verdict, 'fail', 'without it the run is red');
      const stored = {
        folder: run.path,
        result: JSON.parse(readFileSync(join(run.path, 'run.json'), 'utf8')) as RunResult,
      };
      const [failed] = failuresOf(stored, []);
      if (!failed) return t.fail('nothing failed');
      t.equal(failed.reference?.verdict, 'pass', 'the full module tree passes');
      const [prepared, booted] = [variants[0], plan.boots[0]];
      if (!booted) return t.fail(`no scenario ${scenario}`);
      const never = join(folder, 'never');
      const executor = new Executor({ accelerator, cache });
      const known = await referenceFor({ prepared, scenario: booted, executor, folder: never });
      t.ok(known.cached && !existsSync(never), 'and is not booted a second time');

      const story = await storyOf(stored, failed);
      const top = story.missing[0]?.module ?? 'nothing';
      t.ok(names.includes(top), `explain has ${top} at the top`);

      const again = await imageOfRun(stored, { cache });
      const fix = await fixRun({
        run: stored,
        failed: [failed],
        variants: again,
        scenarios,
        accelerator,
        cache,
        results,
        limit: 16,
      });
      t.ok(fix.verified, 'fix ends green');
      t.ok(
        fix.added.every(({ module }) => without.includes(module)),
        `it adds ${fix.added.map((add) => add.module)}`,
      );
      t.equal(fix.proof?.verdict, 'pass');
      t.match(fix.patch?.diff, /^\+.*\w/m, 'there is a patch');
      rows.push(rowOf(one, top, story, fix));
    },
  );
}

function rowOf({ scenario, without, as }: Case, top: string, story: Story, fix: Fix): string[] {
  return [
    without.join(', '),
    scenario,
    story.missing[0]?.chain.split(' → ')[0] ?? '',
    top,
    fix.added.map(({ module }) => module).join(', '),
    `+${formatBytes(fix.bytes)}`,
    String(fix.boots),
    as,
    fix.verified ? 'green' : 'red',
  ];
}

t.test(
  'by the commands, as a maintainer types them',
  { skip: only && only !== 'commands' ? only : false, timeout: 600_000 },
  async (t) => {
    const main = join(packageRoot, 'dist', 'cli', 'main.js');
    const list = join(folder, 'mine.txt');
    writeFileSync(list, '*\n-virtio-blk\n');
    const bootgate = (...args: string[]) =>
      spawnSync(process.execPath, [main, ...args, '--results', join(folder, 'by-hand')], {
        encoding: 'utf8',
      });
    const scenario = 'storage/virtio-blk';

    t.equal(bootgate('run', scenario, '--image', 'debian', '--modules', list).status, 1);
    const explained = bootgate('explain', 'latest');
    t.equal(explained.status, 0, explained.stderr);
    t.match(
      explained.stdout,
      /^missing +the disk data's `virtio:\S+` → virtio_blk → dropped by\s+\S*mine\.txt:2$/m,
    );
    const stories = JSON.parse(bootgate('explain', 'latest', scenario, '--json').stdout) as {
      stories: Story[];
    };
    t.equal(stories.stories[0]?.missing[0]?.module, 'virtio_blk');
    t.match(
      bootgate('explain', 'latest', '--coverage').stdout,
      /of the set was never loaded by any scenario/,
    );
    t.equal(bootgate('explain', 'latest', 'storage/nothing').status, 2);

    const fixed = bootgate('fix', 'latest', '--write');
    t.equal(fixed.status, 0, fixed.stderr);
    t.match(fixed.stdout, /^add virtio_blk /m);
    t.match(fixed.stdout, /^--virtio-blk$/m, 'the line is in the diff');
    t.equal(readFileSync(list, 'utf8'), '*\n', 'and out of the file');
    const again = bootgate('fix', 'latest');
    t.equal(again.status, 2, 'the latest run is the one that failed, not its proof');
    t.match(again.stderr, /has changed since .*\(\+virtio_blk\)/);
  },
);

t.teardown(() => {
  const head = [
    'taken away',
    'scenario',
    'seen',
    'explain names',
    'fix adds',
    'cost',
    'boots',
    'patched',
    'then',
  ];
  for (const row of [head, head.map(() => '---'), ...rows]) process.stderr.write(`| ${row.join(' | ')} |\n`);
});
