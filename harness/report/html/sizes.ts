import type { RunResult } from '../../results/run-result.js';
import type { TreeModule } from '../../results/tree-file.js';
import { formatBytes, formatPercent } from '../../units.js';
import type { Tree } from './graph.js';
import { table } from './guest.js';
import { html } from './text.js';
import { FATE_WORDS, FATES, type Fate, subsystemOf, treemapSvg } from './treemap.js';

/** What the image weighs: totals, install sets, budgets, the change against the baseline, and where in the tree the bytes are. */
export function sizesSection(run: RunResult, tree: Tree): string {
  return [totals(run), budgets(run), comparison(run), maps(run, tree)].filter(Boolean).join('\n');
}

function totals({ image: { vmlinuz, initramfs, modules }, installSets = [] }: RunResult): string {
  const row = (name: string, set: { count: number; bytes: number }, archive: number) => [
    name,
    formatBytes(vmlinuz.bytes),
    formatBytes(archive),
    formatBytes(set.bytes),
    `${set.count} of ${modules.ofCount} (${formatPercent(set.bytes, modules.ofBytes).trim()} of the bytes)`,
    formatBytes(vmlinuz.bytes + archive + set.bytes),
  ];
  const rows =
    installSets.length > 0
      ? installSets.map((set) => row(set.name, set.modules, set.initramfs.bytes))
      : [row('this image', modules, initramfs.bytes)];
  const whole = { count: modules.ofCount, bytes: modules.ofBytes };
  if (modules.count < modules.ofCount) rows.push(row('full module tree', whole, initramfs.bytes));
  return table(['set', 'vmlinuz', 'initramfs', 'modules', 'module files', 'total'], rows);
}

function budgets({ gate }: RunResult): string {
  if (!gate) return '';
  if (gate.overBudget.length === 0) return '<p>No budget is exceeded.</p>';
  const rows = gate.reasons
    .filter(({ kind }) => kind === 'budget')
    .map(({ message, place }) => [message, place ? `${place.file}:${place.line}` : '']);
  return `<h3>Budgets exceeded</h3>${table(['budget', 'set by'], rows)}`;
}

function comparison({ gate }: RunResult): string {
  if (!gate?.comparison) return '';
  const { before, sizes } = gate.comparison;
  const rows = sizes.map(({ what, before: was, after }) => [
    what,
    formatBytes(was),
    formatBytes(after),
    signed(after - was),
  ]);
  return `<h3>Against the baseline ${html(before.id)}</h3>${table(['size', 'before', 'after', 'change'], rows)}`;
}

/** `+12 KiB`, `-`. */
export function signed(bytes: number): string {
  return bytes === 0 ? '-' : `${bytes > 0 ? '+' : '-'}${formatBytes(Math.abs(bytes))}`;
}

function maps(run: RunResult, tree: Tree): string {
  if (tree.size === 0) return '';
  const modules = [...tree.values()];
  const loaded = new Set(run.results.flatMap(({ modulesLoaded }) => modulesLoaded));
  const fateOf = ({ name, sets }: TreeModule): Fate =>
    sets.size === 0 ? 'dropped' : loaded.has(name) ? 'loaded' : 'untouched';
  const legend = FATES.map(
    (fate) =>
      `<li><svg class="key" viewBox="0 0 16 12" aria-hidden="true"><rect class="${fate}" width="16" height="12"${fate === 'untouched' ? ' fill="url(#size-hatch)"' : ''}/></svg> ${FATE_WORDS[fate]}</li>`,
  ).join('');
  const packaged = modules.some((one) => one.package !== undefined);
  const packages = packaged
    ? `<h3>The module tree by package</h3>\n${treemapSvg(modules, fateOf, {
        id: 'package',
        title: 'bytes of the module tree by package',
        groupOf: (one) => one.package ?? 'in no package',
        partOf: subsystemOf,
      })}`
    : '';
  return `<h3 id="sizes-map">The module tree by subsystem</h3>
<ul class="legend">${legend}</ul>
<p class="tools" hidden><button type="button" data-zoom-out disabled>Whole tree</button> <span class="soft">A click on a subsystem zooms to it.</span></p>
${treemapSvg(modules, fateOf, { id: 'size', title: 'bytes of the module tree by subsystem', groupOf: subsystemOf, partOf: ({ folder }) => folder })}
${packages}
${subsystems(modules, fateOf)}`;
}

/** The same as numbers. */
function subsystems(modules: readonly TreeModule[], fateOf: (one: TreeModule) => Fate): string {
  const sums = new Map<string, Record<Fate, number>>();
  for (const one of modules) {
    const name = subsystemOf(one);
    const sum = sums.get(name) ?? { loaded: 0, untouched: 0, dropped: 0 };
    sum[fateOf(one)] += one.bytes;
    sums.set(name, sum);
  }
  const all = (sum: Record<Fate, number>) => sum.loaded + sum.untouched + sum.dropped;
  const rows = [...sums]
    .sort((a, b) => all(b[1]) - all(a[1]))
    .map(([name, sum]) => [
      name,
      formatBytes(all(sum)),
      ...FATES.map((fate) => (sum[fate] ? formatBytes(sum[fate]) : '-')),
    ]);
  return `<details><summary>As numbers: ${rows.length} subsystems</summary>${table(['subsystem', 'tree', ...FATES.map((fate) => FATE_WORDS[fate])], rows)}</details>`;
}
