/** What makes the difference is looked for in `changes`, the likeliest first, each after what it rests on. */
export interface IsolateSearch<T> {
  /** Without a change it fails, with all of them it passes: both are known. */
  changes: readonly T[];
  passes(changes: readonly T[]): Promise<boolean>;
  mayGoOn(): boolean;
}

/**
 * The fewest changes that make it pass. The shortest row of changes that passes ends with one that is needed; that one is kept,
 * and the row before it searched again until those kept are enough: log2(n) + 1 trials for each that is needed. What is
 * returned was seen to pass, whatever the oracle does, or is all changes.
 *
 * Junker, "QuickXplain", 2004, has the same invariant; where rows of four or fewer are left, each is left out once.
 */
export async function isolate<T>(search: IsolateSearch<T>): Promise<T[]> {
  const found = new Set(await fewest(search));
  return search.changes.filter((change) => found.has(change));
}

async function fewest<T>({ changes, passes, mayGoOn }: IsolateSearch<T>): Promise<T[]> {
  const kept: T[] = [];
  let row = [...changes];
  while (row.length > FEW && mayGoOn()) {
    // row[0..low) fails with what is kept, row[0..high) passes.
    let [low, high] = [0, row.length];
    while (high - low > 1 && mayGoOn()) {
      const middle = (low + high) >> 1;
      if (await passes([...kept, ...row.slice(0, middle)])) high = middle;
      else low = middle;
    }
    const last = row[high - 1];
    row = row.slice(0, high);
    if (high - low > 1 || last === undefined) return [...kept, ...row];
    row.pop();
    kept.push(last);
    if (row.length > 0 && mayGoOn() && (await passes(kept))) return kept;
  }
  return leaveOut([...kept, ...row], kept.length, passes, mayGoOn);
}

const FEW = 4;

/** Leaves out one by one those from `from` on. One stays: nobody asks whether nothing would do. */
async function leaveOut<T>(
  items: readonly T[],
  from: number,
  passes: (changes: readonly T[]) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<T[]> {
  let left = [...items];
  for (const item of items.slice(from)) {
    if (left.length === 1 || !mayGoOn()) break;
    const fewer = left.filter((one) => one !== item);
    if (await passes(fewer)) left = fewer;
  }
  return left;
}
