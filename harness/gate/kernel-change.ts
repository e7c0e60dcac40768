import type { PreparedImage } from '../image/prepare.js';
import { resultName, type ScenarioResult } from '../results/scenario-result.js';

/** One kernel with the image's sets, as a run booted them. */
export interface KernelSide {
  release: string;
  variants: readonly Pick<PreparedImage, 'index' | 'set' | 'split' | 'installSet'>[];
}

/** Why something ends otherwise with another kernel, and who changed it. */
export interface KernelChange {
  /** The results that it explains, by name; empty for what all of them share. */
  result: string;
  module: string;
  /** `kernel`: the tree is another one. `split`: the same module is in another package, or no longer in the set. */
  by: 'kernel' | 'split';
  /** `virtio_net is a module in kernel-core on 6.1 and built in on 6.12` */
  message: string;
}

type State = 'built in' | 'absent' | 'in the set' | 'left out';

interface Seen {
  state: State;
  /** Of a split: where it is. */
  home: string | undefined;
}

function seenIn(side: KernelSide, module: string, installSet: string | undefined): Seen {
  const variant = side.variants.find((one) => one.installSet?.name === installSet) ?? side.variants[0];
  if (!variant) return { state: 'absent', home: undefined };
  const { index, set, split } = variant;
  if (index.builtins.has(module)) return { state: 'built in', home: undefined };
  if (!index.modules.has(module)) return { state: 'absent', home: undefined };
  const home = split?.placement.get(module)?.package;
  return { state: set.names.includes(module) ? 'in the set' : 'left out', home };
}

/** What one module is on either kernel, where that differs. */
export function changeOf(
  module: string,
  before: KernelSide,
  after: KernelSide,
  installSet?: string,
): Pick<KernelChange, 'by' | 'message'> | undefined {
  const [was, is] = [seenIn(before, module, installSet), seenIn(after, module, installSet)];
  const isModule = (one: Seen) => one.state === 'in the set' || one.state === 'left out';
  if (was.state === is.state && was.home === is.home) return undefined;
  const say = (one: Seen, release: string) => {
    if (one.state === 'built in') return `built in on ${release}`;
    if (one.state === 'absent') return `absent on ${release}`;
    const where = one.home ? `in ${one.home}` : one.state;
    return `a module ${where} on ${release}`;
  };
  const by = isModule(was) && isModule(is) ? 'split' : 'kernel';
  return { by, message: `${module} is ${say(was, before.release)} and ${say(is, after.release)}` };
}

/**
 * Why results differ between two kernels: by the modules that failures name, and by what a passing boot has loaded. What no module
 * explains is left to the reader.
 */
export function explainChanges(
  results: readonly (readonly [before: ScenarioResult, after: ScenarioResult])[],
  before: KernelSide,
  after: KernelSide,
): KernelChange[] {
  return results.flatMap(([was, is]) => {
    if ((was.verdict === 'pass') === (is.verdict === 'pass')) return [];
    const named = [...was.findings, ...is.findings].flatMap(({ module }) => module ?? []);
    const loaded = was.verdict === 'pass' ? was.modulesLoaded : is.modulesLoaded;
    const explain = (modules: readonly string[]) =>
      [...new Set(modules)].flatMap((module): KernelChange[] => {
        const change = changeOf(module, before, after, is.installSet);
        return change ? [{ result: resultName(is), module, ...change }] : [];
      });
    const byName = explain(named);
    return byName.length > 0 ? byName : explain(loaded);
  });
}

/** What scenarios that pass on both kernels loaded as modules on one of them and the other has built in. */
export function builtInChanges(
  results: readonly (readonly [before: ScenarioResult, after: ScenarioResult])[],
  before: KernelSide,
  after: KernelSide,
): KernelChange[] {
  const modules = new Set(results.flatMap((pair) => pair.flatMap(({ modulesLoaded }) => modulesLoaded)));
  return [...modules].sort().flatMap((module): KernelChange[] => {
    const [was, is] = [seenIn(before, module, undefined).state, seenIn(after, module, undefined).state];
    if ((was === 'built in') === (is === 'built in') || was === 'absent' || is === 'absent') return [];
    const message =
      is === 'built in'
        ? `${module} is built in from ${after.release} on`
        : `${module} is a module from ${after.release} on, and built in on ${before.release}`;
    return [{ result: '', module, by: 'kernel', message }];
  });
}
