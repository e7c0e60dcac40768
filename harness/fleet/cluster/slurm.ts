import type { ClusterJob } from './job.js';

export interface SlurmOptions extends ClusterJob {
  /** Cores and memory of one shard: `2`, `4G`. */
  cpu: string;
  memory: string;
  /** `HH:MM:SS`, of one shard. */
  time: string;
  partition: string | null;
  /** A folder that all nodes share. */
  results: string;
}

/**
 * A script for sbatch: an array with a task for each shard; the first task also asks for the merge, which begins when the whole array has ended. Source:
 * sbatch(1), --array and --dependency.
 */
export function slurmScript(options: SlurmOptions): string {
  const { name, shards, command, cpu, memory, time, partition, results } = options;
  const extra = partition === null ? [] : [`--partition=${partition}`];
  const lines = [
    '#!/bin/sh',
    '# sbatch THIS-FILE; the verdict is that of the job NAME-merge',
    `#SBATCH --job-name=${name}`,
    `#SBATCH --array=1-${shards}`,
    `#SBATCH --cpus-per-task=${cpu}`,
    `#SBATCH --mem=${memory}`,
    `#SBATCH --time=${time}`,
    ...extra.map((option) => `#SBATCH ${option}`),
    'set -u',
    `results=${quote(results)}/${name}-$SLURM_ARRAY_JOB_ID`,
    '',
    'if [ "$SLURM_ARRAY_TASK_ID" = 1 ]; then',
    `  sbatch --job-name=${name}-merge --dependency="afterany:$SLURM_ARRAY_JOB_ID" ${extra.map(quote).join(' ')}${extra.length > 0 ? ' ' : ''}\\`,
    "    --wrap=\"bootgate merge '$results' --results '$results-merged'\" || exit",
    'fi',
    `bootgate ${command.map(quote).join(' ')} --shard "$SLURM_ARRAY_TASK_ID/${shards}" --results "$results"`,
    'code=$?',
    '# 1 is a verdict, which the merge judges.',
    '[ "$code" -eq 1 ] && exit 0',
    'exit "$code"',
  ];
  return `${lines.join('\n')}\n`;
}

/** A word for sh, as it is. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
