import { type Frame, framesOf, pointerOf, symbolOf } from './frames.js';
import { isEntry, isInfrastructure, isWaiting } from './infrastructure.js';

/** How the function that a report is about is found among its lines. */
export interface Guilty {
  /**
   * `first`: the first one that is no infrastructure. `entry`: for something that went on too long, what was begun from outside (the
   * syscall, the work item), since the innermost function is another at each look. `waiter`: what a task does that waits. `lock`: who takes the
   * lock, helper or not.
   */
  pick: 'first' | 'entry' | 'waiter' | 'lock';
  /** The stack to read begins behind this line; without it, or where there is none such, at the report's first line. */
  from?: RegExp;
  /** Lines that name a function outside of any stack, with its offset (`at: [<...>] f+0x1/0x2`) or as the pattern's groups, name and `[module]`. */
  also?: RegExp;
  /** Functions that are no better than infrastructure in this kind of report. */
  skip?: RegExp;
}

/** Who allocated and freed an object is another stack: the report is about the first. */
const OTHER_STACK =
  /^(?:Allocated|Freed)(?: by task \d+)?:?|^Last potentially related work|^Uninit was|^Local variable/;
/** How architectures and ages of the kernel name a syscall's function: `__x64_sys_rmdir`, `SyS_rmdir`, `__se_sys_rmdir`. */
const SYSCALL =
  /^(?:__(?:x64|ia32|arm64|s390x?|riscv|powerpc)_(?=(?:compat_)?sys_)|__(?:se|do)_(?:compat_)?sys_|_{2,4}sys_|k?sys_|(?:compat_)?S(?:YSC|yS)_)(?=[a-z])/;

/** The function that a report is about, as ` in FUNCTION [MODULE]`; '' where it names none. `body`: its lines. */
export function guiltyOf(body: readonly string[], rule: Guilty): string {
  const { frames, named } = candidates(body, rule);
  const likely = frames.filter(({ name }) => !isInfrastructure(name) && !rule.skip?.test(name));
  const guilty = (rule.pick === 'lock' ? undefined : PICKS[rule.pick](likely)) ?? named[0];
  if (!guilty) return '';
  return ` in ${guilty.name.replace(SYSCALL, '')}${guilty.module ? ` ${guilty.module}` : ''}`;
}

/** Every function that the report names, in its order, and those that it names as the place where it happened. */
function candidates(body: readonly string[], { from, also }: Guilty): { frames: Frame[]; named: Frame[] } {
  const begin = from ? body.findIndex((line) => from.test(line)) + 1 : 0;
  const frames: Frame[] = [];
  const named: Frame[] = [];
  for (const [number, line] of body.slice(begin).entries()) {
    if (OTHER_STACK.test(line) && frames.length > 0) break;
    const pointer = pointerOf(line);
    const head = begin + number === 0 || also?.test(line);
    const [, bare, module = ''] = also?.exec(line) ?? [];
    const symbol = pointer ? pointer.frame : head ? symbolOf(line) : null;
    if (bare) frames.push({ name: bare, module });
    else if (symbol) {
      frames.push(symbol);
      named.push(symbol);
    } else if (!pointer) frames.push(...framesOf(line));
  }
  return { frames, named };
}

const PICKS: Record<Exclude<Guilty['pick'], 'lock'>, (frames: readonly Frame[]) => Frame | undefined> = {
  first: (frames) => frames[0],
  entry: (frames) => {
    const at = frames.findIndex(({ name }) => isEntry(name.replace(SYSCALL, '')));
    // All CPUs are told something, and one does not answer: that, and not who told them, is the trouble.
    if (frames[at]?.name.includes('smp_call_function')) return { name: 'smp_call_function', module: '' };
    return at > 0 ? frames[at - 1] : frames[0];
  },
  waiter: (frames) => {
    const anchor = frames.find(({ name }) => /rtnl_lock|synchronize_(?:s?rcu|net|sched)/.test(name));
    if (anchor?.name.includes('synchronize')) return { name: 'synchronize_rcu', module: '' };
    return anchor ?? frames.find(({ name }) => !isWaiting(name));
  },
};
