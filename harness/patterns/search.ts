import type { Matcher } from './nfa.js';

/** Longest piece of a literal that is looked up; short enough that a path has few windows, long enough to tell. */
const PIECE = 12;

/**
 * Which of very many patterns match a text. Each pattern is filed under the end of its longest required literal, so
 * that a text is only held against patterns whose literal it contains: 100,000 rules cost little more than 500.
 */
export class PatternIndex {
  #matchers: readonly Matcher[];
  #pieces = new Map<string, number[]>();
  #lengths: number[] = [];
  #always: number[] = [];

  constructor(matchers: readonly Matcher[]) {
    this.#matchers = matchers;
    for (const [id, matcher] of matchers.entries()) {
      const piece = matcher.literals[0]?.slice(-PIECE);
      if (!piece) this.#always.push(id);
      else if (this.#pieces.has(piece)) this.#pieces.get(piece)?.push(id);
      else this.#pieces.set(piece, [id]);
    }
    this.#lengths = [...new Set([...this.#pieces.keys()].map((piece) => piece.length))];
  }

  /** The numbers of the patterns that match, ascending. */
  match(text: string): number[] {
    const candidates = new Set(this.#always);
    for (const length of this.#lengths)
      for (let at = 0; at + length <= text.length; at++) {
        const ids = this.#pieces.get(text.slice(at, at + length));
        if (ids) for (const id of ids) candidates.add(id);
      }
    const found: number[] = [];
    for (const id of candidates) if (this.#matchers[id]?.test(text)) found.push(id);
    return found.sort((a, b) => a - b);
  }
}
