/** Guest text is hostile: it may hold control sequences, half characters, and anything else that a serial line carries. */

/** CSI, OSC, the other string sequences, character set choices, and two-byte escapes (ECMA-48); also one cut off at the end. */
const ANSI =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]?|[0-~]?)/g;
const C0_BUT_TAB_AND_NEWLINE = /[\x00-\x08\x0b-\x1f\x7f]/g;
const C1 = /[\x80-\x9f]/g;
/** What turns the reading direction around or hides itself: a line must look like what it is. */
const BIDI_AND_INVISIBLE = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;
/** Not characters of XML 1.0 (https://www.w3.org/TR/xml/#charsets), surrogates apart. */
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/** Terminal control sequences taken out; everything else stays. */
export function stripAnsi(text: string): string {
  return text.includes('\x1b') ? text.replace(ANSI, '') : text;
}

/** Line ends as `\n`: a serial line has `\r\n`, often `\r\r\n`, and a lone `\r` begins a line anew. */
export function unixLines(text: string): string {
  return text.includes('\r') ? text.replace(/\r+\n/g, '\n').replace(/\r+/g, '\n') : text;
}

/** Text that is safe to show on a terminal: printable characters, tabs as spaces, and `\n`. Nothing else gets through. */
export function cleanText(text: string): string {
  return unixLines(stripAnsi(text))
    .replaceAll('\t', '    ')
    .replace(C0_BUT_TAB_AND_NEWLINE, '')
    .replace(C1, '')
    .replace(BIDI_AND_INVISIBLE, '')
    .replace(LONE_SURROGATE, '\ufffd');
}

/** One line of it: what stood on several lines stands behind another. */
export function cleanLine(text: string): string {
  return cleanText(text)
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}

/** Text that an XML 1.0 document may hold, escaped or not: no forbidden character, no half of one, no terminal control. */
export function xmlSafe(text: string): string {
  return unixLines(stripAnsi(text)).replace(NOT_XML, '').replace(C1, '').replace(LONE_SURROGATE, '\ufffd');
}

/** The last `count` lines that say something, cleaned. */
export function lastLines(text: string, count: number): string[] {
  return cleanText(text)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-count);
}

/** `a, b and 12 more`: so many names at most, and never one more for a single name. */
export function someOf(names: readonly string[], most = 5): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
}

/** The line below a list of which only `most` are shown: `and 12 more findings, listed in run.json`; undefined where all are. */
export function moreOf(count: number, most: number, rest = ''): string | undefined {
  return count > most ? `and ${count - most} more${rest}` : undefined;
}
