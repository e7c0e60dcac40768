import { moreOf } from '../printable.js';
import type { Phase } from '../vm/machine.js';
import { cut, type Screen, type Style } from './screen.js';

/** One running guest, as the live rows show it. */
export interface RunningGuest {
  scenario: string;
  phase: Phase;
  /** Seconds since it started, all attempts. */
  seconds: number;
  attempt: number;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** Synchronized update: a terminal that knows it draws what lies between in one go; others ignore it. */
const BEGIN_UPDATE = '\x1b[?2026h';
const END_UPDATE = '\x1b[?2026l';

/**
 * Rows at the bottom of a terminal that are drawn over again and again, with the finished lines scrolling away above
 * them. It writes only through `print` and `draw`, so that it always knows how many lines are its own.
 */
export class LiveRows {
  #screen: Screen;
  #style: Style;
  #drawn = 0;
  #open = false;
  #forget: (() => void) | undefined;

  constructor(screen: Screen, style: Style) {
    this.#screen = screen;
    this.#style = style;
  }

  /** Takes the terminal over: hides the cursor until `close` or until the process ends. */
  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#screen.raw(HIDE_CURSOR);
    this.#forget = this.#screen.onExit?.(() => this.close());
  }

  /** Lines that stay, above the rows. */
  print(text: string, rows: readonly string[]): void {
    this.#update(text, rows);
  }

  draw(rows: readonly string[]): void {
    this.#update('', rows);
  }

  /** Takes the rows away and gives the cursor back. Calling it again does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#forget?.();
    this.#screen.raw(`${this.#erase()}${SHOW_CURSOR}`);
    this.#drawn = 0;
  }

  #update(text: string, rows: readonly string[]): void {
    // Rows that wrap or scroll off cannot be drawn over: they are cut, and fewer than the terminal is high.
    const shown = rows.slice(0, Math.max(1, this.#screen.rows - 2));
    const body = shown.map((row) => `${row}\n`).join('');
    this.#screen.raw(`${BEGIN_UPDATE}${this.#erase()}`);
    this.#screen.write(`${text}${body}`);
    this.#screen.raw(END_UPDATE);
    this.#drawn = shown.length;
  }

  #erase(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}F\x1b[J` : '';
  }

  /** `storage/nvme    steps    4 s`, one for each guest, the one that runs longest first, below one line of counts. */
  rowsFor(counts: string, guests: readonly RunningGuest[]): string[] {
    const width = this.#screen.columns - 1;
    const most = Math.max(1, this.#screen.rows - 4);
    // Phase and time fit beside the name, however narrow the terminal is.
    const room = Math.min(48, Math.max(8, width - 20));
    const names = Math.min(room, Math.max(0, ...guests.map((guest) => guest.scenario.length)));
    const rows = [...guests]
      .sort((a, b) => b.seconds - a.seconds)
      .slice(0, most)
      .map((guest) => {
        const again = guest.attempt > 1 ? `  attempt ${guest.attempt}` : '';
        const time = `${Math.floor(guest.seconds)} s`.padStart(6);
        const row = `  ${cut(guest.scenario, names).padEnd(names)}  ${guest.phase.padEnd(8)} ${time}${again}`;
        return this.#style.dim(cut(row, width));
      });
    const more = moreOf(guests.length, most);
    if (more) rows.push(this.#style.dim(`  ${more}`));
    return [cut(counts, width), ...rows];
  }
}
