import { END_STACK, END_TRACE, FIRST, type Recogniser } from './recogniser.js';

const WENT_ON = 'the kernel continued; its report on the console says what is wrong';

/** How WARN() has been headed: with the CPU before, with it behind (7.0), with the condition in brackets; `file.c:1 at function+0x1/0x2`. */
const AT = String.raw`^WARNING: (?:CPU: \d+ PID: \d+ )?(?:\[.*\] )?(?:at )?(?:\S*/)?`;

interface Special {
  kind: string;
  /** The file below its folder, as a pattern. */
  file: string;
  title: string;
  skip: RegExp;
  hint?: string;
}

/** Files that warn of what their callers did: the title says what, and the caller is named. */
const SPECIALS: readonly Special[] = [
  {
    kind: 'refcount',
    file: String.raw`refcount\.c`,
    title: 'a reference count went wrong',
    skip: /refcount|kobject_/,
    hint: 'the kernel leaks the object rather than use it after it is freed',
  },
  {
    kind: 'warning',
    file: String.raw`debugobjects\.c`,
    title: 'WARNING: an object was used outside its lifetime (ODEBUG)',
    skip: /debug_|rcu|hrtimer_|timer_|work_|percpu_|vunmap|vfree|__free_|kobject_/,
  },
  {
    kind: 'warning',
    file: String.raw`usercopy\.c`,
    title: 'WARNING: bad usercopy',
    skip: /usercopy|^__check/,
  },
  {
    kind: 'warning',
    file: String.raw`usb/core/urb\.c`,
    title: 'WARNING: bad USB request',
    skip: /usb_(?:start_wait_urb|bulk_msg|interrupt_msg|control_msg)/,
  },
  { kind: 'warning', file: String.raw`kobject\.c`, title: 'WARNING: kobject bug', skip: /kobject_/ },
  {
    kind: 'warning',
    file: String.raw`proc/generic\.c`,
    title: 'WARNING: proc registration bug',
    skip: /proc_|^_?remove_/,
  },
  {
    kind: 'warning',
    file: String.raw`lockdep\.c`,
    title: 'WARNING: locking bug',
    skip: /(?:lock|release)_sock|^hlock_class|^__lock/,
  },
  {
    kind: 'warning',
    file: String.raw`(?:slab_common|slab|slub|page_alloc|util|vmalloc)\.[ch]`,
    title: 'WARNING: bad allocation',
    skip: /[kv]malloc|realloc|slab|kmem/,
  },
];

/** What the kernel finds odd. kernel/panic.c, __warn(); arch/x86/kernel/unwind_frame.c; fs/sysfs/dir.c; lib/kobject.c. */
export const WARNINGS: readonly Recogniser[] = [
  ...SPECIALS.map(
    ({ kind, file, title, skip, hint }): Recogniser => ({
      kind,
      severity: 'warn',
      literal: 'WARNING: ',
      // The folder must go: `proc/generic.c` is one, `generic.c` many.
      pattern: new RegExp(`${AT.replace(String.raw`(?:\S*/)?`, String.raw`(?:\S+/)?`)}${file}:\\d+ (?:at )?`),
      title,
      end: END_TRACE,
      guilty: { pick: 'first', skip },
      hint: hint ?? WENT_ON,
    }),
  ),
  {
    kind: 'refcount',
    severity: 'warn',
    literal: 'refcount_t: ',
    pattern: /^refcount_t: ([\w -]+); ([\w -]+)\./,
    title: 'a reference count went wrong: $1, $2',
    preface: /^WARNING: /,
    end: END_TRACE,
    secondary: true,
    guilty: { pick: 'first', skip: /refcount|kobject_/ },
    hint: 'the kernel leaks the object rather than use it after it is freed',
  },
  {
    kind: 'warning',
    severity: 'warn',
    literal: 'WARNING: ',
    pattern: new RegExp(String.raw`${AT}([\w.-]+?\.[chS]|[\w.-]+\.rs):\d+ (?:at )?(?:[\w.$]+\+0x|0x0\b)`),
    title: 'WARNING ($1)',
    end: END_TRACE,
    guilty: FIRST,
    hint: WENT_ON,
  },
  {
    kind: 'stack-unwinding',
    severity: 'warn',
    literal: 'kernel stack ',
    pattern: /^WARNING: kernel stack (regs|frame pointer) at .*? in \S+ has bad (?:'(\w+)' )?value/,
    title: 'WARNING: kernel stack $1 with a bad value',
    hint: 'the unwinder met a frame that no compiler made: assembly of this kernel or of a module, or a damaged stack',
  },
  {
    kind: 'duplicate-name',
    severity: 'warn',
    literal: 'cannot create duplicate filename',
    pattern: /^sysfs: cannot create duplicate filename '(.*?)'/,
    title: '$1 is registered twice',
    end: END_STACK,
    most: 40,
    hint: 'two drivers, or a module and its built-in twin, claim the same name',
  },
  {
    kind: 'duplicate-name',
    severity: 'warn',
    literal: 'kobject_add_internal failed',
    pattern: /^kobject: kobject_add_internal failed for (\S+) with (-E\w+)/,
    title: '$1 could not be registered ($2)',
    hint: 'two drivers, or a module and its built-in twin, claim the same name',
    secondary: true,
  },
];
