import type { ModuleIndex } from '../modules/module.js';
import { subsystemOf } from '../modules/size.js';
import type { CompressedBytes } from './compressed.js';
import { installSets } from './installsets.js';
import { modulesByPackage, type Split } from './split.js';

/** What some modules weigh: as installed, and compressed one by one where that was measured. */
export interface Weight {
  count: number;
  bytes: number;
  xz?: number;
  zstd?: number;
}

export interface NamedWeight extends Weight {
  name: string;
}

/** The weights of one split on one kernel. Plain data: `split size --json` prints it, and a later run compares with it. */
export interface SizeReport {
  schema: 'bootgate/split-size@1';
  split: string;
  format: string;
  release: string;
  /** Bytes of vmlinuz and of the initramfs; null where there was none to weigh. */
  vmlinuz: number | null;
  initramfs: number | null;
  modules: Weight;
  packages: NamedWeight[];
  /** `drivers/net`, `fs`, `net/netfilter`: the heaviest first. */
  subsystems: NamedWeight[];
  /** `total` is vmlinuz + initramfs + modules. */
  installSets: (NamedWeight & { packages: string[]; total: number })[];
  /** Each module's package (null: in none) and bytes. */
  placed: Record<string, [packageName: string | null, bytes: number]>;
}

export interface SizeInput {
  split: Split;
  index: ModuleIndex;
  vmlinuz: number | null;
  initramfs?: number;
  compressed?: ReadonlyMap<string, CompressedBytes>;
}

export function weighSplit(input: SizeInput): SizeReport {
  const { split, index, compressed } = input;
  const weigh = (names: Iterable<string>): Weight => weightOf(names, index, compressed);
  const bySubsystem = new Map<string, string[]>();
  for (const { name, path } of index.modules.values()) {
    const subsystem = subsystemOf(path);
    const names = bySubsystem.get(subsystem);
    if (names) names.push(name);
    else bySubsystem.set(subsystem, [name]);
  }
  const contents = modulesByPackage(split, index);
  const fixed = (input.vmlinuz ?? 0) + (input.initramfs ?? 0);
  return {
    schema: 'bootgate/split-size@1',
    split: split.name,
    format: split.format,
    release: index.release,
    vmlinuz: input.vmlinuz,
    initramfs: input.initramfs ?? null,
    modules: weigh(index.modules.keys()),
    packages: split.packages.map(({ name }) => ({ name, ...weigh(contents.get(name) ?? []) })),
    subsystems: [...bySubsystem]
      .map(([name, names]) => ({ name, ...weigh(names) }))
      .sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)),
    installSets: installSets(split, index).map((set) => {
      const weight = weigh(set.modules);
      return { name: set.name, packages: set.packages, ...weight, total: fixed + weight.bytes };
    }),
    placed: Object.fromEntries(
      [...index.modules.values()].map(({ name, bytes }): [string, [string | null, number]] => [
        name,
        [split.placement.get(name)?.package ?? null, bytes],
      ]),
    ),
  };
}

function weightOf(
  names: Iterable<string>,
  index: ModuleIndex,
  compressed?: ReadonlyMap<string, CompressedBytes>,
): Weight {
  const sum: Weight = { count: 0, bytes: 0, ...(compressed ? { xz: 0, zstd: 0 } : {}) };
  for (const name of names) {
    sum.count++;
    sum.bytes += index.modules.get(name)?.bytes ?? 0;
    const packed = compressed?.get(name);
    if (!packed || sum.xz === undefined || sum.zstd === undefined) continue;
    sum.xz += packed.xz;
    sum.zstd += packed.zstd;
  }
  return sum;
}

/** What changed from one split, kernel or run to another. Positive is more in `after`. */
export interface SizeComparison {
  before: string;
  after: string;
  /** As initramfs: null where one side has none. */
  vmlinuz: number | null;
  initramfs: number | null;
  modules: number;
  packages: { name: string; before: number; after: number }[];
  installSets: { name: string; before: number; after: number }[];
  /** Modules that another package has now, the heaviest first; null: in none, or not in that kernel. */
  moved: { module: string; from: string | null; to: string | null; bytes: number }[];
  /** The largest saving of one install set, and whether it is worth it by the thresholds that were given. */
  saving: { installSet: string; bytes: number; percent: number } | null;
  worthIt: boolean | null;
}

/** Both must be reached for a change to be worth it. */
export interface Threshold {
  bytes?: number;
  percent?: number;
}

export function compareSizes(before: SizeReport, after: SizeReport, threshold?: Threshold): SizeComparison {
  const names = (a: readonly { name: string }[], b: readonly { name: string }[]) => [
    ...new Set([...a, ...b].map(({ name }) => name)),
  ];
  const bytes = (list: readonly NamedWeight[], name: string) =>
    list.find((one) => one.name === name)?.bytes ?? 0;
  const both: Common = {
    vmlinuz: before.vmlinuz !== null && after.vmlinuz !== null,
    initramfs: before.initramfs !== null && after.initramfs !== null,
  };
  const totals = (report: SizeReport) =>
    new Map(report.installSets.map((set) => [set.name, comparable(report, set, both)]));
  const [was, is] = [totals(before), totals(after)];
  // A run knows no packages: nothing has moved there, and nothing has grown out of nothing.
  const placed = [before, after].every((one) => Object.keys(one.placed).length > 0);
  const packages = before.packages.length > 0 && after.packages.length > 0;
  const moved = (placed ? names(namesOf(before), namesOf(after)) : []).flatMap((module) => {
    const [from, size] = before.placed[module] ?? [null, 0];
    const [to, now] = after.placed[module] ?? [null, 0];
    return from === to ? [] : [{ module, from, to, bytes: now || size }];
  });
  const saving = bestSaving(before, after, both);
  return {
    before: before.split,
    after: after.split,
    vmlinuz: before.vmlinuz === null || after.vmlinuz === null ? null : after.vmlinuz - before.vmlinuz,
    initramfs:
      before.initramfs === null || after.initramfs === null ? null : after.initramfs - before.initramfs,
    modules: after.modules.bytes - before.modules.bytes,
    packages: (packages ? names(before.packages, after.packages) : []).map((name) => ({
      name,
      before: bytes(before.packages, name),
      after: bytes(after.packages, name),
    })),
    installSets: [...new Set([...was.keys(), ...is.keys()])].map((name) => ({
      name,
      before: was.get(name) ?? 0,
      after: is.get(name) ?? 0,
    })),
    moved: moved.sort((a, b) => b.bytes - a.bytes || (a.module < b.module ? -1 : 1)),
    saving,
    worthIt:
      threshold && saving
        ? saving.bytes >= (threshold.bytes ?? 0) && saving.percent >= (threshold.percent ?? 0)
        : null,
  };
}

const namesOf = (report: SizeReport) => Object.keys(report.placed).map((name) => ({ name }));

type InstallSetWeight = SizeReport['installSets'][number];

/** What both sides have, and so counts: a run builds an initramfs, a split on paper has none, a bare tree has no vmlinuz. */
interface Common {
  vmlinuz: boolean;
  initramfs: boolean;
}

function comparable(report: SizeReport, set: InstallSetWeight, both: Common): number {
  const vmlinuz = report.vmlinuz ?? 0;
  const initramfs = set.total - set.bytes - vmlinuz;
  return set.bytes + (both.vmlinuz ? vmlinuz : 0) + (both.initramfs ? initramfs : 0);
}

/** The least that a machine can have installed, before and after: that is what a split is made for. */
function bestSaving(before: SizeReport, after: SizeReport, both: Common): SizeComparison['saving'] {
  const least = (report: SizeReport) =>
    report.installSets
      .filter(({ count }) => count > 0)
      .map((set) => ({ name: set.name, total: comparable(report, set, both) }))
      .sort((a, b) => a.total - b.total)[0];
  const [was, is] = [least(before), least(after)];
  if (!was || !is) return null;
  const bytes = was.total - is.total;
  return { installSet: is.name, bytes, percent: was.total > 0 ? (bytes / was.total) * 100 : 0 };
}
