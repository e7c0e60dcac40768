/**
 * What the monitor must know of kernel reports: how one that ends a guest begins, and when all of it has been said.
 * What they mean is for diagnose/ to say.
 */

interface FatalRow {
  /** A cheap look before the pattern. */
  literal: string;
  /** Matched at the beginning of a kernel message. */
  pattern: RegExp;
  /** The line that closes the report; without one the guest's own end or the grace period does. */
  end: RegExp | null;
}

const END_OF_PANIC = /---\[ end Kernel panic/;
const END_OF_TRACE = /---\[ end (?:trace|Kernel panic)/;

const FATAL: readonly FatalRow[] = [
  { literal: 'Kernel panic', pattern: /Kernel panic - not syncing/, end: END_OF_PANIC },
  { literal: 'PANIC', pattern: /PANIC: (?:double fault|early exception)/, end: END_OF_PANIC },
  { literal: 'Oops', pattern: /(?:Internal error: )?Oops(?::| -)/, end: END_OF_TRACE },
  { literal: 'Internal error', pattern: /Internal error: /, end: END_OF_TRACE },
  {
    literal: 'BUG',
    pattern: /BUG: (?:unable to handle|kernel NULL pointer|stack guard page)/,
    end: END_OF_TRACE,
  },
  { literal: 'BUG at', pattern: /kernel BUG at /i, end: END_OF_TRACE },
  { literal: 'Unable to handle', pattern: /Unable to handle kernel /, end: END_OF_TRACE },
  // A program's fault reads `traps: name[1] general protection fault ip:...`: the kernel's own carries [#1].
  { literal: 'general protection', pattern: /general protection fault.*\[#\d+\]/, end: END_OF_TRACE },
  { literal: 'divide error', pattern: /divide error: .*\[#\d+\]/, end: END_OF_TRACE },
  { literal: 'invalid opcode', pattern: /invalid opcode: .*\[#\d+\]/, end: END_OF_TRACE },
  { literal: 'stack segment', pattern: /stack segment: .*\[#\d+\]/, end: END_OF_TRACE },
  // These three do not stop the kernel, which goes on with less than it was given and panics as a rule.
  {
    literal: 'unpacking failed',
    pattern: /(?:Initramfs|rootfs image|initrd) unpacking failed/i,
    end: END_OF_PANIC,
  },
  { literal: 'Failed to execute', pattern: /Failed to execute \/init \(error/, end: END_OF_PANIC },
  {
    literal: 'Unable to mount',
    pattern: /VFS: (?:Unable to mount root|Cannot open root device)/,
    end: END_OF_PANIC,
  },
];

/** A kernel message begins a line, or stands behind a timestamp where a program had not ended its line. */
const STAMP = /\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? /g;
const LONGEST_TITLE = 200;

/** What a kernel message says, without the timestamp; what follows the last one where a line holds several. */
export function messageOf(line: string): string {
  let start = 0;
  if (line.includes('[')) for (const stamp of line.matchAll(STAMP)) start = stamp.index + stamp[0].length;
  return line.slice(start);
}

/** Whether a line comes from the kernel: it carries a timestamp, or is the first of all. */
export function isKernelLine(line: string): boolean {
  return line.search(STAMP) >= 0 || line.startsWith('Linux version ');
}

/** Follows a console line by line: has a fatal report begun, and is it whole? */
export class FatalWatch {
  #row: FatalRow | null = null;
  /** The first line of the first report, cleaned. */
  title: string | null = null;
  whole = false;

  push(line: string): void {
    if (this.#row) {
      this.whole ||= this.#row.end?.test(line) ?? false;
      return;
    }
    const found = FATAL.find((row) => line.includes(row.literal) && begins(row.pattern, messageOf(line)));
    if (!found) return;
    this.#row = found;
    this.title = messageOf(line)
      .replace(/[^\x20-\x7e]/g, '?')
      .trim()
      .slice(0, LONGEST_TITLE);
  }
}

function begins(pattern: RegExp, message: string): boolean {
  return message.search(pattern) === 0;
}
