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

/** kernel/panic.c, print_oops_end_marker(). */
export const END_TRACE = /^---\[ end trace/;
/** kernel/panic.c, panic(): with panic=-1 the machine is reset right after the line about the offset. */
export const END_PANIC = /^---\[ end Kernel panic|^Kernel Offset: /;
/** A stack dump that has no end marker: up to the first line that is none of it. */
export const END_STACK = /^ <\/TASK>/;

export const READ_REPORT =
  'a bug of this kernel or of one of its modules: the report on the console names the function';
