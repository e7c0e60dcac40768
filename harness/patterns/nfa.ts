/**
 * A matcher that takes time in proportion to the text, whatever the pattern: split files come from others, and a
 * backtracking engine can be kept busy for ever by one line of them. Thompson's construction, run as a DFA that is
 * built while it is used. Only yes or no is answered, so greed and groups do not matter.
 */

/** UTF-16 code units, as ranges that include both ends. */
export interface CharSet {
  ranges: readonly (readonly [number, number])[];
  negated: boolean;
}

export type Node =
  | { kind: 'set'; set: CharSet }
  | { kind: 'sequence'; items: Node[] }
  | { kind: 'choice'; items: Node[] }
  | { kind: 'repeat'; item: Node; min: number; max: number }
  | { kind: 'start' }
  | { kind: 'end' };

/** A pattern that is wrong, or that only a backtracking engine could run. `offset` counts characters from 0. */
export class PatternError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'PatternError';
    this.offset = offset;
  }
}

export const anyChar: Node = { kind: 'set', set: { ranges: [], negated: true } };
export const literal = (text: string): Node => ({
  kind: 'sequence',
  items: [...text].flatMap((char) =>
    char.split('').map((unit): Node => setOf([[unit.charCodeAt(0), unit.charCodeAt(0)]])),
  ),
});
export const setOf = (ranges: [number, number][], negated = false): Node => ({
  kind: 'set',
  set: { ranges, negated },
});
export const notSlash = setOf([[47, 47]], true);
export const repeat = (item: Node, min = 0, max = Number.POSITIVE_INFINITY): Node => ({
  kind: 'repeat',
  item,
  min,
  max,
});

type State =
  | { kind: 'set'; set: CharSet; next: number }
  | { kind: 'fork'; next: number; other: number }
  | { kind: 'start' | 'end'; next: number }
  | { kind: 'accept' };

/** More states than any split's rule needs; `(x{1000}){1000}` ends here instead of in a full memory. */
const MOST_STATES = 20_000;
/** DFA states kept before they are thrown away and built anew. */
const MOST_SETS = 500;

interface DfaState {
  states: number[];
  accepts: boolean;
  acceptsAtEnd: boolean;
  next: Map<number, DfaState>;
}

export class Matcher {
  /** Texts that everything that matches contains: a quick test before the real one. Longest first. */
  readonly literals: readonly string[];
  #states: State[] = [];
  #start: number | undefined;
  #node: Node;
  #openEnd: boolean;
  #sets = new Map<string, DfaState>();
  #first: DfaState | undefined;

  /** `openEnd`: a match may end before the text does, as with Python's re.match. The start is always anchored. */
  constructor(node: Node, openEnd: boolean) {
    if (statesOf(node) > MOST_STATES) throw new PatternError('the pattern is too large', 0);
    this.#node = node;
    this.#openEnd = openEnd;
    this.literals = requiredLiterals(node).sort((a, b) => b.length - a.length);
  }

  test(text: string): boolean {
    for (const part of this.literals) if (!text.includes(part)) return false;
    if (this.#sets.size > MOST_SETS) {
      this.#sets.clear();
      this.#first = undefined;
    }
    // Built when it is first needed: of 100,000 rules, few are ever held against a path.
    this.#start ??= this.#build(this.#node, this.#add({ kind: 'accept' }));
    this.#first ??= this.#dfa(this.#closure([this.#start], true));
    let state = this.#first;
    for (let at = 0; at < text.length; at++) {
      if (state.accepts && this.#openEnd) return true;
      if (state.states.length === 0) return false;
      const unit = text.charCodeAt(at);
      let next = state.next.get(unit);
      if (!next) {
        next = this.#step(state, unit);
        state.next.set(unit, next);
      }
      state = next;
    }
    return state.acceptsAtEnd;
  }

  #step(state: DfaState, unit: number): DfaState {
    const reached: number[] = [];
    for (const id of state.states) {
      const one = this.#states[id];
      if (one?.kind === 'set' && inSet(one.set, unit)) reached.push(one.next);
    }
    return this.#dfa(this.#closure(reached, false));
  }

  #dfa(states: number[]): DfaState {
    const key = states.join();
    let found = this.#sets.get(key);
    if (!found) {
      const accepts = (ids: number[]) => ids.some((id) => this.#states[id]?.kind === 'accept');
      found = {
        states,
        accepts: accepts(states),
        acceptsAtEnd: accepts(this.#closure(states, false, true)),
        next: new Map(),
      };
      this.#sets.set(key, found);
    }
    return found;
  }

  /** Every state reached without a character. `^` is passed at the text's start only, `$` at its end only. */
  #closure(from: number[], atStart: boolean, atEnd = false): number[] {
    const seen = new Set<number>();
    const stack = [...from];
    while (stack.length > 0) {
      const id = stack.pop() as number;
      if (seen.has(id)) continue;
      seen.add(id);
      const state = this.#states[id];
      if (state?.kind === 'fork') stack.push(state.next, state.other);
      else if ((state?.kind === 'start' && atStart) || (state?.kind === 'end' && atEnd))
        stack.push(state.next);
    }
    return [...seen].sort((a, b) => a - b);
  }

  #add(state: State): number {
    return this.#states.push(state) - 1;
  }

  /** Adds the states of `node` in front of `next` and returns the first of them. */
  #build(node: Node, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.#add({ kind: 'set', set: node.set, next });
      case 'start':
      case 'end':
        return this.#add({ kind: node.kind, next });
      case 'sequence':
        return node.items.reduceRight((after, item) => this.#build(item, after), next);
      case 'choice':
        return node.items
          .map((item) => this.#build(item, next))
          .reduceRight((other, first) => this.#add({ kind: 'fork', next: first, other }));
      case 'repeat': {
        let after = next;
        if (node.max === Number.POSITIVE_INFINITY) {
          const fork = { kind: 'fork' as const, next: 0, other: next };
          after = this.#add(fork);
          fork.next = this.#build(node.item, after);
        } else {
          for (let count = node.min; count < node.max; count++)
            after = this.#add({ kind: 'fork', next: this.#build(node.item, after), other: next });
        }
        for (let count = 0; count < node.min; count++) after = this.#build(node.item, after);
        return after;
      }
    }
  }
}

/** How many states a pattern will have, about; what is counted is bounded, so that counting is quick too. */
function statesOf(node: Node): number {
  if (node.kind === 'repeat') {
    const times = node.max === Number.POSITIVE_INFINITY ? node.min + 1 : node.max;
    return Math.min(MOST_STATES + 1, (statesOf(node.item) + 1) * Math.max(1, times));
  }
  if (node.kind !== 'sequence' && node.kind !== 'choice') return 1;
  let sum = 0;
  for (const item of node.items) sum += statesOf(item) + 1;
  return sum;
}

function inSet(set: CharSet, unit: number): boolean {
  for (const [low, high] of set.ranges) if (unit >= low && unit <= high) return !set.negated;
  return set.negated;
}

/** The runs of plain characters that a match cannot do without. */
function requiredLiterals(node: Node): string[] {
  const found: string[] = [];
  let run = '';
  const end = () => {
    if (run) found.push(run);
    run = '';
  };
  const walk = (one: Node): void => {
    const range = one.kind === 'set' && !one.set.negated && one.set.ranges.length === 1 && one.set.ranges[0];
    if (range && range[0] === range[1]) run += String.fromCharCode(range[0]);
    else if (one.kind === 'sequence') one.items.forEach(walk);
    else if (one.kind === 'repeat' && one.min > 0) {
      end();
      walk(one.item);
      end();
    } else if (one.kind !== 'start' && one.kind !== 'end') end();
  };
  walk(node);
  end();
  return found;
}
