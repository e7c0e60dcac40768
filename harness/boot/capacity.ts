import { availableParallelism } from 'node:os';
import type { Weight } from './admission.js';

/**
 * What guests may use of this host together: four fifths of the memory that is free now (of the cgroup's limit, where
 * there is one), and `jobs` times the cores of one guest, or else every core.
 */
export function hostCapacity(jobs: number | undefined, guestCpus: number): Weight {
  const limits = [process.availableMemory(), process.constrainedMemory() || Number.POSITIVE_INFINITY];
  // constrainedMemory answers with an absurdly large number where there is no limit
  const bytes = Math.min(...limits.filter((limit) => limit > 0));
  return {
    memoryMiB: Math.floor((bytes / 2 ** 20) * 0.8),
    cpus: jobs === undefined ? availableParallelism() : jobs * guestCpus,
  };
}
