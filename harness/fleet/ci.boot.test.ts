import { spawnSync } from 'node:child_process';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { readme } from '../cli/fixtures/readme.js';
import { packageRoot } from '../paths.js';
import type { RunResult } from '../results/run-result.js';

/** The README's jobs for GitHub and GitLab: each of their commands runs as the CI system would run it, with few scenarios. */
/** As a workflow writes it. */
const MATRIX_SHARD = ['$', '{{ matrix.shard }}'].join('');
const all = process.env.BOOTGATE_ALL === '1';

interface Job {
  strategy?: { matrix: { shard: number[] } };
  parallel?: number;
  steps?: { run?: string; with?: { path: string } }[];
  script?: string[];
}

function jobsAfter(comment: string): Record<'shard' | 'gate', Job> {
  const [, text = ''] =
    new RegExp(`^\`\`\`yaml\\n# ${comment}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(readme) ?? [];
  const value = parse(text);
  return value.jobs ?? value;
}

const isOurs = (command: string) => /^node dist\/cli\/main\.js /.test(command);
const commandsOf = ({ steps = [], script = [] }: Job) =>
  [...script, ...steps.flatMap(({ run }) => run ?? [])].filter(isOurs);

function shell(command: string, cwd: string, env: Record<string, string> = {}) {
  return spawnSync('sh', ['-c', command], { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
}

/** Only so many scenarios, but the words of the command. */
const few = (command: string) =>
  command.replace(' gate storage ', ' gate storage/virtio-blk storage/nvme --jobs 1 ');

function workplace(name: string): string {
  const home = mkdtempSync(join(tmpdir(), `bootgate-${name}-`));
  symlinkSync(join(packageRoot, 'dist'), join(home, 'dist'));
  return home;
}

t.test('every option that the jobs give is one of the command', async (t) => {
  for (const [name, { shard, gate }] of Object.entries({
    GitHub: jobsAfter('shards on GitHub'),
    GitLab: jobsAfter('shards on GitLab'),
  }))
    for (const command of [...commandsOf(shard), ...commandsOf(gate)]) {
      const [, , verb = ''] = command.split(' ');
      const { stdout } = shell(`node dist/cli/main.js ${verb} --help`, packageRoot);
      for (const [option] of command.matchAll(/--[a-z-]+/g))
        t.ok(stdout.includes(option), `${name}: ${command}`);
    }
  t.equal(commandsOf(jobsAfter('shards on GitLab').gate).length, 1);
});

t.test(
  'the shards of a GitHub matrix and their merge',
  { timeout: 600_000, skip: !all && 'BOOTGATE_ALL=1' },
  async (t) => {
    const { shard, gate } = jobsAfter('shards on GitHub');
    const home = workplace('github');
    const { status, stdout } = run(
      shard.strategy?.matrix.shard ?? [],
      // Each job has a machine of its own; upload-artifact and download-artifact bring shard-N to shards/shard-N.
      (index) => ({
        command: commandsOf(shard).join('\n').replaceAll(MATRIX_SHARD, String(index)),
        env: { BOOTGATE_RESULTS: `shards/shard-${index}` },
      }),
      commandsOf(gate).join('\n'),
      home,
    );
    t.equal(status, 0, stdout);
    t.match(stdout, /the gate holds/);
    const report = shell('node dist/cli/main.js report latest --format json', home);
    const { results, merged } = JSON.parse(report.stdout) as RunResult;
    t.same(
      results.map(({ scenario, verdict }) => `${scenario} ${verdict}`),
      ['storage/nvme pass', 'storage/virtio-blk pass'],
    );
    t.equal(merged?.length, 4, 'two of the four shards had nothing to boot');
  },
);

t.test(
  'the parallel jobs of GitLab and their merge',
  { timeout: 600_000, skip: !all && 'BOOTGATE_ALL=1' },
  async (t) => {
    const { shard, gate } = jobsAfter('shards on GitLab');
    const count = shard.parallel ?? 0;
    const { status, stdout } = run(
      Array.from({ length: count }, (_, at) => at + 1),
      (index) => ({
        command: commandsOf(shard).join('\n'),
        env: { CI_NODE_INDEX: String(index), CI_NODE_TOTAL: String(count) },
      }),
      commandsOf(gate).join('\n'),
      workplace('gitlab'),
    );
    t.equal(status, 0, stdout);
    t.match(stdout, /merged from 4 runs/);
  },
);

function run(
  indexes: readonly number[],
  job: (index: number) => { command: string; env: Record<string, string> },
  merge: string,
  home: string,
) {
  for (const index of indexes) {
    const { command, env } = job(index);
    const done = shell(few(command), home, env);
    if (done.status !== 0)
      throw new Error(`shard ${index} ended with ${done.status}\n${done.stdout}${done.stderr}`);
  }
  return shell(merge, home);
}
