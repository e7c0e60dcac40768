import { Command, InvalidArgumentError, Option } from 'commander';
import { wholeNumber } from './options.js';

interface FleetFlags {
  shards: number;
  name: string;
  cpu: string;
  memory?: string;
}

interface KubernetesFlags extends FleetFlags {
  image: string;
  kvm?: string | true;
  claim?: string;
  storage: string;
}

interface SlurmFlags extends FleetFlags {
  time: string;
  partition?: string;
  results: string;
}

export function fleetCommand(): Command {
  const command = new Command('fleet').description(
    'print what makes a cluster run the shards of a run and merge them',
  );
  shared(command.command('kubernetes'))
    .description('print an Indexed Job with a pod for each shard, and a Job that merges')
    .requiredOption('--image <ref>', "the container's image (`make container` builds bootgate:runner)")
    .addOption(
      new Option('--kvm [resource]', 'use KVM, from this device plugin (default: devices.kubevirt.io/kvm)'),
    )
    .addOption(new Option('--claim <name>', 'a ReadWriteMany volume claim that is there (default: make one)'))
    .addOption(new Option('--storage <size>', 'size of the claim that is made').default('20Gi'))
    .action(kubernetes);
  shared(command.command('slurm'))
    .description('print a script for sbatch: an array with a task for each shard, and the merge after it')
    .addOption(new Option('--time <h:m:s>', 'limit of one shard').default('02:00:00').argParser(word))
    .addOption(new Option('--partition <name>', 'where to run').argParser(word))
    .addOption(new Option('--results <dir>', 'a folder that all nodes share').default('results'))
    .action(slurm);
  return command;
}

function shared(command: Command): Command {
  return command
    .argument('<command...>', 'after `--`: what each shard runs, `gate ...` or `run ...`')
    .requiredOption('--shards <n>', 'how many', wholeNumber)
    .addOption(new Option('--name <name>', 'of the job').default('bootgate'))
    .addOption(new Option('--cpu <n>', 'cores of one shard').default('2').argParser(word))
    .addOption(new Option('--memory <size>', 'memory of one shard (default: 4 GiB)').argParser(word));
}

/** A word of a script or a manifest that means nothing else there. */
function word(text: string): string {
  if (!/^[\w.:/-]+$/.test(text)) throw new InvalidArgumentError('expected letters, digits and . : / - _');
  return text;
}

async function kubernetes(command: string[], flags: KubernetesFlags): Promise<void> {
  const { checkJobOptions } = await import('../fleet/cluster/job.js');
  const { kubernetesManifest } = await import('../fleet/cluster/kubernetes.js');
  const { write } = await import('./output.js');
  const kvm = flags.kvm === true ? 'devices.kubevirt.io/kvm' : (flags.kvm ?? null);
  const job = { ...flags, command, kvm, claim: flags.claim ?? null, memory: flags.memory ?? '4Gi' };
  checkJobOptions(job);
  write(await kubernetesManifest(job));
}

async function slurm(command: string[], flags: SlurmFlags): Promise<void> {
  const { checkJobOptions } = await import('../fleet/cluster/job.js');
  const { slurmScript } = await import('../fleet/cluster/slurm.js');
  const { write } = await import('./output.js');
  const job = { ...flags, command, partition: flags.partition ?? null, memory: flags.memory ?? '4G' };
  checkJobOptions(job);
  write(slurmScript(job));
}
