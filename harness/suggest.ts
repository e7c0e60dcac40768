/** Nobody misspells a name of this length, and comparing costs its square. */
const LONGEST = 100;

/** The names nearest to a wrong one, for "did you mean": at most `limit`, nearest first, none that is too far off. */
export function nearest(wrong: string, names: Iterable<string>, limit = 3): string[] {
  if (wrong.length > LONGEST) return [];
  const most = Math.max(2, Math.floor(wrong.length / 3));
  const scored: [string, number][] = [];
  for (const name of names) {
    if (Math.abs(name.length - wrong.length) > most) continue;
    const distance = editDistance(wrong, name, most);
    if (distance <= most) scored.push([name, distance]);
  }
  scored.sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
  return scored.slice(0, limit).map(([name]) => name);
}

/** " (did you mean x, y?)", or nothing. */
export function didYouMean(wrong: string, names: Iterable<string>): string {
  const found = nearest(wrong, names);
  return found.length > 0 ? ` (did you mean ${found.join(', ')}?)` : '';
}

/** Levenshtein distance, given up past `most`. */
function editDistance(a: string, b: string, most: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      current.push(
        Math.min(
          (current[column - 1] ?? 0) + 1,
          (previous[column] ?? 0) + 1,
          (previous[column - 1] ?? 0) + cost,
        ),
      );
    }
    if (Math.min(...current) > most) return most + 1;
    previous = current;
  }
  return previous[b.length] ?? most + 1;
}
