import { cleanLine } from '../../printable.js';
import type { ScenarioResult } from '../../results/scenario-result.js';
import { ansiLine } from './ansi.js';
import type { Evidence } from './evidence.js';
import { html } from './text.js';

/** A line that is longer says nothing more to a reader; the log beside the page has it whole. */
const MOST_CHARACTERS = 400;

/**
 * The end of a console with its line numbers, each a link to itself; what a kernel report says is marked.
 * @param number the result's number in the page.
 * @param bytes of HTML at most, about.
 */
export function consoleBlock(
  one: ScenarioResult,
  { console: lines, earlier }: Pick<Evidence, 'console' | 'earlier'>,
  { number, bytes }: { number: number; bytes: number },
): string {
  const all = lines.length > 0 ? lines : one.consoleTail;
  const reported = reportLines(one);
  const shown: string[] = [];
  let [size, at] = [0, all.length];
  while (at > 0 && size < bytes) {
    const text = all[--at] ?? '';
    const cut = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
    const line = earlier + at + 1;
    const id = `L${number}.${line}`;
    const body = ansiLine(cut);
    const marked = isReported(text, reported) ? `<b class="kr">${body}</b>` : body;
    const row = `${' '.repeat(Math.max(0, 5 - String(line).length))}<a id="${id}" href="#${id}">${line}</a> ${marked}`;
    shown.push(row);
    size += Buffer.byteLength(row);
  }
  if (shown.length === 0) return '';
  const from = earlier + at;
  const left = from > 0 ? ` (lines ${from + 1} to ${earlier + all.length}; the log has all)` : '';
  const report = reported.size > 0 ? ' Lines of a kernel report are marked.' : '';
  return `<details class="log"${one.verdict === 'pass' ? '' : ' open'}><summary>Console${left}</summary>
<p class="tools" hidden><label>Search <input type="search" data-search></label> <output></output></p>${report && `<p class="soft">${report}</p>`}
<pre tabindex="0" aria-label="console of ${html(one.scenario)}">${shown.reverse().join('\n')}</pre></details>`;
}

/** The lines that findings quote from a kernel report. */
function reportLines({ findings }: ScenarioResult): ReadonlySet<string> {
  const lines = findings
    .filter(({ kind }) => kind.startsWith('kernel-') || kind === 'init-died')
    .flatMap(({ evidence }) => evidence.split('\n'))
    .map(cleanLine)
    .filter((line) => line.length > 8);
  return new Set(lines);
}

function isReported(line: string, reported: ReadonlySet<string>): boolean {
  if (reported.size === 0) return false;
  const plain = cleanLine(line).replace(/^\[ *\d+\.\d+\] ?(?:\[ *[TC]\d+\] ?)?/, '');
  return reported.has(plain) || [...reported].some((one) => plain.endsWith(one));
}
