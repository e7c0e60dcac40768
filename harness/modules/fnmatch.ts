/**
 * fnmatch(pattern, text, 0) as kmod uses it for aliases: `*` (slashes too), `?`, `[abc]`, `[a-z]`, `[!x]`, and a
 * backslash before a character that stands for itself. Bytes are compared as they are (kmod runs in the C locale).
 */
export function fnmatch(pattern: string, text: string): boolean {
  let at = 0;
  let read = 0;
  // Where the last `*` stood, and how much of the text it has eaten: the only place to go back to.
  let star = -1;
  let eaten = 0;
  while (read < text.length) {
    const next = at < pattern.length ? step(pattern, at, text[read] as string) : -1;
    if (pattern[at] === '*') {
      star = at++;
      eaten = read;
    } else if (next > 0) {
      at = next;
      read++;
    } else if (star >= 0) {
      at = star + 1;
      read = ++eaten;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** Where the pattern goes on after one character matched, or -1. */
function step(pattern: string, at: number, char: string): number {
  const first = pattern[at];
  if (first === '?') return at + 1;
  if (first === '\\' && at + 1 < pattern.length) return pattern[at + 1] === char ? at + 2 : -1;
  if (first === '[') {
    const end = bracketEnd(pattern, at);
    if (end > 0) return inBracket(pattern, at + 1, end, char) ? end + 1 : -1;
  }
  return first === char ? at + 1 : -1;
}

/** The index of the closing `]`; one that comes first inside the brackets is a member. */
function bracketEnd(pattern: string, open: number): number {
  const from = pattern[open + 1] === '!' || pattern[open + 1] === '^' ? open + 2 : open + 1;
  return pattern.indexOf(']', from + 1);
}

function inBracket(pattern: string, from: number, end: number, char: string): boolean {
  const negated = pattern[from] === '!' || pattern[from] === '^';
  let found = false;
  for (let at = negated ? from + 1 : from; at < end; at++) {
    const low = pattern[at] as string;
    if (pattern[at + 1] === '-' && at + 2 < end) {
      if (char >= low && char <= (pattern[at + 2] as string)) found = true;
      at += 2;
    } else if (char === low) found = true;
  }
  return found !== negated;
}

/** The part of a pattern before its first special character. */
export function literalPrefix(pattern: string): string {
  const end = pattern.search(/[*?[\\]/);
  return end < 0 ? pattern : pattern.slice(0, end);
}
