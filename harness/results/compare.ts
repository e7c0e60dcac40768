import type { Changed, CpuComparison, Pair, RunComparison, RunId } from './comparison.js';
import type { RunResult } from './run-result.js';
import { isDecided, isFailure, resultName } from './scenario-result.js';
import { isUndecided, type WholeVerdict } from './verdict.js';

/** With fewer scenarios than these in both runs, chance decides the middle ratio. */
const FEWEST_FOR_CPU = 3;

/** Compares two runs, results by name. What the host did wrong (infra) in either is no change of the kernel's: it is undecided. */
export function compareRuns(before: RunResult, after: RunResult): RunComparison {
  const old = new Map(before.results.map((one) => [lasting(resultName(one), before), one]));
  const names = new Set(after.results.map((one) => lasting(resultName(one), after)));
  const comparison: RunComparison = {
    schema: 'bootgate/compare@1',
    before: idOf(before),
    after: idOf(after),
    newFailures: [],
    fixed: [],
    stillFailing: [],
    appeared: [],
    undecided: [...after.results.filter(isUndecided).map(resultName), ...(after.missing ?? [])],
    compared: 0,
    gone: before.results
      .filter((one) => isDecided(one) && !names.has(lasting(resultName(one), before)))
      .map(resultName),
    sizes: sizesOf(before, after),
    memory: [],
    cpu: { scenarios: [], ratio: null, why: '' },
  };
  for (const one of after.results) {
    const name = resultName(one);
    const was = old.get(lasting(name, after));
    if (one.verdict === 'skip' && was && isDecided(was)) comparison.gone.push(name);
    if (!isDecided(one)) continue;
    const wasBooted = was !== undefined && isDecided(was);
    if (wasBooted) comparison.compared++;
    else comparison.appeared.push(name);
    const change: Changed = { name, before: was?.verdict ?? 'absent', after: one.verdict };
    if (isFailure(one)) comparison[was && isFailure(was) ? 'stillFailing' : 'newFailures'].push(change);
    else if (was && isFailure(was)) comparison.fixed.push(change);
    if (was?.verdict !== 'pass' || one.verdict !== 'pass') continue;
    // A clone used another boot's memory and time.
    if (was.forked || one.forked) continue;
    comparison.memory.push({
      what: name,
      before: was.memory.usedAfterBootBytes,
      after: one.memory.usedAfterBootBytes,
    });
    comparison.cpu.scenarios.push({ what: name, before: was.cpuSeconds, after: one.cpuSeconds });
  }
  return { ...comparison, cpu: cpuOf(before, after, comparison.cpu.scenarios) };
}

/**
 * The outcome of a comparison: new failures fail it; a result that could not be decided now, or two runs that have no scenario in
 * common, say nothing.
 */
export function verdictOfComparison({ newFailures, undecided, compared }: RunComparison): WholeVerdict {
  if (newFailures.length > 0) return 'fail';
  return undecided.length > 0 || compared === 0 ? 'incomplete' : 'pass';
}

/** A name without the kernel's release, which runs of an earlier bootgate have in those of install sets: an ABI bump is no other result. */
const lasting = (name: string, { image }: RunResult): string =>
  name.replaceAll(`-${image.kernel.release}`, '');

const idOf = ({ id, image }: RunResult): RunId => ({
  id,
  image: image.name,
  kernel: image.kernel.release,
});

function sizesOf(before: RunResult, after: RunResult): Pair[] {
  const [was, is] = [before.image, after.image];
  const pairs: Pair[] = [{ what: 'vmlinuz', before: was.vmlinuz.bytes, after: is.vmlinuz.bytes }];
  const add = (what: string, a: Weighed, b: Weighed) =>
    pairs.push(
      { what: `${what}initramfs`, before: a.initramfs.bytes, after: b.initramfs.bytes },
      { what: `${what}modules`, before: a.modules.bytes, after: b.modules.bytes },
      {
        what: `${what}total`,
        before: was.vmlinuz.bytes + a.initramfs.bytes + a.modules.bytes,
        after: is.vmlinuz.bytes + b.initramfs.bytes + b.modules.bytes,
      },
    );
  if (!before.installSets || !after.installSets) {
    add('', was, is);
    return pairs;
  }
  for (const set of after.installSets) {
    const other = before.installSets.find(({ name }) => lasting(name, before) === lasting(set.name, after));
    if (other) add(`${set.name}: `, other, set);
  }
  return pairs;
}

interface Weighed {
  initramfs: { bytes: number };
  modules: { bytes: number };
}

function cpuOf(before: RunResult, after: RunResult, scenarios: Pair[]): CpuComparison {
  const [was, is] = [before.accelerator.used, after.accelerator.used];
  if (was !== is) return { scenarios, ratio: null, why: `${was} before and ${is} now` };
  const ratios = scenarios
    .filter(({ before }) => before > 0)
    .map(({ before, after }) => after / before)
    .sort((a, b) => a - b);
  if (ratios.length < FEWEST_FOR_CPU)
    return { scenarios, ratio: null, why: `fewer than ${FEWEST_FOR_CPU} scenarios passed in both` };
  const middle = ratios.length >> 1;
  const [low = 1, high = 1] =
    ratios.length % 2 === 1 ? [ratios[middle], ratios[middle]] : [ratios[middle - 1], ratios[middle]];
  return { scenarios, ratio: (low + high) / 2, why: '' };
}
