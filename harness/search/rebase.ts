import { BootgateError, type Problem } from '../errors.js';
import type { ModuleIndex, RulePlace } from '../modules/module.js';
import { type OverBudget, overBudget } from '../splits/budgets.js';
import type { CheckFinding } from '../splits/finding.js';
import { weighSplit } from '../splits/size.js';
import type { Placed, Split } from '../splits/split.js';
import { checkSplit } from '../splits/staticcheck.js';
import { answersTo, type NeedsTable } from './needs-table.js';
import { type KernelChanges, kernelChanges } from './rebase-changes.js';
import { LEAST_CONFIDENCE, type Suggestion, suggestPackages } from './rebase-suggest.js';

/** What a newer kernel means for a split, before anyone boots. */
export interface Rebase {
  split: string;
  format: string;
  from: string;
  to: string;
  changes: KernelChanges;
  /** Why the split cannot be read against the newer kernel; everything that needs its placement is then empty. */
  unreadable: string[];
  /** The same with their places. */
  problems: readonly Problem[];
  /** Rules that placed something on the older kernel and place nothing on the newer one. */
  unused: RulePlace[];
  /** New modules that no rule names: in no package, or in the default one. */
  unplaced: { module: string; package: string | null; neededBy: string[] }[];
  /** Modules of both kernels that the same rules now put into another package. */
  rehomed: { module: string; from: string | null; to: string | null; why?: string }[];
  /** Errors of `split check` that the older kernel did not have: dependencies outside an install set, and the like. */
  broken: CheckFinding[];
  /** Limits that the older kernel kept. */
  budgets: OverBudget[];
  /** Firmware files that no module named before; null where the modules' files were not read. */
  firmware: { module: string; files: string[] }[] | null;
  suggestions: (Suggestion & {
    /** Where the split as it is puts the module on the newer kernel. */
    today: string | null;
    bytes: number;
    /** Scenarios whose recorded requests come to it on the newer kernel. */
    neededBy: string[];
  })[];
}

/** What is known of a module's own file. */
type Facts = { get(name: string): { firmware: readonly string[] } | undefined };

export interface RebaseInput {
  from: ModuleIndex;
  to: ModuleIndex;
  /** Reads the split against one of the two kernels. */
  read(which: 'from' | 'to'): Promise<Split>;
  facts?: { from: Facts; to: Facts };
  /** Least growth of a module to name, in bytes. */
  growth: number;
  /** Least confidence of a suggestion; see LEAST_CONFIDENCE. */
  least?: number;
  /** What scenarios are known to request. */
  needs?: NeedsTable | null;
}

/** @throws BootgateError blame `user` where the split does not fit even the older kernel. */
export async function rebase(input: RebaseInput): Promise<Rebase> {
  const { from, to } = input;
  const changes = kernelChanges(from, to, input.growth);
  const old = await input.read('from');
  const { split, unreadable, problems } = await readNew(input);
  const known = {
    from,
    to,
    changes,
    packages: old.packages,
    placement: old.placement,
    partial: old.partial,
  };
  const home = (one: Placed | undefined) => one?.package ?? null;
  const users = usersOf(input.needs, to);
  return {
    split: old.file,
    format: old.format,
    from: from.release,
    to: to.release,
    changes,
    unreadable,
    problems,
    firmware: input.facts ? newFirmware(input.facts, from, to) : null,
    ...(split ? compareSplits(old, split, from, to, users) : { ...NOTHING }),
    suggestions: suggestPackages(known, input.least ?? LEAST_CONFIDENCE).map((one) => ({
      ...one,
      today: home(split?.placement.get(one.module)),
      bytes: to.modules.get(one.module)?.bytes ?? 0,
      neededBy: users.get(one.module) ?? [],
    })),
  };
}

/** Whether somebody has to act: the newer kernel does not fit the split. */
export function needsWork(one: Rebase, partial: boolean): boolean {
  const nowhere = partial ? [] : one.unplaced.filter((row) => row.package === null);
  return [one.unreadable, one.broken, one.budgets, nowhere].some(({ length }) => length > 0);
}

const NOTHING = { unused: [], unplaced: [], rehomed: [], broken: [], budgets: [] };

async function readNew(
  input: RebaseInput,
): Promise<{ split?: Split; unreadable: string[]; problems: readonly Problem[] }> {
  try {
    return { split: await input.read('to'), unreadable: [], problems: [] };
  } catch (error) {
    // kernel-wedge stops at a required module that is gone: that is an answer, and the suggestions need only the older kernel.
    if (!(error instanceof BootgateError) || error.code !== 'E_SPLIT') throw error;
    const problems = error.problems.map(
      ({ file, line, message }) => `${file ? `${file}${line ? `:${line}` : ''}: ` : ''}${message}`,
    );
    return { unreadable: problems.length > 0 ? problems : [error.message], problems: error.problems };
  }
}

function compareSplits(
  old: Split,
  split: Split,
  from: ModuleIndex,
  to: ModuleIndex,
  users: ReadonlyMap<string, string[]>,
): Pick<Rebase, 'unused' | 'unplaced' | 'rehomed' | 'broken' | 'budgets'> {
  const key = (place: RulePlace) => `${place.file}:${place.line}:${place.text}`;
  const before = new Set(old.unused.map(key));
  const unplaced: Rebase['unplaced'] = [];
  const rehomed: Rebase['rehomed'] = [];
  for (const name of to.modules.keys()) {
    const [was, is] = [old.placement.get(name), split.placement.get(name)];
    if (!from.modules.has(name)) {
      if (!is || isDefault(is))
        unplaced.push({ module: name, package: is?.package ?? null, neededBy: users.get(name) ?? [] });
    } else if (was?.package !== is?.package)
      rehomed.push({
        module: name,
        from: was?.package ?? null,
        to: is?.package ?? null,
        ...(is?.why ? { why: is.why } : {}),
      });
  }
  const errors = (one: Split, index: ModuleIndex) =>
    checkSplit({ split: one, index }).filter(({ severity }) => severity === 'error');
  const known = new Set(errors(old, from).map((one) => one.key));
  const over = (one: Split, index: ModuleIndex) =>
    overBudget({ split: one, index, size: weighSplit({ split: one, index, vmlinuz: null }) });
  const missed = new Set(over(old, from).map(({ what }) => what));
  return {
    unused: split.unused.filter((place) => !before.has(key(place))),
    unplaced,
    rehomed,
    broken: errors(split, to).filter((one) => !known.has(one.key)),
    budgets: over(split, to).filter(({ what }) => !missed.has(what)),
  };
}

/** Which scenarios would ask for each module of a kernel. */
function usersOf(needs: NeedsTable | null | undefined, to: ModuleIndex): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const [scenario, { requests }] of Object.entries(needs?.scenarios ?? {}))
    for (const module of answersTo(requests, to)) users.set(module, [...(users.get(module) ?? []), scenario]);
  return users;
}

/** The format's last resort: a default without a line, or the line that takes what is left. */
function isDefault({ rule, why }: Placed): boolean {
  return why === undefined && (rule === null || /^(default|rest)\b/.test(rule.text));
}

function newFirmware(facts: { from: Facts; to: Facts }, from: ModuleIndex, to: ModuleIndex) {
  const known = new Set([...from.modules.keys()].flatMap((name) => facts.from.get(name)?.firmware ?? []));
  return [...to.modules.keys()].sort().flatMap((module) => {
    const files = (facts.to.get(module)?.firmware ?? []).filter((file) => !known.has(file));
    return files.length > 0 ? [{ module, files }] : [];
  });
}
