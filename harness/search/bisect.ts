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
  /** The kernel that was booted. */
  release: string;
  /** The other side's kernel where they differ: then modules are compared by name. */
  otherRelease: string | null;
  /** Names of the other side that the booted kernel has no module for, built in or not. */
  unknown: string[];
  /** Modules in which the sets differ. */
  differ: number;
  guilty: Guilty[];
  proof: { bad: Pick<Tried, 'verdict' | 'reason'>; good: Pick<Tried, 'verdict' | 'reason'> } | null;
  trials: number;
  notes: string[];
  folder: string;
}

/**
 * Which of the modules in which two sets differ decides whether a scenario passes. Modules of two kernels cannot be mixed, so they are
 * compared by name: in the tree of the bad one first, and where its names of the good set do not pass, which is always so when it
 * lacks a module altogether, in the tree of the good one.
 */
export async function bisect(options: BisectOptions): Promise<Bisected> {
  const { good, bad, accelerator, cache, folder, signal, log = () => {} } = options;
  const forks = options.cold ? undefined : new Forks();
  const executor = new Executor({ accelerator, cache, signal, forks, onNote: log });
  const tried = new TriedSets(new Trials(executor, folder), folder, { accelerator, cache }, options.earlier);
  const there = await bisectIn(bad, options, tried);
  if (there.outcome !== 'good-fails' || good.kernel.digest === bad.kernel.digest)
    return { ...there, trials: executor.boots + tried.remembered };
  log(`${there.reason}; now in the tree of ${good.kernel.release}`);
  const here = await bisectIn(good, options, tried);
  if (here.outcome === 'bad-passes')
    here.reason = `with the modules that ${bad.kernel.release} has too, ${good.kernel.release} passes: the presence of modules does not explain it`;
  return { ...here, trials: executor.boots + tried.remembered };
}

/** The search with one of the two kernels, in which both sides' modules are taken by their names. */
async function bisectIn(tree: PreparedImage, options: BisectOptions, tried: TriedSets): Promise<Bisected> {
  const { good, bad, scenario, folder, signal, log = () => {} } = options;
  const sides = sidesIn(tree, good, bad);
  const other = tree === bad ? good : bad;
  const boot = async (names: readonly string[], cold: boolean) => {
    const one = await tried.boot(tree, scenario, names, { cold });
    log(`${scenario.name}: ${one.verdict} with ${count(names.length)} of ${tree.kernel.release}`);
    return one;
  };
  const named = new Set<string>();
  let asked = 0;
  const ledger = new Ledger(async (names) => {
    // The bad set and the good one are what the rest is compared with.
    const one = await boot(names, asked++ < 2);
    for (const module of one.named) named.add(module);
    return one.verdict === 'pass';
  });
  const { index } = tree;
  const answer: Bisected = {
    outcome: 'interrupted',
    reason: 'stopped before the difference was found',
    scenario: scenario.name,
    release: tree.kernel.release,
    otherRelease: good.kernel.digest === bad.kernel.digest ? null : other.kernel.release,
    unknown: other.set.names.filter((name) => !index.modules.has(name) && !index.builtins.has(name)),
    differ: changesOf(sides).length,
    guilty: [],
    proof: null,
    trials: 0,
    notes: ledger.notes,
    folder,
  };
  try {
    await search(answer, sides, { ledger, boot, named, options });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  return answer;
}

const count = (modules: number): string => (modules === 1 ? 'one module' : `${modules} modules`);

/** Among fewer changes the search itself is as cheap. */
const MANY = 8;
/** A need that shows only after another is met comes rarely deeper than this. */
const ROUNDS = 4;

interface Searching {
  ledger: Ledger;
  boot(names: readonly string[], cold: boolean): Promise<Tried>;
  /** What failures have named so far; grows with each trial. */
  named: ReadonlySet<string>;
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
      `the good set fails too${elsewhere}${elsewhere && ': the presence of modules does not explain it'}`,
    );
  const passes = (changes: readonly Change[]) => ledger.passes(withChanges(sides, changes));
  const mayGoOn = () => !signal?.aborted;
  let changes = changesOf(sides, [...named]);
  // Trials that make the rest cheap: what the failure itself names, and what that needs; what comes next may only show then.
  for (let [round, asked] = [0, 0]; round < ROUNDS && named.size > asked && mayGoOn(); round++) {
    asked = named.size;
    changes = changesOf(sides, [...named]);
    const few = changes.length >= MANY ? evident(sides, changes, named) : [];
    if (few.length === 0 || !(await passes(few))) continue;
    changes = few;
    break;
  }
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

/** Of all changes those that bring in named modules with what they need. */
function evident(sides: Sides, changes: readonly Change[], named: ReadonlySet<string>): Change[] {
  const isNamed = ({ module, kind }: Change) => kind === 'add' && named.has(module);
  const names = new Set(withChanges(sides, changes.filter(isNamed)));
  return changes.filter(({ module, kind }) => kind === 'add' && names.has(module));
}

/**
 * Both sets in one tree: modules of another kernel's by their names, as far as this one has them. What the other kernel has built in
 * is there, whatever its set. A module without those that it needs here would not load: it stays out.
 */
export function sidesIn(tree: PreparedImage, good: PreparedImage, bad: PreparedImage): Sides {
  const { index } = tree;
  const here = ({ set, kernel, index: its }: PreparedImage): Set<string> => {
    const foreign = kernel.digest !== tree.kernel.digest;
    const has = new Set([...set.names, ...(foreign ? its.builtins.keys() : [])]);
    const names = [...has].filter((name) => index.modules.has(name));
    if (!foreign) return new Set(names);
    return new Set(names.filter((name) => index.modules.get(name)?.depends.every((need) => has.has(need))));
  };
  return { index, good: here(good), bad: here(bad) };
}

function guiltyOf(change: Change, { good, bad }: BisectOptions): Guilty {
  return { ...change, good: ruleOf(good, change.module), bad: ruleOf(bad, change.module) };
}

/** The rule that put a module where it is: of a split, or one that left it out. */
function ruleOf({ split, set }: PreparedImage, module: string): RulePlace | null {
  return split?.placement.get(module)?.rule ?? set.excludedBy.get(module) ?? null;
}
