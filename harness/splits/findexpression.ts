import { globMatcher } from '../patterns/glob.js';
import { compiled, ShellBeyond, type Word } from './shellwords.js';

/** find's own patterns: `*` matches a slash too (fnmatch without FNM_PATHNAME). */
const FNMATCH = { doubleStar: false, brackets: true, crossSlash: true, dashIsUnderscore: false };

/** What find looks at, and what its expression did to it. */
export interface Visit {
  path: string;
  file: boolean;
  pruned: boolean;
  printed: boolean;
}
type Test = (visit: Visit) => boolean;

/** find's expression, by its precedence: `!` before `-a` before `-o`; without -print the whole of it decides. */
export class FindExpression {
  readonly test: Test;
  prints = false;
  maxDepth = Number.POSITIVE_INFINITY;
  minDepth = 0;
  #words: readonly Word[];
  #at = 0;

  constructor(words: readonly Word[]) {
    this.#words = words;
    this.test = words.length === 0 ? () => true : this.#or();
    const left = this.#words[this.#at];
    if (left) throw new ShellBeyond(`find does not expect ${left.text} here`, left.offset);
  }

  #take(...texts: string[]): boolean {
    const found = texts.includes(this.#words[this.#at]?.text ?? '');
    if (found) this.#at++;
    return found;
  }

  #or(): Test {
    let left = this.#and();
    while (this.#take('-o', '-or')) {
      const [one, other] = [left, this.#and()];
      left = (visit) => one(visit) || other(visit);
    }
    return left;
  }

  #and(): Test {
    let left = this.#not();
    for (;;) {
      this.#take('-a', '-and');
      const next = this.#words[this.#at]?.text;
      if (next === undefined || next === ')' || next === '-o' || next === '-or') return left;
      const [one, other] = [left, this.#not()];
      left = (visit) => one(visit) && other(visit);
    }
  }

  #not(): Test {
    if (!this.#take('!', '-not')) return this.#primary();
    const one = this.#not();
    return (visit) => !one(visit);
  }

  #primary(): Test {
    const word = this.#words[this.#at++];
    if (!word) throw new ShellBeyond("find's expression ends too early", this.#words.at(-1)?.offset ?? 0);
    switch (word.text) {
      case '(': {
        const inside = this.#or();
        if (!this.#take(')')) throw new ShellBeyond('( is not closed', word.offset);
        return inside;
      }
      case '-name':
        return this.#pattern(word, ({ path }) => /[^/]*$/.exec(path.replace(/(.)\/+$/, '$1'))?.[0] ?? '');
      case '-path':
      case '-wholename':
        return this.#pattern(word, ({ path }) => path);
      case '-type': {
        const kind = this.#argument(word);
        if (kind !== 'f' && kind !== 'd')
          throw new ShellBeyond(`-type ${kind} is not supported`, word.offset);
        return ({ file }) => file === (kind === 'f');
      }
      case '-maxdepth':
      case '-mindepth': {
        const depth = Number(this.#argument(word));
        if (word.text === '-maxdepth') this.maxDepth = depth;
        else this.minDepth = depth;
        return () => true;
      }
      case '-true':
        return () => true;
      case '-false':
        return () => false;
      case '-prune':
        return (visit) => {
          visit.pruned = true;
          return true;
        };
      case '-print':
        this.prints = true;
        return (visit) => {
          visit.printed = true;
          return true;
        };
    }
    throw new ShellBeyond(`find's ${word.text} is not supported`, word.offset);
  }

  #pattern(word: Word, of: (visit: Visit) => string): Test {
    const text = this.#argument(word);
    const matcher = compiled(() => globMatcher(text, FNMATCH), word);
    return (visit) => matcher.test(of(visit));
  }

  #argument(word: Word): string {
    const found = this.#words[this.#at++];
    if (!found) throw new ShellBeyond(`${word.text} needs an argument`, word.offset);
    return found.text;
  }
}
