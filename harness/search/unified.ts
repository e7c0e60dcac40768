const CONTEXT = 3;

/** `' '` in both, `-` only before, `+` only after. */
interface Line {
  mark: ' ' | '-' | '+';
  text: string;
  /** It is the last line of its side and has no newline. */
  open: boolean;
}

/**
 * A unified diff of two texts, as `patch -p1` and `git apply` take it; empty when they are equal.
 * @param file shown as a/FILE and b/FILE.
 */
export function unifiedDiff(file: string, before: string, after: string): string {
  if (before === after) return '';
  const lines = compare(linesOf(before), linesOf(after));
  const out = [`--- a/${file}`, `+++ b/${file}`];
  for (const [from, to] of hunks(lines)) {
    const numberOf = (mark: '-' | '+') => lines.slice(0, from).filter((line) => line.mark !== mark).length;
    const countOf = (mark: '-' | '+') => lines.slice(from, to).filter((line) => line.mark !== mark).length;
    const range = (other: '-' | '+') => {
      const count = countOf(other);
      return `${numberOf(other) + (count === 0 ? 0 : 1)},${count}`;
    };
    out.push(`@@ -${range('+')} +${range('-')} @@`);
    for (const line of lines.slice(from, to)) {
      out.push(line.mark + line.text);
      if (line.open) out.push('\\ No newline at end of file');
    }
  }
  return `${out.join('\n')}\n`;
}

type Side = { text: string; open: boolean }[];

function linesOf(text: string): Side {
  if (text === '') return [];
  const rows = text.split('\n');
  const open = rows.at(-1) !== '';
  if (!open) rows.pop();
  return rows.map((row, at) => ({ text: row, open: open && at === rows.length - 1 }));
}

/** What is equal at both ends is set aside; the longest common row of lines of the rest is found by a table. */
function compare(a: Side, b: Side): Line[] {
  const equal = (x: Side[number] | undefined, y: Side[number] | undefined) =>
    x !== undefined && y !== undefined && x.text === y.text && x.open === y.open;
  let head = 0;
  while (equal(a[head], b[head])) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && equal(a.at(-1 - tail), b.at(-1 - tail))) tail++;
  const left = a.slice(head, a.length - tail);
  const right = b.slice(head, b.length - tail);
  const width = right.length + 1;
  const longest = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      longest[i * width + j] = equal(left[i], right[j])
        ? 1 + (longest[(i + 1) * width + j + 1] ?? 0)
        : Math.max(longest[(i + 1) * width + j] ?? 0, longest[i * width + j + 1] ?? 0);
  const lines: Line[] = a.slice(0, head).map((line) => ({ mark: ' ', ...line }));
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [x, y] = [left[i], right[j]];
    if (x && equal(x, y)) {
      lines.push({ mark: ' ', ...x });
      i++;
      j++;
    } else if (x && (!y || (longest[(i + 1) * width + j] ?? 0) >= (longest[i * width + j + 1] ?? 0))) {
      lines.push({ mark: '-', ...x });
      i++;
    } else if (y) {
      lines.push({ mark: '+', ...y });
      j++;
    }
  }
  return [...lines, ...a.slice(a.length - tail).map((line): Line => ({ mark: ' ', ...line }))];
}

/** Ranges of lines with their context; two that touch are one. */
function hunks(lines: readonly Line[]): [number, number][] {
  const found: [number, number][] = [];
  for (const [at, { mark }] of lines.entries()) {
    if (mark === ' ') continue;
    const [from, to] = [Math.max(0, at - CONTEXT), Math.min(lines.length, at + CONTEXT + 1)];
    const last = found.at(-1);
    if (last && from <= last[1]) last[1] = to;
    else found.push([from, to]);
  }
  return found;
}
