/** What kernel messages mean, as data. Each rule has golden logs in fixtures/; a bug adds a log with what it should have said. */

export type Severity = 'info' | 'warn' | 'fatal';

export interface Recogniser {
  /** Stable: `panic`, `oops`, `unknown-symbol`. */
  kind: string;
  /** `fatal`: the guest is a crash whatever else it says. `warn`: worth showing. `info`: a fact for whoever asks. */
  severity: Severity;
  /** Stands in every such line: looked for first, because it costs little. */
  literal: string;
  /** Matched against the message without its prefixes. */
  pattern: RegExp;
  /** `$1` is the pattern's first group. Nothing that changes from boot to boot: it groups reports. */
  title: string;
  /** The last line of the report. Without it the report is this one line. */
  end?: RegExp;
  /** The most lines that it can have; 120 unless given. Only with `end`. */
  most?: number;
  /** Looks like it and is not. */
  benign?: RegExp;
  /** Also stands inside other reports and begins none there. */
  secondary?: true;
  /** What it means and what to do, one sentence. */
  hint: string;
}

/** kernel/panic.c, oops_exit() and print_oops_end_marker(). */
const END_TRACE = /^---\[ end trace/;
const END_PANIC = /^---\[ end Kernel panic/;
/** A stack dump that has no end marker: up to the first line that is none of it. */
const END_STACK = /^ <\/TASK>/;

const READ_REPORT =
  'a bug of this kernel or of one of its modules: the report on the console names the function';

/** In the order in which they are tried: the first that matches a line has it. */
export const RECOGNISERS: readonly Recogniser[] = [
  {
    kind: 'init-died',
    severity: 'fatal',
    literal: 'Attempted to kill init',
    pattern:
      /^Kernel panic - not syncing: Attempted to kill (?:init|the idle task)! ?(exitcode=0x[0-9a-f]+)?/,
    title: 'init died ($1)',
    end: END_PANIC,
    hint: 'the last lines before it are what init said; the exit code holds the status in its second byte and a signal in its first',
  },
  {
    kind: 'no-root',
    severity: 'fatal',
    literal: 'VFS: Unable to mount root fs',
    pattern: /^Kernel panic - not syncing: VFS: Unable to mount root fs/,
    title: 'no root file system: the kernel found no /init in an initramfs',
    end: END_PANIC,
    hint: 'the initramfs was not handed over, not unpacked, or holds no executable /init: look for "Initramfs unpacking failed" above',
  },
  {
    kind: 'no-init',
    severity: 'fatal',
    literal: 'No working init found',
    pattern: /^Kernel panic - not syncing: (?:No working init found|Requested init .* failed)/,
    title: 'no working init',
    end: END_PANIC,
    hint: 'what /init is, or the interpreter or library that it needs, cannot be executed by this kernel',
  },
  {
    kind: 'panic',
    severity: 'fatal',
    literal: 'Kernel panic',
    pattern: /^Kernel panic - not syncing: (.*?)\s*$/,
    title: 'kernel panic: $1',
    end: END_PANIC,
    hint: 'the kernel stopped itself: its report on the console says where',
  },
  {
    kind: 'init-failed',
    severity: 'fatal',
    literal: 'Failed to execute',
    pattern: /^Failed to execute (\S+) \(error (-\d+)\)/,
    title: 'the kernel could not execute $1 (error $2)',
    hint: 'error -2: it or its interpreter is missing; -8: wrong format or architecture; -13: not executable',
  },
  {
    kind: 'initramfs-unpack',
    severity: 'fatal',
    literal: 'Initramfs unpacking failed',
    pattern: /^Initramfs unpacking failed: (.*?)\s*$/,
    title: 'the initramfs could not be unpacked: $1',
    hint: 'the archive is damaged or cut short, or its compression is not configured in this kernel (CONFIG_RD_*)',
  },
  {
    kind: 'not-initramfs',
    severity: 'warn',
    literal: 'rootfs image is not initramfs',
    pattern: /^rootfs image is not initramfs \((.*?)\)/,
    title: 'the initramfs is not one: $1',
    hint: 'the archive is damaged, or its compression is not configured in this kernel (CONFIG_RD_*)',
  },
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
    kind: 'double-fault',
    severity: 'fatal',
    literal: 'PANIC: double fault',
    pattern: /^(?:traps: )?PANIC: double fault/,
    title: 'double fault',
    end: END_PANIC,
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
  {
    kind: 'unknown-symbol',
    severity: 'warn',
    literal: 'Unknown symbol',
    pattern: /^(\w+): Unknown symbol (\S+) \(err (-?\d+)\)/,
    title: '$1 needs the symbol $2, which nobody exports',
    hint: 'err -2: the module that exports it is not loaded; err -22: it is, but was built for another kernel',
  },
  {
    kind: 'symbol-version',
    severity: 'warn',
    literal: 'disagrees about version of symbol',
    pattern: /^(\w+): disagrees about version of symbol (\S+)/,
    title: '$1 was built against another $2',
    hint: 'module and kernel come from different builds: take both from the same packages',
  },
  {
    kind: 'module-format',
    severity: 'warn',
    literal: 'version magic',
    pattern: /^(\w+): version magic '(.*?)' should be '(.*?)'/,
    title: '$1 was built for "$2", this kernel is "$3"',
    hint: 'module and kernel come from different builds: take both from the same packages',
  },
  {
    kind: 'module-format',
    severity: 'warn',
    literal: 'nvalid ELF',
    pattern: /^(?:Module has invalid ELF structures|(?:\w+: )?[Ii]nvalid ELF (?:header|section|object)\b.*)/,
    title: 'a module file is no module',
    hint: 'the file is cut short, or compressed in a way that neither this kernel nor its modprobe undoes',
  },
  {
    kind: 'unsigned',
    severity: 'warn',
    literal: 'is rejected',
    pattern: /^Loading of ((?:unsigned )?module(?: with [\w ]+?)?) is rejected/,
    title: 'the kernel refused a module: $1',
    hint: 'this kernel enforces signatures and the module has none that it knows: do not strip signed modules',
  },
  {
    kind: 'unsigned',
    severity: 'info',
    literal: 'module verification failed',
    pattern: /^(\w+): module verification failed: signature and\/or required key missing/,
    title: '$1 is not signed by a key that this kernel knows',
    hint: 'it was loaded all the same; a kernel that enforces signatures would refuse it',
  },
  {
    kind: 'duplicate-symbol',
    severity: 'warn',
    literal: 'exports duplicate symbol',
    pattern: /^(\w+): exports duplicate symbol (\S+) \(owned by (\S+)\)/,
    title: '$1 exports $2, as $3 does already',
    hint: 'two modules of the set exclude each other, or one is built in as well',
  },
  {
    kind: 'firmware-missing',
    severity: 'info',
    literal: 'irmware',
    pattern:
      /^(\S+) [^:]+: (?:firmware: failed to load (\S+) \(-2\)|Direct firmware load for (\S+) failed with error -2)/,
    title: '$1 lacks the firmware $2$3',
    hint: 'firmware files are not part of the module set',
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'error',
    pattern: /^(EXT4-fs|BTRFS|XFS|FAT-fs|F2FS-fs) (?:error|critical)\b ?\(?(?:device )?(\w*)/,
    title: '$1 error',
    hint: 'the file system found itself damaged, or its device failed: see the lines before it',
  },
  {
    kind: 'io-error',
    severity: 'warn',
    literal: 'I/O error',
    pattern: /^(?:blk_update_request: |Buffer )?(?:(?:critical \w+ |)I\/O error)(?:,| on) dev (\w+)/,
    title: 'I/O error on $1',
    hint: 'the disk did not answer as its driver expected',
  },
  {
    kind: 'crypto-missing',
    severity: 'warn',
    literal: 'Cannot load',
    pattern: /^(\S+) \((\S+)\): Cannot load (\S+) driver/,
    title: '$1 needs $3 and cannot load it',
    hint: 'a module that it asks for by name while it runs is not in the set',
  },
];
