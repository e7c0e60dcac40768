import { someOf } from '../printable.js';

/** Whether a scenario passes with just these modules. */
export type Oracle = (names: readonly string[]) => Promise<boolean>;

interface Answer {
  names: ReadonlySet<string>;
  passes: boolean;
  /** Tried again because of a contradiction: it is not asked a third time for another one. */
  repeated: boolean;
}

/**
 * The answers of a search: each set is tried once, and again only where its answer contradicts another one. More modules should
 * not make a passing set fail; where they do, both sets are tried again, once each, and what came of it is said. So a flaky
 * guest costs a few trials and never a loop.
 */
export class Ledger {
  readonly #oracle: Oracle;
  readonly #answers = new Map<string, Answer>();
  readonly #running = new Map<string, Promise<boolean>>();
  /** Sets tried, repeats included. */
  trials = 0;
  /** One sentence for each contradiction. */
  readonly notes: string[] = [];
  /** Some set passed once and failed once. */
  flaky = false;
  /** A set passes, and fails with more modules, both seen twice. */
  nonMonotonic = false;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  /** @throws what the oracle throws. */
  passes = async (names: readonly string[]): Promise<boolean> => {
    const key = keyOf(names);
    const known = this.#answers.get(key);
    if (known) return known.passes;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const answer = this.#ask(key, names).finally(() => this.#running.delete(key));
    this.#running.set(key, answer);
    return answer;
  };

  async #ask(key: string, names: readonly string[]): Promise<boolean> {
    const answer: Answer = { names: new Set(names), passes: await this.#try(names), repeated: false };
    const other = this.#contradicts(answer);
    this.#answers.set(key, answer);
    if (!other) return answer.passes;
    await this.#repeat(answer);
    if (this.#contradict(answer, other)) await this.#repeat(other);
    if (!this.#contradict(answer, other)) return answer.passes;
    const [small, large] = answer.passes ? [answer, other] : [other, answer];
    this.nonMonotonic = true;
    this.notes.push(`passes without ${difference(large, small)}, and fails with them: both were seen twice`);
    return answer.passes;
  }

  /** Tries it again; where that differs, a third trial decides. */
  async #repeat(answer: Answer): Promise<void> {
    if (answer.repeated) return;
    answer.repeated = true;
    const names = [...answer.names];
    if ((await this.#try(names)) === answer.passes) return;
    this.flaky = true;
    answer.passes = await this.#try(names);
    const set = `a set of ${names.length} ${names.length === 1 ? 'module' : 'modules'}`;
    this.notes.push(`flaky: ${set} passed and failed; it counts as a ${answer.passes ? 'pass' : 'failure'}`);
  }

  #try(names: readonly string[]): Promise<boolean> {
    this.trials++;
    return this.#oracle(names);
  }

  #contradicts(one: Answer): Answer | undefined {
    for (const other of this.#answers.values()) if (this.#contradict(one, other)) return other;
    return undefined;
  }

  #contradict(one: Answer, other: Answer): boolean {
    if (one.passes === other.passes) return false;
    const [small, large] = one.passes ? [one, other] : [other, one];
    return small.names.size < large.names.size && [...small.names].every((name) => large.names.has(name));
  }
}

const difference = (large: Answer, small: Answer): string =>
  someOf([...large.names].filter((name) => !small.names.has(name)).sort(), 4);

/** Sets of the same modules have the same key. */
export const keyOf = (names: Iterable<string>): string => [...names].sort().join(' ');
