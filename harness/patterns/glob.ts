import { anyChar, literal, Matcher, type Node, notSlash, PatternError, repeat, setOf } from './nfa.js';

/** How one distribution's globs are read. They differ in every one of these points. */
export interface GlobRules {
  /** `**` crosses folders; without it two stars are one. */
  doubleStar: boolean;
  /** `[abc]`, `[!a-z]`. */
  brackets: boolean;
  /** `*` and `?` match a `/` as well (fnmatch without FNM_PATHNAME). */
  crossSlash: boolean;
  /** `-` and `_` are one character, as in module names. */
  dashIsUnderscore: boolean;
}

/** A glob as a tree, for those who put something before or after it. */
export function parseGlob(text: string, rules: GlobRules): Node {
  const items: Node[] = [];
  const wild = rules.crossSlash ? anyChar : notSlash;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '*') {
      const double = rules.doubleStar && text[at + 1] === '*';
      if (double) at++;
      items.push(repeat(double ? anyChar : wild));
    } else if (char === '?') items.push(wild);
    else if (char === '[' && rules.brackets) {
      const end = text.indexOf(']', at + (/^\[[!^]?\]/.test(text.slice(at)) ? 3 : 2));
      if (end < 0) throw new PatternError('unterminated [', at);
      items.push(bracket(text.slice(at + 1, end), at));
      at = end;
    } else if (rules.dashIsUnderscore && (char === '-' || char === '_'))
      items.push(
        setOf([
          [45, 45],
          [95, 95],
        ]),
      );
    else items.push(literal(char));
  }
  return { kind: 'sequence', items };
}

function bracket(inside: string, offset: number): Node {
  const negated = /^[!^]/.test(inside);
  const body = negated ? inside.slice(1) : inside;
  const ranges: [number, number][] = [];
  for (let at = 0; at < body.length; at++) {
    const low = body.charCodeAt(at);
    if (body[at + 1] === '-' && at + 2 < body.length) {
      const high = body.charCodeAt(at + 2);
      if (high < low) throw new PatternError('bad character range', offset);
      ranges.push([low, high]);
      at += 2;
    } else ranges.push([low, low]);
  }
  return setOf(ranges, negated);
}

/** The whole text must match. */
export function globMatcher(text: string, rules: GlobRules): Matcher {
  return new Matcher(parseGlob(text, rules), false);
}

/** The shell's brace expansion, `a{b,c}d` -> `abd acd`; braces without a comma stay. Bounded, for `{a,b}{a,b}...`. */
export function expandBraces(text: string, most = 1000): string[] {
  const open = text.lastIndexOf('{');
  const close = open < 0 ? -1 : text.indexOf('}', open);
  const inside = close < 0 ? '' : text.slice(open + 1, close);
  if (!inside.includes(',')) return [text];
  const expanded = inside
    .split(',')
    .flatMap((part) => expandBraces(text.slice(0, open) + part + text.slice(close + 1), most));
  if (expanded.length > most) throw new PatternError(`more than ${most} brace expansions`, open);
  return expanded;
}
