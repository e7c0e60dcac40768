import { Executor } from '../boot/executor.js';
import { Forks } from '../boot/forks.js';
import type { Cache } from '../cache.js';
import type { PreparedImage } from '../image/prepare.js';
import type { RulePlace } from '../modules/module.js';
import type { Scenario } from '../scenarios/scenario.js';
import type { AcceleratorChoice } from '../vm/machine.js';
import { type Change, changesOf, type Sides, withChanges, withoutChanges } from './changes.js';
import { isolate } from './isolate.js';
import { Ledger } from './ledger.js';
import { Trials } from './trial.js';
import { type Tried, TriedSets } from './tried.js';

export interface BisectOptions {
  good: PreparedImage;
  bad: PreparedImage;
  scenario: Scenario;
  accelerator: AcceleratorChoice;
  cache: Cache;
  /** Logs of every boot, and trials.jsonl. */
  folder: string;
  earlier?: string | undefined;
  /** Every trial is booted from the beginning. */
  cold?: boolean | undefined;
  signal?: AbortSignal | undefined;
  log?: (sentence: string) => void;
}

/** One module of the difference, with what says so on either side. */
export interface Guilty extends Change {
  good: RulePlace | null;
  bad: RulePlace | null;
}

export interface Bisected {
  /** `found`: proven both ways. */
  outcome: 'found' | 'good-fails' | 'bad-passes' | 'unproven' | 'interrupted';
  /** One sentence, where it was not found. */
  reason: string;
  scenario: string;
  /** Of both kernels where they differ: then modules are compared by name, in the tree of `release`. */
  release: string;
  otherRelease: string | null;
  /** Names of the good set that this tree has no module for. */
  unknown: string[];
  /** Modules in which the sets differ. */
  differ: number;
  guilty: Guilty[];
  proof: { bad: Pick<Tried, 'verdict' | 'reason'>; good: Pick<Tried, 'verdict' | 'reason'> } | null;
  trials: number;
  notes: string[];
  folder: string;
}

/** Which of the modules in which two sets differ decides whether a scenario passes. */
export async function bisect(options: BisectOptions): Promise<Bisected> {
  const { good, bad, scenario, accelerator, cache, folder, signal, log = () => {} } = options;
  const forks = options.cold ? undefined : new Forks();
  const executor = new Executor({ accelerator, cache, signal, forks, onNote: log });
  const tried = new TriedSets(new Trials(executor, folder), folder, { accelerator, cache }, options.earlier);
  const otherKernel = good.kernel.digest !== bad.kernel.digest;
  const sides = sidesIn(bad, good, bad);
  const boot = async (names: readonly string[], cold: boolean) => {
    const one = await tried.boot(bad, scenario, names, { cold });
    log(`${scenario.name}: ${one.verdict} with ${names.length} modules`);
    return one;
  };
  let first: Tried | undefined;
  let asked = 0;
  const ledger = new Ledger(async (names) => {
    // The bad set and the good one are what the rest is compared with.
    const one = await boot(names, asked++ < 2);
    first ??= one;
    return one.verdict === 'pass';
  });
  const answer: Bisected = {
    outcome: 'interrupted',
    reason: 'stopped before the difference was found',
    scenario: scenario.name,
    release: bad.kernel.release,
    otherRelease: otherKernel ? good.kernel.release : null,
    unknown: good.set.names.filter((name) => !bad.index.modules.has(name) && !bad.index.builtins.has(name)),
    differ: changesOf(sides).length,
    guilty: [],
    proof: null,
    trials: 0,
    notes: ledger.notes,
    folder,
  };
  try {
    await search(answer, sides, { ledger, boot, named: () => first?.named ?? [], options });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  return { ...answer, trials: executor.boots + tried.remembered };
}

/** Among fewer changes the search itself is as cheap. */
const MANY = 8;

interface Searching {
  ledger: Ledger;
  boot(names: readonly string[], cold: boolean): Promise<Tried>;
  named(): readonly string[];
  options: BisectOptions;
}

async function search(
  answer: Bisected,
  sides: Sides,
  { ledger, boot, named, options }: Searching,
): Promise<void> {
  const { signal } = options;
  const end = (outcome: Bisected['outcome'], reason: string) => Object.assign(answer, { outcome, reason });
  const elsewhere = answer.otherRelease === null ? '' : ` when booted with ${answer.release}`;
  if (await ledger.passes([...sides.bad].sort()))
    return void end('bad-passes', 'the bad set passes: there is nothing to find');
  if (!(await ledger.passes([...sides.good].sort())))
    return void end(
      'good-fails',
      `the good set fails too${elsewhere}${elsewhere && ': which modules are there does not explain it'}`,
    );
  const likely = named();
  const passes = (changes: readonly Change[]) => ledger.passes(withChanges(sides, changes));
  const mayGoOn = () => !signal?.aborted;
  let changes = changesOf(sides, likely);
  // One trial that makes the rest cheap: what the failure itself names, and what that needs.
  const evident = new Set(withChanges(sides, changes.filter(isNamed(likely))));
  const few = changes.filter(({ module, kind }) => kind === 'add' && evident.has(module));
  if (few.length > 0 && changes.length >= MANY && (await passes(few))) changes = few;
  const found = await isolate({ changes, passes, mayGoOn });
  answer.guilty = found.map((change) => guiltyOf(change, options));
  if (!mayGoOn()) return;
  const forth = await boot(withChanges(sides, found), true);
  const back = await boot(withoutChanges(sides, found), true);
  answer.proof = {
    bad: { verdict: forth.verdict, reason: forth.reason },
    good: { verdict: back.verdict, reason: back.reason },
  };
  if (forth.verdict !== 'pass')
    return void end(
      'unproven',
      `flaky: with the difference the bad set passed, and then not: ${forth.reason}`,
    );
  if (back.verdict === 'pass')
    return void end(
      'unproven',
      'the good set passes without the difference too: something else in it does the same work',
    );
  if (ledger.flaky) return void end('unproven', 'the scenario is flaky: see the notes');
  end('found', '');
}

const isNamed =
  (names: readonly string[]) =>
  ({ module, kind }: Change): boolean =>
    kind === 'add' && names.includes(module);

/** Both sets in one tree: modules of another kernel's by their names, as far as this one has them. */
export function sidesIn({ index }: PreparedImage, good: PreparedImage, bad: PreparedImage): Sides {
  const here = (names: readonly string[]) => new Set(names.filter((name) => index.modules.has(name)));
  return { index, good: here(good.set.names), bad: here(bad.set.names) };
}

function guiltyOf(change: Change, { good, bad }: BisectOptions): Guilty {
  return { ...change, good: ruleOf(good, change.module), bad: ruleOf(bad, change.module) };
}

/** The rule that put a module where it is: of a split, or one that left it out. */
function ruleOf({ split, set }: PreparedImage, module: string): RulePlace | null {
  return split?.placement.get(module)?.rule ?? set.excludedBy.get(module) ?? null;
}
