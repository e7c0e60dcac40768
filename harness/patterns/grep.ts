import { anyChar, Matcher, type Node, PatternError, repeat, setOf } from './nfa.js';

/**
 * `grep -e PATTERN` in the C locale: POSIX basic regular expressions, found anywhere in the line. `+ ? | ( ) {` are
 * plain characters. GNU's extensions (`\|`, `\+`, `\?`), groups and intervals are refused: no split's list has them.
 */
export function grepMatcher(pattern: string): Matcher {
  const items: Node[] = [];
  let start = 0;
  if (pattern[0] === '^') start = 1;
  else items.push(repeat(anyChar));
  let last: Node | undefined;
  for (let at = start; at < pattern.length; at++) {
    const char = pattern[at] as string;
    let node: Node;
    if (char === '*' && last) {
      items[items.length - 1] = repeat(last);
      continue;
    }
    if (char === '.') node = anyChar;
    else if (char === '$' && at === pattern.length - 1) node = { kind: 'end' };
    else if (char === '\\') {
      const next = pattern[++at];
      if (next === undefined) throw new PatternError('trailing backslash', at - 1);
      if (/[(){}|+?<>bBwWsS1-9]/.test(next)) throw new PatternError(`\\${next} is not supported`, at - 1);
      node = setOf([[next.charCodeAt(0), next.charCodeAt(0)]]);
    } else if (char === '[') {
      const found = /^\[(\^?)(\]?[^\]]*)\]/.exec(pattern.slice(at));
      if (!found || /\[[:.=]/.test(found[0].slice(1))) throw new PatternError('this [ is not supported', at);
      const ranges: [number, number][] = [];
      const body = found[2] ?? '';
      for (let index = 0; index < body.length; index++) {
        const low = body.charCodeAt(index);
        const range = body[index + 1] === '-' && index + 2 < body.length;
        ranges.push([low, range ? body.charCodeAt(index + 2) : low]);
        if (range) index += 2;
      }
      node = setOf(ranges, found[1] === '^');
      at += found[0].length - 1;
    } else node = setOf([[char.charCodeAt(0), char.charCodeAt(0)]]);
    items.push(node);
    last = node.kind === 'end' ? undefined : node;
  }
  return new Matcher({ kind: 'sequence', items }, true);
}
