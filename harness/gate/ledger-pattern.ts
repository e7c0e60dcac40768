import { anyChar, Matcher, PatternError, repeat } from '../patterns/nfa.js';
import { parsePython } from '../patterns/python.js';

/** What says whether an entry of the ledger fits a text. */
export interface LedgerPattern {
  test(text: string): boolean;
}

/**
 * Texts that have nothing to do with each other nor with a failure: a pattern that fits one of them, `[a-z]` or `\d+`, would
 * turn failures into passes that nobody has ever seen.
 */
const ANYTHING = [
  '',
  '7',
  '1234567890',
  ' ',
  ' - ',
  'zyxwvutsrqponmlkjihgfedcba',
  'QZX',
  'Vw xq: 48 /jk_z (0x3f)\n',
  '\u2603',
];

/**
 * A regular expression found anywhere in a text, in time in proportion to the text: what it is held against comes from a
 * guest, and a backtracking engine can be kept busy for ever by it.
 * @throws Error one sentence: what a machine without backtracking cannot do, or that it matches everything.
 */
export function ledgerPattern(pattern: string): LedgerPattern {
  let matcher: Matcher;
  try {
    matcher = new Matcher({ kind: 'sequence', items: [repeat(anyChar), parsePython(pattern)] }, true);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new Error(`${error.message} (at character ${error.offset + 1})`, { cause: error });
  }
  const fitting = ANYTHING.find((text) => matcher.test(text));
  if (fitting !== undefined)
    throw new Error(`it matches everything, ${JSON.stringify(fitting)} for one: name what the failure says`);
  return matcher;
}
