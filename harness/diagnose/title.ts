/** Titles of console reports: short, the same on every boot. */

const LONGEST = 160;

/** A rule's title with the pattern's groups put in for `$1`, `$2`, ... A group that did not take part leaves nothing. */
export function fillTitle(title: string, match: RegExpExecArray): string {
  return title
    .replace(/\$(\d)/g, (_, digit: string) => match[Number(digit)] ?? '')
    .replace(/ \(\)/g, '')
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, LONGEST);
}

/** What changes from boot to boot, and what it is called instead. The longer forms come first. */
const CHANGING: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, 'UUID'],
  [/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, 'MAC'],
  [/\b(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/gi, 'PCI'],
  [/([A-Za-z_][\w.]*)\+0x[0-9a-f]+(?:\/0x[0-9a-f]+)?/g, '$1'],
  [/\b0x[0-9a-f]+\b/gi, 'ADDR'],
  [/\b[0-9a-f]{8,}\b/gi, 'ADDR'],
  [/\bCPU[#: ]*\d+/g, 'CPU'],
  [/\b(?:\d+\.)+\d+\b/g, 'NUM'],
  [/\b\d+(?:s|ms)?\b/g, 'NUM'],
];

/**
 * What reports are grouped by: kind and title without addresses, numbers and CPUs. Names with digits in them (`ext4`, `vda1`,
 * `sha256_generic`) stay.
 */
export function groupOf(kind: string, title: string): string {
  return `${kind}: ${CHANGING.reduce((text, [pattern, name]) => text.replace(pattern, name), title)}`;
}
