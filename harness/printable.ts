/**
 * Text from files and guests is hostile: it may hold control sequences, half characters, orders to a CI runner, and anything
 * else that a serial line or a package carries. There is one function for each place where text goes.
 */

/** CSI, OSC, the other string sequences, character set choices, and two-byte escapes (ECMA-48); also one cut off at the end. */
const ANSI =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]+[0-~]?|[0-~]?)/g;
/** Bold, dim and colours: what our own styles write, and the only sequences that a printed line may hold. */
const STYLE = /^\x1b\[\d{1,3}m$/;
const C0_BUT_TAB_AND_NEWLINE = /[\x00-\x08\x0b-\x1f\x7f]/g;
const C0_BUT_TAB_NEWLINE_AND_ESC = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;
const C1 = /[\x80-\x9f]/g;
/** What turns the reading direction around or hides itself: a line must look like what it is. */
const BIDI_AND_INVISIBLE = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** The same and C1, as JSON can write it in ASCII. */
const UNSAFE_IN_JSON = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;
/** Not characters of XML 1.0 (https://www.w3.org/TR/xml/#charsets), surrogates apart. */
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/**
 * Orders that CI runners take from a job's log. GitHub: `::` at the start of a line, blanks skipped, and `##[` anywhere
 * (actions/runner, ActionCommand.cs). Azure: `##vso[` anywhere and `##[` (azure-pipelines-agent, Command.cs).
 * GitLab: `section_start:TIME:NAME`.
 */
const AZURE_ORDER = /##(?=vso\[|\[)/gi;
const GITHUB_ORDER = /^((?:\s|\x1b\[\d{1,3}m)*):(?=:)/gm;
const GITLAB_ORDER = /section_(start|end):(?=\d)/g;

/** Terminal control sequences taken out; everything else stays. */
export function stripAnsi(text: string): string {
  return text.includes('\x1b') ? text.replace(ANSI, '') : text;
}

/** Line ends as `\n`: a serial line has `\r\n`, often `\r\r\n`, and a lone `\r` begins a line anew. */
export function unixLines(text: string): string {
  return text.includes('\r') ? text.replace(/\r+\n/g, '\n').replace(/\r+/g, '\n') : text;
}

/** Text that is safe to put on a terminal: printable characters, tabs as spaces, and `\n`. Nothing else gets through. */
export function cleanText(text: string): string {
  return unixLines(stripAnsi(text))
    .replaceAll('\t', '    ')
    .replace(C0_BUT_TAB_AND_NEWLINE, '')
    .replace(C1, '')
    .replace(BIDI_AND_INVISIBLE, '')
    .replace(LONE_SURROGATE, '\ufffd');
}

/** One line of it, lines joined by spaces: for any text from outside that is put into a line of ours. */
export function cleanLine(text: string): string {
  return cleanText(text)
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}

/** No order to a CI runner, wherever in a line; those that stand at the start of a line are left to whoever knows where it is. */
function withoutOrders(text: string): string {
  return text.replace(AZURE_ORDER, '## ').replace(GITLAB_ORDER, 'section_$1 :');
}

/**
 * Whole lines as they go to a terminal or a CI log: tabs, newlines and, with `styles`, our own colours stay; all other control
 * characters go, and no line is an order to a CI runner. The last thing that happens to every text on stdout and stderr.
 */
export function forTerminal(text: string, { styles = false }: { styles?: boolean } = {}): string {
  const plain = text
    .replace(ANSI, (sequence) => (styles && STYLE.test(sequence) ? sequence : ''))
    .replace(C0_BUT_TAB_NEWLINE_AND_ESC, '')
    .replace(C1, '')
    .replace(BIDI_AND_INVISIBLE, '')
    .replace(LONE_SURROGATE, '\ufffd');
  return withoutOrders(plain).replace(GITHUB_ORDER, '$1: ');
}

/** Text that an XML 1.0 document may hold, escaped or not: no forbidden character, no half of one, no terminal control. */
export function xmlSafe(text: string): string {
  const plain = unixLines(stripAnsi(text))
    .replace(NOT_XML, '')
    .replace(/\x7f/g, '')
    .replace(C1, '')
    .replace(BIDI_AND_INVISIBLE, '')
    .replace(LONE_SURROGATE, '\ufffd');
  return withoutOrders(plain);
}

/** A TAP description or reason: `#` begins a directive and `\` escapes, so both are escaped. */
export function forTap(text: string): string {
  return cleanLine(text).replace(/[\\#]/g, '\\$&');
}

/** The message of a GitHub workflow command: `%`, CR and LF are escaped (actions/toolkit, command.ts). */
export function forGithub(text: string): string {
  return withoutOrders(cleanText(text))
    .replaceAll('%', '%25')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A');
}

/** A property of one: `:` and `,` are escaped as well. */
export function forGithubProperty(text: string): string {
  return forGithub(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/**
 * A value as JSON text with a newline at its end. What a terminal or an eye would take for something else, and what a CI runner
 * would take for an order, is written as `\uXXXX`: the value that is read back is the same.
 */
export function forJson(value: unknown, indent = 2): string {
  return `${jsonLine(JSON.stringify(value, null, indent))}\n`;
}

/** The same for JSON text already read. */
export function jsonLine(json: string): string {
  return json
    .replace(UNSAFE_IN_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(AZURE_ORDER, '\\u0023#')
    .replace(GITLAB_ORDER, 'section_$1\\u003a');
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
