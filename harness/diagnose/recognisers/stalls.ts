import { END_STACK, type Recogniser } from './recogniser.js';

/** Something stands still, or memory runs out: often the host's doing. */
export const STALLS: readonly Recogniser[] = [
  {
    kind: 'lockup',
    severity: 'warn',
    literal: 'BUG: ',
    pattern: /^(?:watchdog: )?BUG: (soft lockup|workqueue lockup)/,
    title: '$1',
    end: END_STACK,
    most: 60,
    // Emulated CPUs on a busy host stand still for seconds: a lockup alone is no proof against the kernel.
    hint: 'a CPU was stuck, or the host did not run it: look at the load of the host first',
  },
  {
    kind: 'rcu-stall',
    severity: 'warn',
    literal: 'detected stall',
    pattern: /^(?:rcu: )?INFO: (rcu_\w+) (?:self-)?detected (?:expedited )?stalls?/,
    title: 'RCU stall ($1)',
    end: END_STACK,
    most: 60,
    hint: 'a CPU was stuck, or the host did not run it: look at the load of the host first',
  },
  {
    kind: 'hung-task',
    severity: 'warn',
    literal: 'blocked for more than',
    pattern: /^INFO: task ([^:]+):\d+ blocked for more than/,
    title: 'the task $1 hung',
    end: END_STACK,
    most: 40,
    hint: 'it waits for a device or a lock: its stack on the console says which',
  },
  {
    kind: 'out-of-memory',
    severity: 'warn',
    literal: 'Out of memory',
    pattern: /^(?:Out of memory|Memory cgroup out of memory): Killed process \d+ \(([^)]*)\)/,
    title: 'out of memory: $1 was killed',
    hint: 'give the scenario more memory, or the guest fewer modules to load',
  },
];
