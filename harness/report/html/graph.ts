import type { TreeModule } from '../../results/tree-file.js';
import { html } from './text.js';

/** How many neighbours are drawn on each side; the rest is counted. */
const MOST = 6;
const [COLUMN, ROW, WIDTH] = [230, 22, 200];

export type Tree = ReadonlyMap<string, TreeModule>;

/**
 * The neighbourhood of a module: who needs it on the left, what it needs on the right. What the set lacks has a dashed frame and says
 * so. Empty where the run has no tree, or the module no neighbours.
 * @param installSet whose set decides what is there.
 */
export function neighbourhood(name: string, tree: Tree, installSet = ''): string {
  const module = tree.get(name);
  if (!module) return '';
  const users = [...tree.values()]
    .filter((one) => one.depends.includes(name) && one.sets.has(installSet))
    .map((one) => one.name);
  const needs = module.depends;
  if (users.length + needs.length === 0) return '';
  const sides = [some(users), [name], some(needs)];
  const height = Math.max(...sides.map((side) => side.length)) * ROW + 8;
  const isThere = (one: string) => tree.get(one)?.sets.has(installSet) ?? true;
  const middle = height / 2;
  const boxes = sides.flatMap((side, column) =>
    side.map((one, at) => {
      const y = middle + (at - (side.length - 1) / 2) * ROW;
      const x = column * COLUMN + 5;
      const lacking = !isThere(one);
      const [from, to] = column === 0 ? [x + WIDTH, COLUMN + 5] : [COLUMN + 5 + WIDTH, x];
      const line =
        column === 1
          ? ''
          : `<line class="edge" x1="${from}" y1="${column === 0 ? y : middle}" x2="${to}" y2="${column === 0 ? middle : y}"/>`;
      const label = lacking ? `${one} (not in the set)` : one;
      return `${line}<rect class="node${lacking ? ' lacking' : ''}" x="${x}" y="${y - 9}" width="${WIDTH}" height="18" rx="3"/><text x="${x + 6}" y="${y + 4}">${html(shorten(label))}</text>`;
    }),
  );
  const words = `${name}, ${isThere(name) ? 'in the set' : 'not in the set'}; needed by ${sides[0]?.join(', ') || 'nothing of the set'}; needs ${sides[2]?.join(', ') || 'nothing'}`;
  return `<svg class="graph" viewBox="0 0 ${2 * COLUMN + WIDTH + 10} ${height}" role="img" aria-label="${html(words)}">${boxes.join('')}</svg>`;
}

function some(names: readonly string[]): string[] {
  if (names.length <= MOST) return [...names];
  return [...names.slice(0, MOST - 1), `and ${names.length - MOST + 1} more`];
}

const shorten = (label: string): string => (label.length > 30 ? `${label.slice(0, 29)}…` : label);
