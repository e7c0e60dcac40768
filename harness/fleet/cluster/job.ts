import { userError } from '../../errors.js';

/** A run in shards on a cluster. */
export interface ClusterJob {
  /** Of its objects, jobs and folders. */
  name: string;
  shards: number;
  /** What each shard runs: `gate storage --image debian-2014`. */
  command: readonly string[];
}

/** @throws BootgateError blame `user`, E_USAGE. */
export function checkJobOptions({ name, shards, command }: ClusterJob): void {
  const [verb = ''] = command;
  if (verb !== 'run' && verb !== 'gate')
    throw userError('E_USAGE', `a cluster runs \`run\` or \`gate\`, not ${JSON.stringify(verb)}`, {
      hint: 'for example: bootgate fleet slurm --shards 8 -- gate storage --image debian-2014',
    });
  const taken = command.find((word) => /^--(shard|results|queue)(=|$)/.test(word));
  if (taken) throw userError('E_USAGE', `${taken.split('=')[0]} is set for each shard by the script`);
  // A DNS label, with room for the suffixes of pods.
  if (!/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name))
    throw userError('E_USAGE', `--name ${name}: expected up to 40 lower-case letters, digits and dashes`);
  if (shards > 1000) throw userError('E_USAGE', `${shards} shards: at most 1000`);
}
