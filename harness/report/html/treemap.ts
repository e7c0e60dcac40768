import { type HierarchyRectangularNode, hierarchy, treemap } from 'd3-hierarchy';
import type { TreeModule } from '../../results/tree-file.js';
import { formatBytes } from '../../units.js';
import { html, urlPart } from './text.js';

const [WIDTH, HEIGHT] = [1200, 640];
/** A folder with less than this part of the bytes is drawn with its neighbours. */
const LEAST = 0.0012;

/** What became of modules: loaded by some scenario, in the set and never loaded, or left out. */
export const FATES = ['loaded', 'untouched', 'dropped'] as const;
export type Fate = (typeof FATES)[number];
export const FATE_WORDS: Record<Fate, string> = {
  loaded: 'in the set, loaded by a scenario',
  untouched: 'in the set, loaded by none',
  dropped: 'not in the set',
};

export type FateOf = (module: TreeModule) => Fate;

interface Node {
  name: string;
  fate?: Fate;
  bytes?: number;
  children?: Node[];
}

/** The part of the tree that a module is counted to: `drivers/net`, `sound/soc`; elsewhere the first folder: `fs`, `net`. */
export function subsystemOf({ folder }: TreeModule): string {
  const [first = '', second] = folder.split('/');
  return second && /^(?:drivers|sound)$/.test(first) ? `${first}/${second}` : first;
}

/**
 * The tree's bytes as nested rectangles: groups, their folders, and in each what is loaded, untouched and dropped. Each group is a
 * link that zooms to it, and a place that can be linked to.
 * @param groupOf `drivers/net`, or a package.
 */
export function treemapSvg(
  modules: readonly TreeModule[],
  fateOf: FateOf,
  {
    id,
    title,
    groupOf,
    partOf,
  }: { id: string; title: string; groupOf(one: TreeModule): string; partOf(one: TreeModule): string },
): string {
  const total = modules.reduce((sum, { bytes }) => sum + bytes, 0);
  const root = hierarchy<Node>(nodesOf(modules, fateOf, total, groupOf, partOf), (node) => node.children)
    .sum(({ bytes = 0 }) => bytes)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const laid = treemap<Node>()
    .size([WIDTH, HEIGHT])
    .paddingOuter(1)
    .paddingTop((node) => (node.depth === 1 ? 14 : 1))
    .round(false)(root);
  const groups = (laid.children ?? []).map((group) => groupSvg(group, id));
  return `<svg class="map" id="${id}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="group" aria-label="${html(title)}">
<defs><pattern id="${id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="base" width="6" height="6"/><rect class="stripe" width="2" height="6"/></pattern></defs>
${groups.join('\n')}</svg>`;
}

function nodesOf(
  modules: readonly TreeModule[],
  fateOf: FateOf,
  total: number,
  groupOf: (one: TreeModule) => string,
  partOf: (one: TreeModule) => string,
): Node {
  const groups = new Map<string, Map<string, Map<Fate, number>>>();
  for (const one of modules) {
    const parts = getOr(groups, groupOf(one), () => new Map<string, Map<Fate, number>>());
    const fates = getOr(parts, partOf(one), () => new Map<Fate, number>());
    const fate = fateOf(one);
    fates.set(fate, (fates.get(fate) ?? 0) + one.bytes);
  }
  const children = [...groups].map(([name, parts]): Node => {
    const small = new Map<Fate, number>();
    const large: Node[] = [];
    for (const [part, fates] of parts) {
      if ([...fates.values()].reduce((sum, bytes) => sum + bytes, 0) >= LEAST * total)
        large.push({ name: part, children: leaves(fates) });
      else for (const [fate, bytes] of fates) small.set(fate, (small.get(fate) ?? 0) + bytes);
    }
    if (small.size > 0) large.push({ name: 'smaller folders', children: leaves(small) });
    return { name, children: large };
  });
  return { name: '', children };
}

const leaves = (fates: ReadonlyMap<Fate, number>): Node[] =>
  [...fates].map(([fate, bytes]) => ({ name: fate, fate, bytes }));

function groupSvg(group: HierarchyRectangularNode<Node>, id: string): string {
  const { x0, y0, x1, y1, data, value = 0 } = group;
  const name = html(data.name);
  const target = html(`${id}=${urlPart(data.name)}`);
  const rects = group.leaves().map((leaf) => {
    const { fate = 'dropped' } = leaf.data;
    const fill = fate === 'untouched' ? ` fill="url(#${id}-hatch)"` : '';
    const told = `${leaf.parent?.data.name}: ${formatBytes(leaf.value ?? 0)} ${FATE_WORDS[fate]}`;
    return `<rect class="${fate}"${fill} ${box(leaf)}><title>${html(told)}</title></rect>`;
  });
  const fits = x1 - x0 > 8 + data.name.length * 6.2;
  const label = fits ? `<text x="${(x0 + 3).toFixed(1)}" y="${(y0 + 11).toFixed(1)}">${name}</text>` : '';
  const view = [x0, y0, x1 - x0, y1 - y0].map((one) => one.toFixed(1)).join(' ');
  return `<a href="#${target}" data-view="${view}" aria-label="${name}, ${html(formatBytes(value))}"><rect class="group" ${box(group)}/>${label}${rects.join('')}</a>`;
}

function box({ x0, y0, x1, y1 }: HierarchyRectangularNode<Node>): string {
  const [x, y, width, height] = [x0, y0, x1 - x0, y1 - y0].map((one) => Math.max(0, one).toFixed(1));
  return `x="${x}" y="${y}" width="${width}" height="${height}"`;
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
