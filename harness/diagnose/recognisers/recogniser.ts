import type { Guilty } from '../guilty/guilty.js';

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
  /** With `end`: the better title that its last line gives, `$1` being that line's first group. */
  endTitle?: string;
  /** With `end`: it counts only behind a line like this, where a report holds several stacks. */
  endAfter?: RegExp;
  /**
   * The line is the preface of another report, which says nothing new: one that begins like this within four lines is the rest of this
   * one. Where none follows, the line is all.
   */
  preface?: RegExp;
  /** How the function that it is about is found: ` in FUNCTION [MODULE]` is put behind the title. */
  guilty?: Guilty;
  /** The most lines that it can have; 120 unless given. Only with `end`. */
  most?: number;
  /** Looks like it and is not. */
  benign?: RegExp;
  /** Also stands inside other reports of its severity and begins none there. */
  secondary?: true;
  /** It may come of another report, in the middle of it (panic_on_warn): its stack is then that one's too, if it had none yet. */
  sequel?: true;
  /** Printed past printk(): it has no timestamp even where all other lines of the kernel have one. */
  unstamped?: true;
  /** Of a fatal one: the kernel goes on for a while and panics as a rule, which says more. */
  goesOn?: true;
  /** What it means and what to do, one sentence. */
  hint: string;
}

/** kernel/panic.c, print_oops_end_marker(). */
export const END_TRACE = /^---\[ end (?:trace|Kernel panic)/;
/** kernel/panic.c, panic(): with panic=-1 the machine is reset right after the line about the offset. */
export const END_PANIC = /^---\[ end Kernel panic|^Kernel Offset: /;
/** A stack dump that has no end marker: up to the first line that is none of it. */
export const END_STACK = /^ <\/TASK>/;

/** mm/show_mem.c: the last line of what it prints of memory. */
export const END_MEMORY = /^\d+ pages (?:hwpoisoned|reserved)$/;
/** KASAN, KCSAN and UBSAN close their reports with a rule; newer kernels' UBSAN with an end marker. */
export const END_RULE = /^={20,}$|^---\[ end (?:trace|Kernel panic)/;

/** The first function on the stack that is no helper. */
export const FIRST: Guilty = { pick: 'first' };
/** What was begun from outside and does not end. */
export const ENTRY: Guilty = { pick: 'entry' };

export const READ_REPORT =
  'a bug of this kernel or of one of its modules: the report on the console names the function';
