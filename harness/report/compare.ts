import type { RunResult, ScenarioResult, Verdict } from './result.js';
import { resultName } from './result.js';

/** What changed from one run to another. Plain data; `bootgate compare --json` prints it. */
export interface RunComparison {
  schema: 'bootgate/compare@1';
  before: RunId;
  after: RunId;
  /** Passed before (or was not there) and says no now. */
  newFailures: Changed[];
  fixed: Changed[];
  stillFailing: Changed[];
  /** Booted in one of them only: a scenario that nobody boots any more is no longer tested. */
  appeared: string[];
  gone: string[];
  /** Bytes of vmlinuz, initramfs, modules and all of them together, for each install set where there are some. */
  sizes: Pair[];
  /** Guest memory in use after boot, in bytes, for each scenario that passed in both. */
  memory: Pair[];
  cpu: CpuComparison;
}

export interface RunId {
  id: string;
  image: string;
  kernel: string;
}

export interface Changed {
  name: string;
  before: Verdict | 'absent';
  after: Verdict;
}

export interface Pair {
  what: string;
  before: number;
  after: number;
}

export interface CpuComparison {
  /** QEMU's CPU seconds for each scenario that passed in both. */
  scenarios: Pair[];
  /** The middle one of their ratios: one slow guest on a busy host does not move it. Null where nothing can be compared. */
  ratio: number | null;
  /** Why not, where it is null. */
  why: string;
}

/** With fewer scenarios than these in both runs, chance decides the middle ratio. */
const FEWEST_FOR_CPU = 3;

const isBad = ({ verdict }: ScenarioResult): boolean =>
  verdict === 'fail' || verdict === 'crash' || verdict === 'hang';
const isBooted = ({ verdict }: ScenarioResult): boolean => verdict !== 'skip' && verdict !== 'infra';

/** Compares two runs, results by name. What the host did wrong (infra) in either is no change of the kernel's. */
export function compareRuns(before: RunResult, after: RunResult): RunComparison {
  const old = new Map(before.results.map((one) => [resultName(one), one]));
  const names = new Set(after.results.map(resultName));
  const comparison: RunComparison = {
    schema: 'bootgate/compare@1',
    before: idOf(before),
    after: idOf(after),
    newFailures: [],
    fixed: [],
    stillFailing: [],
    appeared: [],
    gone: before.results.filter((one) => isBooted(one) && !names.has(resultName(one))).map(resultName),
    sizes: sizesOf(before, after),
    memory: [],
    cpu: { scenarios: [], ratio: null, why: '' },
  };
  for (const one of after.results) {
    const name = resultName(one);
    const was = old.get(name);
    if (one.verdict === 'skip' && was && isBooted(was)) comparison.gone.push(name);
    if (!isBooted(one)) continue;
    const wasBooted = was !== undefined && isBooted(was);
    if (!wasBooted) comparison.appeared.push(name);
    const change: Changed = { name, before: was?.verdict ?? 'absent', after: one.verdict };
    if (isBad(one)) comparison[was && isBad(was) ? 'stillFailing' : 'newFailures'].push(change);
    else if (was && isBad(was)) comparison.fixed.push(change);
    if (was?.verdict !== 'pass' || one.verdict !== 'pass') continue;
    comparison.memory.push({
      what: name,
      before: was.memory.usedAfterBootBytes,
      after: one.memory.usedAfterBootBytes,
    });
    comparison.cpu.scenarios.push({ what: name, before: was.cpuSeconds, after: one.cpuSeconds });
  }
  return { ...comparison, cpu: cpuOf(before, after, comparison.cpu.scenarios) };
}

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
        what: `${what}in all`,
        before: was.vmlinuz.bytes + a.initramfs.bytes + a.modules.bytes,
        after: is.vmlinuz.bytes + b.initramfs.bytes + b.modules.bytes,
      },
    );
  if (!before.installSets || !after.installSets) {
    add('', was, is);
    return pairs;
  }
  for (const set of after.installSets) {
    const other = before.installSets.find(({ name }) => name === set.name);
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
