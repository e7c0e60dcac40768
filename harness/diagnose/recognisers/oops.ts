import { END_STACK, END_TRACE, READ_REPORT, type Recogniser } from './recogniser.js';

/** The kernel meets a bug of its own. */
export const OOPS: readonly Recogniser[] = [
  {
    kind: 'bug',
    severity: 'fatal',
    literal: 'kernel BUG at',
    pattern: /^kernel BUG at (?:\S*\/)?([\w./-]+?):\d+!/,
    title: 'kernel BUG in $1',
    end: END_TRACE,
    hint: READ_REPORT,
  },
  {
    kind: 'oops',
    severity: 'fatal',
    literal: 'BUG: ',
    pattern:
      /^BUG: (kernel NULL pointer dereference|unable to handle (?:page fault|kernel [\w ]+?))(?: for address|,? at |, address|:| in |$)/,
    title: 'oops: $1',
    end: END_TRACE,
    hint: READ_REPORT,
  },
  {
    kind: 'oops',
    severity: 'fatal',
    literal: 'Unable to handle kernel',
    pattern: /^Unable to handle kernel ([\w ]+?) (?:at|for) (?:virtual )?address/,
    title: 'oops: $1',
    end: END_TRACE,
    hint: READ_REPORT,
  },
  {
    kind: 'general-protection-fault',
    severity: 'fatal',
    literal: 'general protection',
    pattern: /^(?:Oops: )?general protection fault(?:, (?:probably|maybe) for (non-canonical) address|,|:)/,
    title: 'general protection fault',
    end: END_TRACE,
    // arch/x86/kernel/traps.c says the same of a process: `traps: sh[12] general protection fault ip:... error:0`.
    benign: /\bip:[0-9a-f]+ sp:/,
    secondary: true,
    hint: READ_REPORT,
  },
  {
    kind: 'oops',
    severity: 'fatal',
    literal: ' [#',
    pattern:
      /^(?:Oops: )?(divide error|invalid opcode|int3|stack segment|double fault|bounds|alignment check|Oops|Internal error: [\w -]+?)(?:[:,] .*)? ?\[#\d+\]/,
    title: 'oops: $1',
    end: END_TRACE,
    secondary: true,
    hint: READ_REPORT,
  },
  {
    kind: 'bug',
    severity: 'fatal',
    literal: 'BUG: ',
    pattern:
      /^BUG: ((?:KASAN|KFENCE|KMSAN): [\w-]+|Bad page (?:state|map)|Bad rss-counter|scheduling while atomic|sleeping function called from invalid context|spinlock [\w ]+?|stack guard page was hit|using \w+\(\) in preemptible)/,
    title: 'BUG: $1',
    end: END_STACK,
    most: 80,
    hint: READ_REPORT,
  },
  {
    kind: 'warning',
    severity: 'warn',
    literal: 'WARNING: ',
    pattern: /^WARNING: (?:CPU: \d+ PID: \d+ )?at (?:\S*\/)?([\w.-]+?):\d+ (?:at )?([\w.]+)\+0x/,
    title: 'WARNING in $2 ($1)',
    end: END_TRACE,
    hint: 'the kernel went on; its report on the console says what it found odd',
  },
  {
    kind: 'warning',
    severity: 'warn',
    literal: 'WARNING: ',
    pattern: /^WARNING: (?:\S*\/)?([\w.-]+?):\d+ at ([\w.]+)\+0x/,
    title: 'WARNING in $2 ($1)',
    end: END_TRACE,
    hint: 'the kernel went on; its report on the console says what it found odd',
  },
];
