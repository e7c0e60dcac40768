import { END_STACK, type Recogniser } from './recogniser.js';

const HINT = 'a kernel with debugging turned on found a locking mistake; it need not have hung this time';
const END_LOCKDEP = END_STACK;

/** What kernels with lock debugging say: kernel/locking/lockdep.c, kernel/sched/core.c, kernel/locking/spinlock_debug.c. */
export const LOCKING: readonly Recogniser[] = [
  {
    kind: 'lockdep',
    severity: 'warn',
    literal: 'WARNING: ',
    pattern:
      /^WARNING: (possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected|inconsistent lock state|suspicious RCU usage|bad (?:unlock|contention) balance detected|\S+-safe -> \S+-unsafe lock order detected|held lock freed|lock held (?:when returning to user space|at task exit)|Nested lock was not taken)/,
    title: 'lockdep: $1',
    end: END_LOCKDEP,
    hint: HINT,
  },
  {
    kind: 'lockdep',
    severity: 'warn',
    literal: '[ INFO: ',
    pattern: /^\[ INFO: ([\w >-]+?) ?[!\]]/,
    title: 'lockdep: $1',
    end: END_LOCKDEP,
    hint: HINT,
  },
  {
    kind: 'lockdep',
    severity: 'warn',
    literal: 'trying to register non-static key',
    pattern: /^INFO: (trying to register non-static key)/,
    title: 'lockdep: $1',
    end: END_LOCKDEP,
    most: 40,
    hint: 'a lock is used before it was initialised: often a driver that was probed halfway',
  },
  {
    kind: 'atomic-sleep',
    severity: 'fatal',
    literal: 'BUG: ',
    pattern: /^BUG: (sleeping function called from invalid context)(?: at (?:\S*\/)?([\w.-]+):\d+)?/,
    title: 'BUG: $1 ($2)',
    end: END_STACK,
    most: 80,
    hint: HINT,
  },
  {
    kind: 'lockdep',
    severity: 'warn',
    literal: 'Invalid wait context',
    pattern: /^\[ BUG: (Invalid wait context) \]/,
    title: 'lockdep: $1',
    end: END_LOCKDEP,
    hint: HINT,
  },
  {
    kind: 'spinlock',
    severity: 'fatal',
    literal: 'BUG: ',
    pattern:
      /^BUG: ((?:spinlock|rwlock) (?:bad magic|already unlocked|wrong owner|wrong CPU|recursion|lockup suspected|cpu recursion|trylock failure))/,
    title: 'BUG: $1',
    end: END_STACK,
    most: 60,
    hint: HINT,
  },
];
