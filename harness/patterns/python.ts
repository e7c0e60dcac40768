import { Matcher, type Node, PatternError, repeat, setOf } from './nfa.js';

/**
 * Python's `re.match(pattern, text)`: anchored at the start, open at the end. Only what a machine without
 * backtracking can do; look-around, back-references, flags and \b are refused with the place, because JavaScript's
 * rules for them differ from Python's and none of the distributions uses them.
 */
export function pythonMatcher(pattern: string): Matcher {
  return new Matcher(parsePython(pattern), true);
}

const CLASSES: Record<string, [number, number][]> = {
  d: [[48, 57]],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122],
    [0xaa, 0xffff],
  ],
  s: [
    [9, 13],
    [28, 32],
    [0x85, 0x85],
    [0xa0, 0xa0],
  ],
};
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07' };

export function parsePython(text: string): Node {
  let at = 0;
  let depth = 0;
  const fail = (message: string, offset = at): never => {
    throw new PatternError(message, offset);
  };

  const choice = (): Node => {
    const items = [sequence()];
    while (text[at] === '|') {
      at++;
      items.push(sequence());
    }
    return items.length === 1 ? (items[0] as Node) : { kind: 'choice', items };
  };

  const sequence = (): Node => {
    const items: Node[] = [];
    while (at < text.length && text[at] !== '|' && text[at] !== ')') items.push(quantified());
    return { kind: 'sequence', items };
  };

  const quantified = (): Node => {
    const from = at;
    let node = atom();
    let bounds = quantifier();
    if (bounds && (node.kind === 'start' || node.kind === 'end')) fail('nothing to repeat', from);
    if (bounds) {
      node = repeat(node, bounds.min, bounds.max);
      if (text[at] === '?')
        at++; // lazy: the same answer
      else if (text[at] === '+') fail('possessive quantifiers are not supported');
      bounds = quantifier();
      if (bounds) fail('multiple repeat');
    }
    return node;
  };

  const quantifier = (): { min: number; max: number } | undefined => {
    const char = text[at];
    if (char === '*' || char === '+' || char === '?') {
      at++;
      return { min: char === '+' ? 1 : 0, max: char === '?' ? 1 : Number.POSITIVE_INFINITY };
    }
    // Python takes a brace that is no quantifier as a plain character.
    const braces = /^\{(\d*)(?:(,)(\d*))?\}/.exec(text.slice(at, at + 24));
    if (!braces || (braces[1] === '' && !braces[2])) return undefined;
    const min = Number(braces[1] || 0);
    const max = braces[2] ? (braces[3] ? Number(braces[3]) : Number.POSITIVE_INFINITY) : min;
    if (max < min) fail('min repeat greater than max repeat');
    at += braces[0].length;
    return { min, max };
  };

  const atom = (): Node => {
    const from = at;
    const char = text[at++] as string;
    if (char === '.') return setOf([[10, 10]], true);
    if (char === '^') return { kind: 'start' };
    if (char === '$') return { kind: 'end' };
    if (char === '[') return bracket(from);
    if (char === '(') return group(from);
    if (char === '\\') return escapeNode(from);
    if (char === '*' || char === '+' || char === '?') fail('nothing to repeat', from);
    return setOf([[char.charCodeAt(0), char.charCodeAt(0)]]);
  };

  const group = (from: number): Node => {
    if (++depth > 100) fail('groups are nested too deeply', from);
    if (text[at] === '?') {
      const plain = /^\?(?::|P<[A-Za-z_]\w*>)/.exec(text.slice(at));
      if (!plain)
        fail(
          `(${text.slice(at, at + 3)}...: look-around, flags, comments and references are not supported`,
          from,
        );
      else at += plain[0].length;
    }
    const inside = choice();
    if (text[at] !== ')') fail('missing ), unterminated subpattern', from);
    at++;
    depth--;
    return inside;
  };

  const escapeNode = (from: number): Node => {
    const code = escaped(from);
    if (typeof code === 'number') return setOf([[code, code]]);
    if (code === 'A') return { kind: 'start' };
    if (code === 'Z') return { kind: 'end' };
    const ranges = CLASSES[code.toLowerCase()];
    if (!ranges) return fail(`\\${code} is not supported`, from);
    return setOf(ranges, code !== code.toLowerCase());
  };

  /** After a backslash: a character's code, or the letter of a class or anchor. */
  const escaped = (from: number): number | string => {
    const char = text[at++];
    if (char === undefined) return fail('bad escape (end of pattern)', from);
    if (ESCAPES[char]) return ESCAPES[char].charCodeAt(0);
    const hex = char === 'x' ? /^[0-9a-fA-F]{2}/ : char === 'u' ? /^[0-9a-fA-F]{4}/ : undefined;
    if (hex) {
      const digits = hex.exec(text.slice(at, at + 4))?.[0];
      if (!digits) return fail(`incomplete escape \\${char}`, from);
      at += digits.length;
      return Number.parseInt(digits, 16);
    }
    if (char === '0') return 0;
    if (/[1-9]/.test(char)) return fail('back-references are not supported', from);
    return /[A-Za-z]/.test(char) ? char : char.charCodeAt(0);
  };

  const bracket = (from: number): Node => {
    const negated = text[at] === '^';
    if (negated) at++;
    const ranges: [number, number][] = [];
    let first = true;
    while (first || text[at] !== ']') {
      if (at >= text.length) fail('unterminated character set', from);
      first = false;
      const low = bracketUnit();
      if (typeof low !== 'number') {
        ranges.push(...low);
        continue;
      }
      if (text[at] === '-' && text[at + 1] !== ']' && at + 1 < text.length) {
        at++;
        const high = bracketUnit();
        if (typeof high !== 'number' || high < low) return fail('bad character range');
        ranges.push([low, high]);
      } else ranges.push([low, low]);
    }
    at++;
    return setOf(ranges, negated);
  };

  const bracketUnit = (): number | [number, number][] => {
    const from = at;
    const char = text[at++] as string;
    if (char !== '\\') return char.charCodeAt(0);
    if (text[at] === 'b') {
      at++;
      return 8;
    }
    const code = escaped(from);
    if (typeof code === 'number') return code;
    const ranges = CLASSES[code];
    if (!ranges) return fail(`\\${code} is not supported inside [...]`, from);
    return ranges;
  };

  const node = choice();
  if (at < text.length) fail('unbalanced parenthesis');
  return node;
}
