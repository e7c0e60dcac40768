import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { packageRoot } from '../paths.js';
import { checkJobOptions } from './cluster/job.js';
import { kubernetesManifest } from './cluster/kubernetes.js';
import { slurmScript } from './cluster/slurm.js';

const JOB = {
  name: 'nightly',
  shards: 3,
  command: ['gate', 'storage/*', '--image', "it's mine", '$(reboot)'],
};
const K8S = {
  ...JOB,
  image: 'registry/bootgate:1',
  kvm: null,
  cpu: '2',
  memory: '4Gi',
  claim: null,
  storage: '20Gi',
};
const SLURM = { ...JOB, cpu: '2', memory: '4G', time: '01:00:00', partition: null, results: 'shared' };

/** A folder with a `bootgate` (and other programs) that write down how they were called, one argument a line. */
function fakes(programs: Record<string, string>) {
  const home = mkdtempSync(join(tmpdir(), 'bootgate-cluster-'));
  const bin = join(home, 'bin');
  mkdirSync(bin);
  for (const [name, then] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\n' ${name} "$@" >> "$CALLS"\n${then}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const calls = join(home, 'calls');
  const run = (words: readonly string[], env: Record<string, string>) => {
    writeFileSync(calls, '');
    const [program = '', ...args] = words;
    const { status } = spawnSync(program, args, {
      cwd: home,
      env: { PATH: `${bin}:${process.env.PATH}`, CALLS: calls, ...env },
      stdio: 'inherit',
    });
    return { status, called: readFileSync(calls, 'utf8').trimEnd().split('\n') };
  };
  return { home, run };
}

interface Container {
  command: string[];
  resources: { limits: Record<string, string> };
  securityContext: object;
}
interface Pod {
  securityContext: object;
  volumes: { persistentVolumeClaim?: { claimName: string } }[];
  containers: [Container];
}
interface Kind {
  kind: string;
  metadata: { name: string };
  spec: { completions?: number; completionMode?: string; suspend?: boolean; template: { spec: Pod } };
}

async function objects(more = {}): Promise<Kind[]> {
  const text = await kubernetesManifest({ ...K8S, ...more });
  t.notMatch(text, /[&*]a\d/, 'no anchors');
  return parseAllDocuments(text).flatMap((one) => {
    t.same(one.errors, []);
    const value = one.toJS() as Kind | null;
    return value ? [value] : [];
  });
}

/** What Kubernetes makes of a command: $(NAME) is replaced where there is such a variable, $$ is a dollar. */
const asKubernetes = (command: readonly string[]) => command.map((word) => word.replaceAll('$$(', '$('));

t.test('kubernetes: an Indexed Job whose pods run their shard', async (t) => {
  const [claim, job, merge] = (await objects()) as [Kind, Kind, Kind];
  t.same([claim.kind, job.kind, merge.kind], ['PersistentVolumeClaim', 'Job', 'Job']);
  t.match(job.spec, { completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimitPerIndex: 2 });
  t.equal(merge.spec.suspend, true);
  const [container] = job.spec.template.spec.containers;
  const command = asKubernetes(container.command);
  for (const [status, wanted] of [
    [0, 0],
    [1, 0],
    [2, 2],
    [3, 3],
  ] as const) {
    const { run } = fakes({ bootgate: `exit ${status}` });
    const done = run(command, { JOB_COMPLETION_INDEX: '2' });
    t.equal(done.status, wanted, `exit code ${status}: a verdict is for the merge`);
    t.same(done.called, ['bootgate', ...JOB.command, '--shard', '3/3', '--results', '/data/results/nightly']);
  }
  const merged = fakes({ bootgate: '' }).run(
    asKubernetes(merge.spec.template.spec.containers[0].command),
    {},
  );
  t.same(merged.called, [
    'bootgate',
    'merge',
    '/data/results/nightly',
    '--results',
    '/data/results/nightly-merged',
  ]);
});

t.test('kubernetes: no privileges, and KVM only from a device plugin', async (t) => {
  for (const kvm of [null, 'devices.kubevirt.io/kvm']) {
    const [, job, merge] = (await objects({ kvm })) as [Kind, Kind, Kind];
    for (const { spec } of [job, merge]) {
      const pod = spec.template.spec;
      t.match(pod, { automountServiceAccountToken: false, restartPolicy: 'Never' });
      t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      t.match(pod.containers[0].securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      t.notMatch(JSON.stringify(spec), /hostPath|privileged|hostNetwork/);
    }
    t.equal(
      job.spec.template.spec.containers[0].resources.limits['devices.kubevirt.io/kvm'],
      kvm ? '1' : undefined,
    );
  }
  const [job] = (await objects({ claim: 'there' })) as [Kind];
  t.equal(job.kind, 'Job', 'a claim that is there is not made');
  t.equal(job.spec.template.spec.volumes[0]?.persistentVolumeClaim?.claimName, 'there');
});

t.test('slurm: an array with a task for each shard, and the merge once, after all of them', async (t) => {
  for (const [status, wanted] of [
    [0, 0],
    [1, 0],
    [3, 3],
  ] as const) {
    const { run, home } = fakes({ bootgate: `exit ${status}`, sbatch: '' });
    writeFileSync(join(home, 'job.sh'), slurmScript({ ...SLURM, partition: 'long' }));
    t.equal(spawnSync('sh', ['-n', join(home, 'job.sh')]).status, 0);
    const task = (id: string) => run(['sh', 'job.sh'], { SLURM_ARRAY_TASK_ID: id, SLURM_ARRAY_JOB_ID: '77' });
    const second = task('2');
    t.equal(second.status, wanted);
    t.same(second.called, ['bootgate', ...JOB.command, '--shard', '2/3', '--results', 'shared/nightly-77']);
    t.same(task('1').called.slice(0, 5), [
      'sbatch',
      '--job-name=nightly-merge',
      '--dependency=afterany:77',
      '--partition=long',
      "--wrap=bootgate merge 'shared/nightly-77' --results 'shared/nightly-77-merged'",
    ]);
  }
  t.match(slurmScript(SLURM), /^#SBATCH --array=1-3$/m);
});

t.test('what cannot be run in shards is refused', async (t) => {
  const bad = (more: Partial<typeof JOB>) => () => checkJobOptions({ ...JOB, ...more });
  t.throws(bad({ command: ['serve'] }), { code: 'E_USAGE', message: /run.*gate.*not "serve"/ });
  t.throws(bad({ command: ['gate', '--shard', '1/2'] }), { code: 'E_USAGE', message: /--shard is set/ });
  t.throws(bad({ command: ['gate', '--results=x'] }), { code: 'E_USAGE', message: /--results is set/ });
  for (const name of ['Nightly', 'a b', '$(x)', '-x', 'x'.repeat(50)])
    t.throws(bad({ name }), { code: 'E_USAGE' }, name);
  const main = join(packageRoot, 'dist/cli/main.js');
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [main, 'fleet', ...args], { encoding: 'utf8' });
  t.equal(cli('slurm', '--shards', '2', '--time', '1; reboot', '--', 'gate').status, 2);
  const { status, stdout } = cli('slurm', '--shards', '2', '--', 'gate', 'storage', '--image', 'debian-2014');
  t.equal(status, 0);
  t.match(stdout, /^bootgate gate storage --image debian-2014 --shard "\$SLURM_ARRAY_TASK_ID\/2"/m);
});

t.test('the Containerfile: no root at the end, every file that it copies is there', async (t) => {
  const text = readFileSync(join(packageRoot, 'harness/setup/Containerfile'), 'utf8');
  for (const stage of text.split(/^FROM /m).slice(2))
    t.match(
      stage.match(/^USER .*/gm)?.at(-1),
      /^USER 10001/,
      'a stage that is run ends as the user without rights',
    );
  for (const [, from = ''] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
    for (const path of from.split(' ')) t.ok(existsSync(join(packageRoot, path)), path);
});
